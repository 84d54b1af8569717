"""`MatrixError`: the only exceptions a client or server sees, one subclass per errcode.

`error` is safe for the client; `inner` goes to the log. Neither holds message content or personal data.

Spec: https://spec.matrix.org/v1.19/client-server-api/#standard-error-response
"""

from typing import ClassVar

from timserver.matrix.json_types import JsonObject, JsonValue


class MatrixError(Exception):
    """A refusal with an HTTP status and an errcode. Further fields of the answer go into `extra`."""

    status: ClassVar[int] = 400
    errcode: ClassVar[str] = "M_UNKNOWN"
    default: ClassVar[str] = "Unknown error"

    def __init__(
        self,
        error: str | None = None,
        *,
        status: int | None = None,
        inner: str | None = None,
        **extra: JsonValue,
    ) -> None:
        self.error = error or self.default
        self.http_status = status or self.status
        self.inner = inner
        self.extra = extra
        super().__init__(f"{self.errcode}: {self.error}" + (f" ({inner})" if inner else ""))

    def body(self) -> dict[str, JsonValue]:
        """The JSON that the client gets."""
        return {"errcode": self.errcode, "error": self.error, **self.extra}


class Unknown(MatrixError):
    """An error without a better name."""

    status, errcode, default = 500, "M_UNKNOWN", "Internal server error"


class Unrecognized(MatrixError):
    """Unknown path (404) or known path with a wrong method (405)."""

    status, errcode, default = 404, "M_UNRECOGNIZED", "Unrecognized request"


class NotFound(MatrixError):
    """No resource was found."""

    status, errcode, default = 404, "M_NOT_FOUND", "Not found"


class Forbidden(MatrixError):
    """Not allowed."""

    status, errcode, default = 403, "M_FORBIDDEN", "Forbidden"


class MissingToken(MatrixError):
    """No access token was given."""

    status, errcode, default = 401, "M_MISSING_TOKEN", "Missing access token"


class UnknownToken(MatrixError):
    """The token is not known here, or no longer (`soft_logout`)."""

    status, errcode, default = 401, "M_UNKNOWN_TOKEN", "Unrecognised access token"


class UserLocked(MatrixError):
    """The account is locked; tokens stay valid."""

    status, errcode, default = 401, "M_USER_LOCKED", "This account has been locked"


class UserSuspended(MatrixError):
    """The account is suspended."""

    status, errcode, default = 403, "M_USER_SUSPENDED", "This account has been suspended"


class UserDeactivated(MatrixError):
    """The account was deactivated."""

    status, errcode, default = 403, "M_USER_DEACTIVATED", "This account has been deactivated"


class InteractionNeeded(MatrixError):
    """User-interactive authentication goes on: flows, session and what is completed are in `extra`.

    Has an errcode only when a stage was tried and failed (`failure`).
    Spec: https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api
    """

    status, errcode, default = 401, "M_FORBIDDEN", "Authentication is needed"

    def __init__(self, failure: str | None, extra: JsonObject) -> None:
        super().__init__(failure)
        self.extra = dict(extra)
        self.failed = failure is not None

    def body(self) -> dict[str, JsonValue]:
        """See `MatrixError`."""
        return super().body() if self.failed else dict(self.extra)


class BadJson(MatrixError):
    """JSON, but not of the shape that is wanted."""

    errcode, default = "M_BAD_JSON", "Malformed JSON"


class NotJson(MatrixError):
    """No JSON."""

    errcode, default = "M_NOT_JSON", "Content not JSON"


class MissingParam(MatrixError):
    """A required parameter is missing."""

    errcode, default = "M_MISSING_PARAM", "Missing parameter"


class InvalidParam(MatrixError):
    """A parameter has a wrong value."""

    errcode, default = "M_INVALID_PARAM", "Invalid parameter"


class TooLarge(MatrixError):
    """The request or an entity in it is too large."""

    status, errcode, default = 413, "M_TOO_LARGE", "Request too large"


class LimitExceeded(MatrixError):
    """Too many requests; `retry_after_ms` is in `extra`."""

    status, errcode, default = 429, "M_LIMIT_EXCEEDED", "Too many requests"


class UserInUse(MatrixError):
    """The user id is taken."""

    errcode, default = "M_USER_IN_USE", "User ID already taken"


class InvalidUsername(MatrixError):
    """The localpart is not allowed."""

    errcode, default = "M_INVALID_USERNAME", "Invalid username"


class Exclusive(MatrixError):
    """The name is reserved by an application service."""

    errcode, default = "M_EXCLUSIVE", "Reserved"


class WeakPassword(MatrixError):
    """The password was refused."""

    errcode, default = "M_WEAK_PASSWORD", "Password too weak"


