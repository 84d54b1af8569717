"""Step: a local user's join, leave or knock through a server that is in the room.

Every candidate is asked in turn for a template; the event is built here (`matrix.membership_template`), signed, and
sent to the server whose template it was. What the other servers said when it did not work is told to the client as
the spec wants it.

Spec: https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar

import msgspec
import structlog

from timserver import core
from timserver.context import Context
from timserver.matrix import errors, membership_template
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.membership_template import Wanted
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat, RoomVersion
from timserver.remote.errors import RemoteError
from timserver.remote.federation import handshakes
from timserver.tenancy import Tenant
from timserver.usecases.tenants.signing_key import signing_key

_log = structlog.get_logger("timserver.federation")

Answer = TypeVar("Answer")
Send = Callable[[ServerName, RoomVersion, Event], Awaitable[Answer]]

_PASSED_ON: Final[Mapping[str, type[errors.MatrixError]]] = {
    kind.errcode: kind
    for kind in (
        errors.Forbidden,
        errors.UnableToGrantJoin,
        errors.UnableToAuthoriseJoin,
        errors.IncompatibleRoomVersion,
        errors.NotFound,
        errors.LimitExceeded,
    )
}
"""Refusals that a client gets as they are; when servers differ, the first of this order."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a local user wants of a room."""

    room_id: RoomID
    user_id: UserID
    membership: str
    content: JsonObject
    version: RoomVersion | None
    """The room's version, when it is known here already; no server may say otherwise."""


class Shaken(msgspec.Struct, Generic[Answer], frozen=True, kw_only=True):
    """What came of it: our event, and what the server that took it answered."""

    server_name: ServerName
    version: RoomVersion
    event: Event
    answer: Answer


async def shake_hands(
    ctx: Context, tenant: Tenant, servers: Sequence[ServerName], asked: Asked, send: Send[Answer]
) -> Shaken[Answer]:
    """Raises what `refusal_of` makes of the refusals when no server took the event. `send` raises RemoteError."""
    refusals: list[RemoteError] = []
    for server_name in servers:
        try:
            version, event = await _event(ctx, tenant, server_name, asked)
            answer = await send(server_name, version, event)
        except RemoteError as error:
            _log.info("handshake refused", server=server_name, membership=asked.membership, error=str(error))
            refusals.append(error)
            continue
        return Shaken(server_name=server_name, version=version, event=event, answer=answer)
    raise refusal_of(refusals)


async def _event(
    ctx: Context, tenant: Tenant, server_name: ServerName, asked: Asked
) -> tuple[RoomVersion, Event]:
    """Our own signed event, by the server's template."""
    needs_versions = asked.membership != "leave"
    template = await handshakes.make_membership(
        ctx.remote,
        tenant,
        server_name,
        asked.membership,
        asked.room_id,
        asked.user_id,
        versions=tuple(ROOM_VERSIONS) if needs_versions else (),
    )
    version = ROOM_VERSIONS.get(template.room_version)
    if version is None or asked.version not in (None, version):
        raise RemoteError("template of a room version that cannot be")
    wanted = Wanted(
        room_id=asked.room_id,
        user_id=asked.user_id,
        membership=asked.membership,
        content=asked.content,
        resident=server_name,
    )
    given = version.event_id_format is EventIdFormat.GIVEN
    try:
        built = membership_template.read_template(
            version,
            wanted,
            template.event,
            origin_server_ts=ctx.clock.now_ms(),
            event_id=EventID(f"${ctx.ids.opaque(18)}:{tenant.server_name}") if given else None,
        )
    except errors.BadJson as error:
        raise RemoteError(str(error)) from error
    key = await signing_key(ctx, tenant)
    event = core.seal(version, built, server_name=tenant.server_name, signing_key=key)
    assert (event.type, event.membership, event.sender) == ("m.room.member", asked.membership, asked.user_id)
    assert (event.room_id, event.state_key) == (asked.room_id, asked.user_id)
    return version, event


def refusal_of(refusals: Sequence[RemoteError]) -> errors.MatrixError:
    """What the client is told: a refusal that says why, else that no server could be reached (502)."""
    if refusals and all(refusal.denied for refusal in refusals):
        return errors.Forbidden(inner=str(refusals[0]))
    for errcode, kind in _PASSED_ON.items():
        for refusal in refusals:
            if refusal.errcode == errcode:
                inner = f"another server: {refusal}"
                if kind is errors.LimitExceeded:
                    return kind(inner=inner, retry_after_ms=refusal.retry_after_ms or 1_000)
                return kind(refusal.error, inner=inner)
    inner = "; ".join(str(refusal) for refusal in refusals) or "nobody to ask"
    return errors.Unknown("No other server could help", status=502, inner=inner)
