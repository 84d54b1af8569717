"""Step: a member event whose content the client gives (`PUT …/state/m.room.member/…`)."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.event import get_str
from timserver.matrix.ids import EventID, InvalidID, parse_user_id, server_name_of
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.membership_template import GRANTED_BY
from timserver.policy import points
from timserver.policy.facts import JoinFacts, ProfileFacts
from timserver.store.live_rooms import JOIN, MEMBERSHIP_CODES, LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.appending import append
from timserver.usecases.events.drafts import Draft
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.federation.send_invite import invite_elsewhere
from timserver.usecases.membership.changing import membership_of, target_nid
from timserver.usecases.membership.invite_user import check_invite
from timserver.usecases.membership.profile_content import profile_content
from timserver.usecases.membership.restricted import authorising_user
from timserver.usecases.membership.stripped import stripped_state
from timserver.usecases.rooms.take_along import take_settings_along


async def send_given_membership(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom, state_key: str, content: JsonObject
) -> EventID:
    """Send it, when it may be. Invites and joins pass the same policies as by their own endpoints.

    Raises `BadJson` for what is no membership or no user.
    """
    membership = get_str(content, "membership")
    if membership not in MEMBERSHIP_CODES:
        raise errors.BadJson("Unknown membership")
    try:
        target = parse_user_id(state_key)
    except InvalidID as error:
        raise errors.BadJson("The state key is no user id") from error
    content = {
        name: value for name, value in content.items() if name != GRANTED_BY
    }  # that is not theirs to say
    inviter = None
    if membership == "invite":
        await check_invite(ctx, tenant, requester, room, target)
        if server_name_of(target) != tenant.server_name:
            return await invite_elsewhere(ctx, tenant, requester.user_id, room, target, content)
        inviter = requester.user_id
    if membership == "join" and target == requester.user_id:
        content |= await _join_content(ctx, tenant, requester, room)
    if target == requester.user_id:
        content = await _with_allowed_profile(ctx, tenant, requester, content)
    is_shown = membership in ("invite", "knock")
    draft = Draft(
        sender=requester.user_id,
        sender_nid=requester.user_nid,
        type="m.room.member",
        content=content,
        state_key=target,
        stripped=await stripped_state(ctx, tenant, room, inviter) if is_shown else None,
    )
    await target_nid(ctx, tenant, target)
    enters = membership == "join" and room.membership_of(requester.user_nid) != JOIN
    result = await append(ctx, tenant, room, [draft])
    if enters:
        await take_settings_along(ctx, tenant, requester, room.room_id)
    return result.event_ids[-1]


async def _join_content(
    ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom
) -> dict[str, JsonValue]:
    """What a join needs besides, by policy and join rules; nothing for who is in the room already."""
    current = await membership_of(ctx, tenant, room, requester.user_id)
    if current == "join":
        return {}
    points.check(
        points.ON_JOIN,
        JoinFacts(tenant=tenant, federation=federation_list(ctx), user_id=requester.user_id, via=()),
    )
    via = await authorising_user(ctx, tenant, requester.user_nid, room) if current != "invite" else None
    return {GRANTED_BY: via} if via else {}


async def _with_allowed_profile(
    ctx: Context, tenant: Tenant, requester: Requester, content: JsonObject
) -> dict[str, JsonValue]:
    """Where users may not name themselves, a member event names them as their profile does."""
    allowed = dict(content)
    fields = [name for name in ("displayname", "avatar_url") if name in content]
    refused = [
        name
        for name in fields
        if any(
            rule(ProfileFacts(tenant=tenant, user_id=requester.user_id, field=name))
            for rule in points.ON_PROFILE
        )
    ]
    if refused:
        async with ctx.database.transaction(tenant) as conn:
            profile = await profile_content(conn, tenant, requester.user_nid)
        for name in refused:
            del allowed[name]
            allowed |= {name: profile[name]} if name in profile else {}
    return allowed
