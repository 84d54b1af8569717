"""Another server asks for public keys of users of ours, for their devices, or takes one-time keys.

Only users of this server are answered for, never what is remembered of others (RELIABILITY E12).

Spec: https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption
"""

from collections.abc import Collection, Mapping

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import UserID
from timserver.store import accounts, outgoing, terms
from timserver.tenancy import Tenant
from timserver.usecases.e2ee.local_keys import (
    ClaimedKeys,
    KeysOfUsers,
    claim_local_keys,
    is_local,
    read_local_keys,
)


class UserDevice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device with its identity keys."""

    device_id: str
    keys: Raw
    device_display_name: str | None = None


class UserDevices(msgspec.Struct, frozen=True, omit_defaults=True):
    """The devices of a user that have keys, and the version of the list."""

    user_id: UserID
    stream_id: int
    devices: list[UserDevice]
    master_key: Raw | None = None
    self_signing_key: Raw | None = None


async def query_user_keys(ctx: Context, tenant: Tenant, wanted: Mapping[str, Collection[str]]) -> KeysOfUsers:
    """Spec: https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysquery."""
    local = {user_id: devices for user_id, devices in wanted.items() if is_local(tenant, user_id)}
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        with_names = ctx.settings.federation.device_names
        return await read_local_keys(ctx, conn, tenant, local, with_names=with_names)


async def claim_user_keys(
    ctx: Context, tenant: Tenant, wanted: Mapping[str, Mapping[str, str]]
) -> ClaimedKeys:
    """Spec: https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1userkeysclaim."""
    local = {user_id: devices for user_id, devices in wanted.items() if is_local(tenant, user_id)}
    return await claim_local_keys(ctx, tenant, local) if local else {}


async def read_user_devices(ctx: Context, tenant: Tenant, user_id: UserID) -> UserDevices:
    """Raises `NotFound` for users who are not here.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1userdevicesuserid
    """
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        user_nid = (await terms.find(conn, ctx.caches, tenant, [user_id])).get(user_id)
        known = is_local(tenant, user_id) and user_nid is not None
        if user_nid is None or not known or not await accounts.local_among(conn, tenant, [user_nid]):
            raise errors.NotFound("User not found")
        stream_id = await outgoing.stream_id(conn, tenant, user_nid)
        found = await read_local_keys(ctx, conn, tenant, {user_id: ()}, with_names=False)
        names: dict[str, str | None] = {}
        if ctx.settings.federation.device_names:
            devices_here = await accounts.devices(conn, tenant, user_nid)
            names = {device.device_id: device.display_name for device in devices_here}
    devices = [
        UserDevice(device_id, keys, names.get(device_id))
        for device_id, keys in found.device_keys[user_id].items()
    ]
    return UserDevices(
        user_id=user_id,
        stream_id=stream_id,
        devices=devices,
        master_key=found.master_keys.get(user_id),
        self_signing_key=found.self_signing_keys.get(user_id),
    )