class RoomInUse(MatrixError):
    """The room alias is taken."""

    errcode, default = "M_ROOM_IN_USE", "Room alias already taken"


class InvalidRoomState(MatrixError):
    """The room's state does not allow it, or an initial state is invalid."""

    errcode, default = "M_INVALID_ROOM_STATE", "Invalid room state"


class UnsupportedRoomVersion(MatrixError):
    """The room version is not supported."""

    errcode, default = "M_UNSUPPORTED_ROOM_VERSION", "Unsupported room version"


class IncompatibleRoomVersion(MatrixError):
    """The asking server does not support the room's version."""

    errcode, default = "M_INCOMPATIBLE_ROOM_VERSION", "Incompatible room version"


class BadState(MatrixError):
    """The change needs a state that is not the current one (for example unban of one who is not banned)."""

    errcode, default = "M_BAD_STATE", "Bad state"


class BadAlias(MatrixError):
    """The alias does not point to this room."""

    errcode, default = "M_BAD_ALIAS", "Bad alias"


class DuplicateAnnotation(MatrixError):
    """The user has already sent this annotation."""

    errcode, default = "M_DUPLICATE_ANNOTATION", "Duplicate annotation"


class GuestAccessForbidden(MatrixError):
    """Guests may not do this here."""

    status, errcode, default = 403, "M_GUEST_ACCESS_FORBIDDEN", "Guest access not allowed"


class UnableToAuthoriseJoin(MatrixError):
    """No server in the room could check the restricted join."""

    errcode, default = "M_UNABLE_TO_AUTHORISE_JOIN", "Unable to authorise join"


class UnableToGrantJoin(MatrixError):
    """This server has nobody in the room who could grant the join."""

    errcode, default = "M_UNABLE_TO_GRANT_JOIN", "Unable to grant join"


class InvalidSignature(MatrixError):
    """A signature is missing or wrong."""

    errcode, default = "M_INVALID_SIGNATURE", "Invalid signature"


class WrongRoomKeysVersion(MatrixError):
    """The key backup version is not the current one (`current_version` in `extra`)."""

    status, errcode, default = 403, "M_WRONG_ROOM_KEYS_VERSION", "Wrong backup version"


class NotYetUploaded(MatrixError):
    """The media was announced but not uploaded yet."""

    status, errcode, default = 504, "M_NOT_YET_UPLOADED", "Content has not yet been uploaded"


class CannotOverwriteMedia(MatrixError):
    """The media was already uploaded."""

    status, errcode, default = 409, "M_CANNOT_OVERWRITE_MEDIA", "Media already uploaded"


class ProfileTooLarge(MatrixError):
    """The profile would exceed 64 KiB."""

    errcode, default = "M_PROFILE_TOO_LARGE", "Profile too large"


class KeyTooLarge(MatrixError):
    """A profile field's name exceeds 255 bytes."""

    errcode, default = "M_KEY_TOO_LARGE", "Profile field name too long"


class ThreepidNotFound(MatrixError):
    """The third-party identifier is not known."""

    errcode, default = "M_THREEPID_NOT_FOUND", "Third-party identifier not found"


class RefusedByPolicyServer(MatrixError):
    """What a room's policy server said to an event, word for word."""

    def __init__(self, error: str, errcode: str, status: int, retry_after_ms: int | None) -> None:
        wait: dict[str, JsonValue] = {} if retry_after_ms is None else {"retry_after_ms": retry_after_ms}
        super().__init__(error, status=status, inner=f"policy server {errcode}", **wait)
        self.told_errcode = errcode

    def body(self) -> dict[str, JsonValue]:
        """With the policy server's own errcode."""
        return {**super().body(), "errcode": self.told_errcode}


class ThreepidDenied(MatrixError):
    """Third-party identifiers are not used here."""

    status, errcode, default = 403, "M_THREEPID_DENIED", "Third-party identifiers are not supported"


class CannotLeaveServerNoticeRoom(MatrixError):
    """The server notice room cannot be left."""

    status, errcode, default = 403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM", "Cannot leave this room"


class UserLimitExceeded(MatrixError):
    """A fixed limit of the user is reached (spec 1.18)."""

    status, errcode, default = 403, "M_USER_LIMIT_EXCEEDED", "Limit exceeded"


class InviteBlocked(MatrixError):
    """The invitee does not want invites (spec 1.18)."""

    status, errcode, default = 403, "M_INVITE_BLOCKED", "Invite blocked"


class Unauthorized(MatrixError):
    """The request could not be authenticated (federation)."""

    status, errcode, default = 401, "M_UNAUTHORIZED", "Unauthorized"


class Unavailable(MatrixError):
    """The database is away or the server is draining: try again."""

    status, errcode, default = 503, "M_UNKNOWN", "Temporarily unavailable"
