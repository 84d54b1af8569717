"""`/admin`: what administrators of a homeserver may do by the spec."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Auth, Path, Request, endpoint
from timserver.context import Context
from timserver.matrix.ids import UserID
from timserver.store.accounts import LOCKED, DeviceRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.moderation import accounts


class UserRequest(Request, frozen=True, kw_only=True):
    """Which user."""

    user_id: Annotated[UserID, Path("userId")]


class Connection(msgspec.Struct, frozen=True):
    """From where a device was here."""

    ip: str | None
    last_seen: int | None
    user_agent: str | None


class Session(msgspec.Struct, frozen=True):
    """We keep the newest connection."""

    connections: tuple[Connection, ...]


class DeviceInfo(msgspec.Struct, frozen=True):
    """A device."""

    sessions: tuple[Session, ...]


class WhoIsResponse(msgspec.Struct, frozen=True):
    """Devices by id."""

    user_id: str
    devices: dict[str, DeviceInfo]


@endpoint("GET", "/_matrix/client/v3/admin/whois/{userId}")
async def get_who_is(
    ctx: Context, tenant: Tenant, requester: Requester, request: UserRequest
) -> WhoIsResponse:
    """GET /_matrix/client/v3/admin/whois/{userId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3adminwhoisuserid
    """
    devices = await accounts.devices_of(ctx, tenant, requester, request.user_id)
    return WhoIsResponse(request.user_id, {device.device_id: _info(device) for device in devices})


def _info(device: DeviceRow) -> DeviceInfo:
    return DeviceInfo((Session((Connection(device.seen_ip, device.seen_ts, device.seen_agent),)),))


class LockedResponse(msgspec.Struct, frozen=True):
    """Whether the account is locked."""

    locked: bool


class LockRequest(UserRequest, frozen=True, kw_only=True):
    """Whether it is to be."""

    locked: bool


class SuspendedResponse(msgspec.Struct, frozen=True):
    """Whether the account is suspended."""

    suspended: bool


class SuspendRequest(UserRequest, frozen=True, kw_only=True):
    """Whether it is to be."""

    suspended: bool


@endpoint("GET", "/_matrix/client/v1/admin/lock/{userId}", auth=Auth.ADMIN)
async def get_admin_lock_user(
    ctx: Context, tenant: Tenant, requester: Requester, request: UserRequest
) -> LockedResponse:
    """GET /_matrix/client/v1/admin/lock/{userId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1adminlockuserid
    """
    account = await accounts.read_account(ctx, tenant, request.user_id)
    return LockedResponse(account.state == LOCKED)


@endpoint("PUT", "/_matrix/client/v1/admin/lock/{userId}", auth=Auth.ADMIN)
async def set_admin_lock_user(
    ctx: Context, tenant: Tenant, requester: Requester, request: LockRequest
) -> LockedResponse:
    """PUT /_matrix/client/v1/admin/lock/{userId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv1adminlockuserid
    """
    await accounts.set_locked(ctx, tenant, requester, request.user_id, locked=request.locked)
    return LockedResponse(request.locked)


@endpoint("GET", "/_matrix/client/v1/admin/suspend/{userId}", auth=Auth.ADMIN)
async def get_admin_suspend_user(
    ctx: Context, tenant: Tenant, requester: Requester, request: UserRequest
) -> SuspendedResponse:
    """GET /_matrix/client/v1/admin/suspend/{userId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1adminsuspenduserid
    """
    account = await accounts.read_account(ctx, tenant, request.user_id)
    return SuspendedResponse(account.is_suspended)


@endpoint("PUT", "/_matrix/client/v1/admin/suspend/{userId}", auth=Auth.ADMIN)
async def set_admin_suspend_user(
    ctx: Context, tenant: Tenant, requester: Requester, request: SuspendRequest
) -> SuspendedResponse:
    """PUT /_matrix/client/v1/admin/suspend/{userId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv1adminsuspenduserid
    """
    await accounts.set_suspended(ctx, tenant, requester, request.user_id, suspended=request.suspended)
    return SuspendedResponse(request.suspended)
