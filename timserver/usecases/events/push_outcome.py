"""Step: what an event means to the local members of its room (unread counts; later delivery).

Most users have only the default rules, for whom the outcome is one number in the event's row; the others are
exceptions in it. So a send costs the same in a room of five and of five thousand.
"""

import msgspec

from timserver.context import Context
from timserver.matrix.event import Event, get_object
from timserver.matrix.ids import UserID
from timserver.matrix.power_levels import PowerLevels, user_level
from timserver.matrix.push_rules.conditions import RoomFacts, mentioned_users
from timserver.matrix.push_rules.evaluation import CompiledRules, Recipient, compile_rules, evaluate_room
from timserver.matrix.push_rules.rules import parse_user_rules
from timserver.store import events, push_rules, terms
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.push.rules import LEGACY_MENTIONS

EXCEPTION_FACTOR = 4
"""An exception is user number * 4 + outcome, as `unread_counts` reads it."""
_NAMED_MEMBERS_MAX = 200
"""In larger rooms a display name in the text does not highlight; `m.mentions` does everywhere."""


class _Content(msgspec.Struct):
    content: dict[str, object]


_decode = msgspec.json.Decoder(_Content).decode


async def push_outcome(
    ctx: Context, tenant: Tenant, room: LiveRoom, event: Event, levels: PowerLevels
) -> tuple[int, list[int] | None]:
    """The outcome for nearly everybody, and user number * 4 + outcome of those for whom it is another."""
    content: dict[str, object] = {
        "type": event.type,
        "sender": event.sender,
        "room_id": event.room_id,
        "content": event.content,
    }
    if event.state_key is not None:
        content["state_key"] = event.state_key
    own_rules = await _own_rules(ctx, tenant, room)
    users = set(own_rules)
    names = await _names_in_text(ctx, tenant, room, event)
    users |= set(names)
    mentioned = mentioned_users(content)  # type: ignore[arg-type]
    if mentioned or event.type == "m.room.member":
        targets = [*mentioned, *([event.state_key] if event.state_key else [])]
        async with ctx.database.transaction(tenant) as conn:
            found = await terms.find(conn, ctx.caches, tenant, targets)
        users |= {nid for nid in found.values() if _may_be_told(room, nid, event)}
    facts = RoomFacts(
        room.joined_count,
        float(user_level(levels, event.sender)),
        get_object(levels.content or {}, "notifications") or {},
    )
    user_ids = await _user_ids(ctx, tenant, users) if users else {}
    recipients = [Recipient(user_ids[nid], names.get(nid), own_rules.get(nid)) for nid in users]
    outcomes = evaluate_room(content, facts, recipients, legacy_mentions=LEGACY_MENTIONS)  # type: ignore[arg-type]
    nids = {user_id: nid for nid, user_id in user_ids.items()}
    exceptions = [
        nids[user_id] * EXCEPTION_FACTOR + outcome.level for user_id, outcome in outcomes.exceptions.items()
    ]
    return int(outcomes.default.level), exceptions or None


def _may_be_told(room: LiveRoom, user_nid: int, event: Event) -> bool:
    member = room.members.get(user_nid)
    return (member is not None and member.local) or (
        event.type == "m.room.member" and event.membership == "invite"
    )


async def _own_rules(ctx: Context, tenant: Tenant, room: LiveRoom) -> dict[int, CompiledRules]:
    """Compiled rules of those joined local users who have own ones; remembered with the room."""
    if room.push_rules is None:
        async with ctx.database.transaction(tenant) as conn:
            rows = await push_rules.of_users(conn, tenant, room.joined_local())
        room.push_rules = {
            nid: compile_rules(parse_user_rules(row.rules), legacy_mentions=LEGACY_MENTIONS)
            for nid, row in rows.items()
        }
    return room.push_rules


async def _names_in_text(ctx: Context, tenant: Tenant, room: LiveRoom, event: Event) -> dict[int, str | None]:
    """Display names of the local members, when the event has a text in which they could stand."""
    if not LEGACY_MENTIONS or "m.mentions" in event.content or not isinstance(event.content.get("body"), str):
        return {}
    if room.display_names is None:
        members = room.joined_local()[:_NAMED_MEMBERS_MAX]
        async with ctx.database.transaction(tenant) as conn:
            bodies = await events.bodies(conn, tenant, [room.members[nid].event_nid for nid in members])
        contents = {nid: _decode(body).content.get("displayname") for nid, body in bodies.items()}
        shown = {nid: contents.get(room.members[nid].event_nid) for nid in members}
        room.display_names = {nid: name if isinstance(name, str) else None for nid, name in shown.items()}
    return room.display_names


async def _user_ids(ctx: Context, tenant: Tenant, nids: set[int]) -> dict[int, UserID]:
    known = {nid: ctx.caches.names.get((tenant.tenant_id, nid)) for nid in nids}
    if all(known.values()):
        return {nid: UserID(name.decode()) for nid, name in known.items() if name}
    async with ctx.database.transaction(tenant) as conn:
        names = await terms.names_of(conn, ctx.caches, tenant, nids)
    return {nid: UserID(name) for nid, name in names.items()}
