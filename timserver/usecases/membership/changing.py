"""Step: one membership event, by whoever and for whomever; the auth rules decide whether it may be."""

import msgspec

from timserver.context import Context
from timserver.matrix.ids import UserID, server_name_of
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.membership_template import GRANTED_BY
from timserver.store import terms
from timserver.store.live_rooms import MEMBERSHIP_CODES, LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.appending import Result, append
from timserver.usecases.events.drafts import Draft
from timserver.usecases.membership.profile_content import profile_content
from timserver.usecases.membership.stripped import stripped_state
from timserver.usecases.rooms.live import state_event


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The wanted membership of a user."""

    target: UserID
    membership: str
    reason: str | None = None
    is_direct: bool = False
    authorised_via: UserID | None = None
    more: JsonObject = {}
    """Content of the client's own."""


async def target_nid(ctx: Context, tenant: Tenant, target: UserID) -> int:
    """Number of a user."""
    (nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [target])
    return nid


async def change_membership(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, change: Change
) -> Result:
    """Send the member event. Raises `Forbidden` when the auth rules refuse it."""
    nid = await target_nid(ctx, tenant, change.target)
    content: dict[str, JsonValue] = {**change.more, "membership": change.membership}
    local = server_name_of(change.target) == tenant.server_name
    if change.membership in ("join", "invite", "knock") and local:
        async with ctx.database.transaction(tenant) as conn:
            content |= await profile_content(conn, tenant, nid)
    if change.reason is not None:
        content["reason"] = change.reason
    if change.is_direct:
        content["is_direct"] = True
    if change.authorised_via is not None:
        content[GRANTED_BY] = change.authorised_via
    stripped = None
    if change.membership in ("invite", "knock"):
        inviter = requester.user_id if change.membership == "invite" else None
        stripped = await stripped_state(ctx, tenant, room, inviter)
    draft = Draft(
        sender=requester.user_id,
        sender_nid=requester.user_nid,
        type="m.room.member",
        content=content,
        state_key=change.target,
        stripped=stripped,
    )
    return await append(ctx, tenant, room, [draft])


async def membership_of(ctx: Context, tenant: Tenant, room: LiveRoom, user: UserID) -> str:
    """The current membership, `leave` for who never was there."""
    event = await state_event(ctx, tenant, room, "m.room.member", user)
    membership = event.membership if event else None
    return membership if membership in MEMBERSHIP_CODES else "leave"
