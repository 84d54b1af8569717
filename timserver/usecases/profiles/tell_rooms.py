"""Step: display name and avatar stand in the member events of all rooms that the user is in."""

from typing import Final

import structlog

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID
from timserver.store import rooms
from timserver.store.live_rooms import JOIN
from timserver.tenancy import Requester, Tenant
from timserver.usecases.membership.changing import Change, change_membership
from timserver.usecases.rooms.live import current_room

_log = structlog.get_logger("timserver.profiles")

SHOWN_IN_ROOMS: Final = frozenset({"displayname", "avatar_url"})


async def tell_rooms(ctx: Context, tenant: Tenant, requester: Requester) -> None:
    """Send the member event again, with the profile of now. A room that fails keeps the old one."""
    async with ctx.database.transaction(tenant) as conn:
        memberships = await rooms.rooms_of(conn, tenant, requester.user_nid)
    for membership in memberships:
        room = (
            await current_room(ctx, tenant, RoomID(membership.room_id))
            if membership.membership == JOIN
            else None
        )
        if room is None:
            continue
        try:
            change = Change(target=requester.user_id, membership="join")
            await change_membership(ctx, tenant, requester, room, change)
        except errors.MatrixError as error:
            _log.info("room not told of a new profile", errcode=error.errcode)
