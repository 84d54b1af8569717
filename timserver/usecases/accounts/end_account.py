"""Step: what the end of an account means, whoever ends it."""

import structlog

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import DeviceID, RoomID, UserID
from timserver.store import account_data, accounts, profiles, push_rules, rooms
from timserver.store.live_rooms import BAN, LEAVE
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.log_out import end_devices
from timserver.usecases.membership.leaving import leave
from timserver.usecases.rooms.live import must_current_room

_log = structlog.get_logger("timserver.accounts")


async def end_account(ctx: Context, tenant: Tenant, user_id: UserID, user_nid: int, *, erase: bool) -> None:
    """First the doors are shut, then what was private goes, with `erase` (RET-11) the profile too; then rooms are left
    and invites refused. A room that fails does not keep the user in the others. Each step may be repeated.
    """
    async with ctx.database.transaction(tenant) as conn:
        await accounts.set_state(conn, tenant, user_nid, accounts.DEACTIVATED, erased=erase)
        found = await accounts.devices(conn, tenant, user_nid)
        memberships = await rooms.rooms_of(conn, tenant, user_nid)
    await end_devices(ctx, tenant, user_nid, [device.device_nid for device in found])
    async with ctx.database.transaction(tenant) as conn:
        await account_data.delete_all(conn, tenant, user_nid)
        await push_rules.delete(conn, tenant, user_nid)
        if erase:
            await profiles.delete_all(conn, tenant, user_nid)
    leaver = Requester(user_id=user_id, user_nid=user_nid, device_id=DeviceID(""), device_nid=0)
    for membership in memberships:
        if membership.membership in (LEAVE, BAN):
            continue
        try:
            room = await must_current_room(ctx, tenant, RoomID(membership.room_id))
            await leave(ctx, tenant, leaver, room)
        except errors.MatrixError as error:
            _log.warning("room not left at the end of an account", errcode=error.errcode)
