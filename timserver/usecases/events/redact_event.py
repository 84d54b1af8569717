"""A local user takes an event's content away.

Spec: https://spec.matrix.org/v1.19/client-server-api/#redactions
"""

from timserver.context import Context
from timserver.matrix import errors, pdu, power_levels
from timserver.matrix.event import get_str
from timserver.matrix.event_types import MEMBER
from timserver.matrix.ids import EventID, InvalidID, RoomID, parse_event_id
from timserver.matrix.json_types import JsonObject
from timserver.policy import points
from timserver.policy.facts import SendFacts
from timserver.store import admission, events
from timserver.store.events import EventRow
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.appending import append
from timserver.usecases.events.drafts import Draft, transaction_of
from timserver.usecases.rooms.live import must_current_room
from timserver.usecases.rooms.power import levels_of

REDACTION = "m.room.redaction"


def target_of(content: JsonObject) -> EventID:
    """The event that a redaction names in its content. Raises `MissingParam` and `InvalidParam`."""
    redacts = get_str(content, "redacts")
    if redacts is None:
        raise errors.MissingParam("A redaction must say what it redacts")
    try:
        return parse_event_id(redacts)
    except InvalidID as error:
        raise errors.InvalidParam("Not an event id") from error


async def redact_event(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    room_id: RoomID,
    event_id: EventID,
    content: JsonObject,
    txn_id: str | None,
) -> EventID:
    """The redaction's id; the same one for a transaction id that is known.

    Own events by everybody who may send redactions, those of others by who has the power; so, too, an event that has not
    come yet, or that only other servers have. Raises `Forbidden`, and `NotFound` for an event of another room.
    """
    room = await must_current_room(ctx, tenant, room_id)
    points.check(
        points.ON_SEND, SendFacts(tenant=tenant, sender=requester.user_id, type=REDACTION, content=content)
    )
    if room.membership_of(requester.user_nid) != JOIN:
        raise errors.Forbidden("You are not in this room")
    row = await _find(ctx, tenant, room, event_id)
    if row is None or row.sender_nid != requester.user_nid:
        await _must_have_power(ctx, tenant, requester, room)
    if not room.version.redacts_in_content:
        content = {name: value for name, value in content.items() if name != "redacts"}
    draft = Draft(
        sender=requester.user_id,
        sender_nid=requester.user_nid,
        type=REDACTION,
        content=content,
        redacts=event_id,
    )
    transaction = transaction_of(requester, txn_id)
    if row is None:
        result = await append(ctx, tenant, room, [draft], transaction=transaction)
        await _note_early(ctx, tenant, room, event_id, result.event_ids[-1])
        return result.event_ids[-1]
    redact = row.event_nid, pdu.redacted(room.version, pdu.parse(room.version, row.json)).pdu
    result = await append(ctx, tenant, room, [draft], transaction=transaction, redact=redact)
    room.forget(row.event_nid)
    if row.type_nid == MEMBER:
        room.forget_readers()
    return result.event_ids[-1]


async def _find(ctx: Context, tenant: Tenant, room: LiveRoom, event_id: EventID) -> EventRow | None:
    """None for an event that is not here. Raises `NotFound` for one of another room."""
    try:
        events.event_key(room.version, event_id)
    except ValueError:  # no event of this room version, but other servers may see that otherwise
        return None
    async with ctx.database.transaction(tenant) as conn:
        row = await events.find(conn, tenant, room.version, event_id)
    if row is not None and row.room_nid != room.room_nid:
        raise errors.NotFound("Event not found")
    return row


async def _note_early(
    ctx: Context, tenant: Tenant, room: LiveRoom, target: EventID, redaction: EventID
) -> None:
    """Should the event come later, it comes redacted. Best effort: a crash before this leaves it as it is."""
    try:
        key = events.event_key(room.version, target)
    except ValueError:
        return
    async with ctx.database.transaction(tenant) as conn:
        row = await events.find(conn, tenant, room.version, redaction)
        if row is not None:
            await admission.note_early_redaction(conn, tenant, key, row.event_nid)


async def _must_have_power(ctx: Context, tenant: Tenant, requester: Requester, room: LiveRoom) -> None:
    levels = await levels_of(ctx, tenant, room)
    needed = power_levels.named_level(levels, "redact")
    if power_levels.user_level(levels, requester.user_id) < needed:
        raise errors.Forbidden("You may not redact events of others in this room")
