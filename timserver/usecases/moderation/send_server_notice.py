"""The server says something to one of its users: in a room of the two, which is made at the first time.

Spec: https://spec.matrix.org/v1.19/client-server-api/#server-notices
"""

from typing import Final

import msgspec

from timserver.context import Context
from timserver.matrix import errors, room_presets
from timserver.matrix.ids import DeviceID, EventID, RoomID, UserID, localpart_of, server_name_of
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.store import accounts, rooms
from timserver.store.live_rooms import INVITE, JOIN, LEAVE, LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.account_data.tags import change_tags
from timserver.usecases.accounts.new_account import insert_account, prepare_account, server_user_id
from timserver.usecases.events.appending import append
from timserver.usecases.events.drafts import draft_of, transaction_of
from timserver.usecases.membership.changing import Change, change_membership
from timserver.usecases.rooms.live import must_current_room
from timserver.usecases.rooms.new_room import make_room

TAG: Final = "m.server_notice"
POWER_LEVELS: Final[JsonObject] = {"users_default": -10, "invite": 50}
"""Who is told something cannot answer, nor bring others."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to tell what."""

    user_id: UserID
    content: JsonObject
    type: str = "m.room.message"
    state_key: str | None = None


async def send_server_notice(
    ctx: Context, tenant: Tenant, requester: Requester, notice: Notice, txn_id: str | None = None
) -> EventID:
    """The event's id; the same one for a transaction id that is known. Who has left the room is invited again.

    Raises `Unrecognized` where there are no notices, `InvalidParam` and `NotFound` for who is no user of this server.
    """
    sender_id = server_user_id(ctx, tenant)
    if sender_id is None:
        raise errors.Unrecognized()
    if server_name_of(notice.user_id) != tenant.server_name:
        raise errors.InvalidParam("Notices go to users of this server")
    async with ctx.database.transaction(tenant) as conn:
        account = await accounts.find_account(conn, tenant, localpart_of(notice.user_id))
    if account is None or account.state == accounts.DEACTIVATED:
        raise errors.NotFound("User not found")
    sender = await _sender(ctx, tenant, sender_id)
    async with ctx.caches.lock(tenant, "notices", account.user_nid):
        room = await _room(ctx, tenant, sender, notice.user_id, account.user_nid)
    transaction = transaction_of(requester, txn_id)
    draft = draft_of(sender, notice.type, notice.content, notice.state_key)
    result = await append(ctx, tenant, room, [draft], transaction=transaction)
    return result.event_ids[-1]


async def _sender(ctx: Context, tenant: Tenant, user_id: UserID) -> Requester:
    """The server's own account. Raises `UserInUse` when somebody had the name before and can log in by it."""
    localpart = localpart_of(user_id)
    async with ctx.database.transaction(tenant) as conn:
        account = await accounts.find_account(conn, tenant, localpart)
    if account is None:
        account = await prepare_account(ctx, tenant, localpart, None)
        try:
            async with ctx.database.transaction(tenant) as conn:
                name = ctx.settings.server_notices.display_name
                await insert_account(ctx, conn, tenant, account, name)
        except errors.UserInUse:  # by another notice, just now
            return await _sender(ctx, tenant, user_id)
    elif account.password_hash is not None:
        raise errors.UserInUse("The name of the server's account belongs to a user")
    return Requester(user_id=user_id, user_nid=account.user_nid, device_id=DeviceID(""), device_nid=0)


async def _room(ctx: Context, tenant: Tenant, sender: Requester, user_id: UserID, user_nid: int) -> LiveRoom:
    """The room of the two, the user in it or invited. For who holds the user's lock; two processes that make one at the
    same moment make two, and what comes later is said in the newer.
    """
    async with ctx.database.transaction(tenant) as conn:
        found = await rooms.newest_with(conn, tenant, user_nid, sender.user_nid)
    if found is None:
        room, membership = await _new_room(ctx, tenant, sender), LEAVE
    else:
        room, membership = await must_current_room(ctx, tenant, RoomID(found.room_id)), found.membership
    if membership not in (JOIN, INVITE):
        await change_tags(ctx, tenant, user_nid, room.room_nid, lambda tags: tags.update({TAG: {}}))
        await change_membership(ctx, tenant, sender, room, Change(target=user_id, membership="invite"))
    return room


async def _new_room(ctx: Context, tenant: Tenant, sender: Requester) -> LiveRoom:
    version = ROOM_VERSIONS[tenant.settings.default_room_version]
    plan = room_presets.RoomPlan(
        creator=sender.user_id,
        version=version,
        preset=room_presets.Preset.PRIVATE_CHAT,
        power_level_content_override=POWER_LEVELS,
        name=ctx.settings.server_notices.display_name,
    )
    return await make_room(ctx, tenant, sender, version, room_presets.new_room_state(plan))
