"""Step: the one way for events out to another server (RELIABILITY E12): whole, redacted or not at all.

What decides is the state at the event: its history visibility, and what the server's users were then. A server that
is in the room gets the rest redacted, since it needs every event of the graph; one that is not gets nothing but what
it may see. What is not known for certain is denied: events of other rooms, rejected ones, and outliers, of which
only state is told, and only to servers in the room.

Spec: https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events
"""

from collections.abc import Iterable, Sequence
from enum import Enum

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix import canonical_json, pdu
from timserver.matrix import history_visibility as visibility
from timserver.matrix.event_types import HISTORY_VISIBILITY, HISTORY_VISIBILITY_KEY, MEMBER
from timserver.matrix.history_visibility import Visibility
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.matrix.redaction import redact
from timserver.matrix.room_versions import RoomVersion
from timserver.store import events, room_servers, snapshots, terms
from timserver.store.database import Connection
from timserver.store.events import OUTLIER, REJECTED, EventRow
from timserver.store.live_rooms import MEMBERSHIP_NAMES, LiveRoom
from timserver.tenancy import Tenant

_NEED_MEMBERS = frozenset({Visibility.JOINED, Visibility.INVITED})


class Verdict(Enum):
    """How an event is shown."""

    WHOLE = "whole"
    REDACTED = "redacted"
    HIDDEN = "hidden"


class Audience(msgspec.Struct, frozen=True):
    """A server as the reader of a room: its number (0: nobody of it was ever heard of), and whether it is there now."""

    server_nid: int
    in_room: bool


class _Content(msgspec.Struct):
    content: dict[str, object]


_decode = msgspec.json.Decoder(_Content).decode

_States = dict[int, snapshots.RoomState]


async def audience_of(
    ctx: Context, conn: Connection, tenant: Tenant, origin: ServerName, room_nid: int
) -> Audience:
    """What a server is to a room."""
    server_nid = (await terms.find(conn, ctx.caches, tenant, [origin])).get(origin)
    if server_nid is None:
        return Audience(0, in_room=False)
    return Audience(server_nid, await room_servers.is_in_room(conn, tenant, room_nid, server_nid))


async def verdicts(
    conn: Connection, tenant: Tenant, audience: Audience, room: LiveRoom, rows: Sequence[EventRow]
) -> dict[int, Verdict]:
    """By the number of the event."""
    found = {row.event_nid: Verdict.HIDDEN for row in rows}
    known = [row for row in rows if row.room_nid == room.room_nid and not row.flags & REJECTED]
    for row in known:
        if row.flags & OUTLIER and row.key_nid is not None and audience.in_room:
            found[row.event_nid] = Verdict.WHOLE
    placed = [row for row in known if not row.flags & OUTLIER]
    states = await snapshots.read_states(conn, tenant, {row.snapshot_nid for row in placed})
    visibilities = await _visibilities(conn, tenant, placed, states)
    memberships = await _memberships(conn, tenant, audience, room, placed, states, visibilities)
    for row in placed:
        if visibility.server_may_see(
            visibilities[row.event_nid], memberships[row.event_nid], in_room=audience.in_room
        ):
            found[row.event_nid] = Verdict.WHOLE
        elif audience.in_room:
            found[row.event_nid] = Verdict.REDACTED
    return found


async def pdus_for(
    conn: Connection, tenant: Tenant, audience: Audience, room: LiveRoom, rows: Sequence[EventRow]
) -> list[Raw]:
    """The PDUs as the server may have them, in the order of the rows: stored bytes, or their redacted form."""
    shown = await verdicts(conn, tenant, audience, room, rows)
    pdus = []
    for row in rows:
        if shown[row.event_nid] is Verdict.WHOLE:
            pdus.append(Raw(row.json))
        elif shown[row.event_nid] is Verdict.REDACTED:
            pdus.append(Raw(_redacted(room.version, row.json)))
    return pdus


def _redacted(version: RoomVersion, body: bytes) -> bytes:
    redacted = redact(version, pdu.decode(version, body))
    return canonical_json.encode(redacted, strict=version.strict_canonical_json)


async def _visibilities(
    conn: Connection, tenant: Tenant, rows: Iterable[EventRow], states: _States
) -> dict[int, list[Visibility]]:
    """The history visibility at each event; of an event that sets it, before and after."""
    setters = {nid: state.get(HISTORY_VISIBILITY_KEY) for nid, state in states.items()}
    contents = await _contents(conn, tenant, set(setters.values()))
    found = {
        row.event_nid: [visibility.read_visibility(contents.get(setters[row.snapshot_nid]))] for row in rows
    }
    for row in rows:
        if row.type_nid == HISTORY_VISIBILITY and row.key_nid == HISTORY_VISIBILITY_KEY:
            found[row.event_nid].append(visibility.visibility_of_pdu(row.json))
    return found


async def _memberships(
    conn: Connection,
    tenant: Tenant,
    audience: Audience,
    room: LiveRoom,
    rows: Sequence[EventRow],
    states: _States,
    visibilities: dict[int, list[Visibility]],
) -> dict[int, set[str]]:
    """What the server's users were at each event, where that can matter; at their own member events also after."""
    found: dict[int, set[str]] = {row.event_nid: set() for row in rows}
    asked = [
        row for row in rows if not audience.in_room or _NEED_MEMBERS.issuperset(visibilities[row.event_nid])
    ]
    if not asked or not audience.server_nid:
        return found
    members = await room_servers.members_of_server(conn, tenant, room.room_nid, audience.server_nid)
    users = {member.user_nid for member in members}
    members_at = {nid: states[nid].values(users).values() for nid in {row.snapshot_nid for row in asked}}
    current = {member.event_nid: MEMBERSHIP_NAMES[member.membership] for member in members}
    wanted = {nid for nids in members_at.values() for nid in nids} - current.keys()
    contents = await _contents(conn, tenant, wanted)
    known = current | {nid: _membership(content) for nid, content in contents.items()}
    for row in asked:
        found[row.event_nid] = {known[nid] for nid in members_at[row.snapshot_nid] if nid in known}
        if row.type_nid == MEMBER and row.key_nid in users:
            found[row.event_nid].add(_membership(_decode(row.json).content))  # type: ignore[arg-type]
    return found


async def _contents(conn: Connection, tenant: Tenant, nids: set[int]) -> dict[int, JsonObject]:
    found = await events.bodies(conn, tenant, nids - {0}) if nids - {0} else {}
    return {nid: _decode(body).content for nid, body in found.items()}  # type: ignore[misc]


def _membership(content: JsonObject) -> str:
    value = content.get("membership")
    return value if isinstance(value, str) else "leave"
