"""The end of an account: nobody can log in again, and the name stays taken."""

from timserver.context import Context
from timserver.matrix.ids import RoomID
from timserver.store import account_data, accounts, profiles, push_rules, rooms
from timserver.store.live_rooms import BAN, LEAVE
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.log_out import end_devices
from timserver.usecases.accounts.uia import Attempt, prove_password
from timserver.usecases.membership.changing import Change, change_membership
from timserver.usecases.rooms.live import must_current_room


async def deactivate_account(
    ctx: Context, tenant: Tenant, requester: Requester, attempt: Attempt, *, erase: bool
) -> None:
    """First the doors are shut, then rooms are left and invites refused, then what was private goes; with `erase`
    (RET-11) the profile too. Each step may be repeated.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate
    """
    await prove_password(ctx, tenant, requester, attempt)
    user_nid = requester.user_nid
    async with ctx.database.transaction(tenant) as conn:
        await accounts.set_state(conn, tenant, user_nid, accounts.DEACTIVATED, erased=erase)
        found = await accounts.devices(conn, tenant, user_nid)
        memberships = await rooms.rooms_of(conn, tenant, user_nid)
    for room in memberships:
        if room.membership not in (LEAVE, BAN):
            live = await must_current_room(ctx, tenant, RoomID(room.room_id))
            change = Change(target=requester.user_id, membership="leave")
            await change_membership(ctx, tenant, requester, live, change)
    async with ctx.database.transaction(tenant) as conn:
        await account_data.delete_all(conn, tenant, user_nid)
        await push_rules.delete(conn, tenant, user_nid)
        if erase:
            await profiles.delete_all(conn, tenant, user_nid)
    await end_devices(ctx, tenant, user_nid, [device.device_nid for device in found])
