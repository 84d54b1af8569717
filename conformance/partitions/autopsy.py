"""Why servers differ: where each one's stored states begin to be others than those of the definition.

The definition (`core.definition`) resolves every state anew from the events alone, without what a server has stored on
the way. It is given each server's own word on which events it has rejected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conformance.partitions.network import Server
from timserver import core
from timserver.core.definition import state_resolution
from timserver.core.definition.state_resolution import StateMap
from timserver.matrix import pdu
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID
from timserver.matrix.room_versions import ROOM_VERSIONS, RoomVersion
from timserver.store import snapshots
from timserver.store.events import BACKFILLED, OUTLIER, REJECTED, SOFT_FAILED, event_id_of

_EVENTS = """
    select e.event_nid, e.event_hash, e.flags, e.snapshot_nid, e.json, r.room_version from event e
    join room r on r.tenant_id = e.tenant_id and r.room_nid = e.room_nid
    where e.tenant_id = $1 and r.room_id = $2 order by e.depth, e.event_nid"""

_INBOX = """
    select i.pdu from inbox i join room r on r.tenant_id = i.tenant_id and r.room_nid = i.room_nid
    where i.tenant_id = $1 and r.room_id = $2"""


@dataclass(frozen=True)
class _Stored:
    event: Event
    flags: int
    before: frozenset[EventID]


async def autopsy(server: Server, room: str) -> list[str]:
    """Events that wait, with what they wait for; and those before which a server's stored state is another than the
    definition's, the first ones first.
    """
    version, stored = await _read(server, room)
    return [*await _waiting(server, room, version, stored), *_wrong_states(version, stored)]


async def strangers(servers: Sequence[Server], room: str) -> list[str]:
    """Events that not all servers have, and what each says of them."""
    stored = [(await _read(server, room))[1] for server in servers]
    everything = {event_id: one for of_server in stored for event_id, one in of_server.items()}
    texts = []
    for event_id, one in everything.items():
        views = [
            "unknown" if event_id not in of_server else _flags(of_server[event_id]) for of_server in stored
        ]
        if any(view in ("unknown", "outlier") for view in views):
            followers = [
                f"{name[:8]} at s{place}"
                for place, of_server in enumerate(stored)
                for name, follower in of_server.items()
                if event_id in follower.event.prev_events
            ]
            texts.append(f"{_name(one)} is at {views}, followed by {followers}: {one.event.content}")
    return texts


async def _waiting(
    server: Server, room: str, version: RoomVersion, stored: Mapping[EventID, _Stored]
) -> list[str]:
    texts = []
    for row in await server.database.fetch(_INBOX, server.tenant.tenant_id, room):
        event = core.open_pdu(version, bytes(row["pdu"])).event
        named = {"prev": event.prev_events, "auth": event.auth_events}
        lacking = {
            kind: [
                f"{event_id[:8]} {'outlier' if event_id in stored else 'unknown'}"
                for event_id in ids
                if event_id not in stored or (kind == "prev" and stored[event_id].flags & OUTLIER)
            ]
            for kind, ids in named.items()
        }
        texts.append(f"{event.event_id[:8]} {event.type} by {event.sender} waits for {lacking}")
    return texts


def _wrong_states(version: RoomVersion, stored: Mapping[EventID, _Stored]) -> list[str]:
    events = {event_id: one.event for event_id, one in stored.items()}
    after: dict[EventID, StateMap] = {}
    found = []
    for event_id, one in stored.items():
        if one.flags & OUTLIER:
            continue
        states = [after[prev] for prev in one.event.prev_events if prev in after]
        if len(states) < len(one.event.prev_events):  # from before the server was in the room
            states = [{stored[state_id].event.key: state_id for state_id in one.before}]
        before = state_resolution.resolve(version, states, events) if len(states) > 1 else dict(*states)
        wanted = frozenset(before.values())
        if wanted != one.before:
            found.append(f"{_name(one)}: {_difference(wanted, one.before, stored)}")
        after[event_id] = _with(before, one)
    return found


def _with(state: StateMap, one: _Stored) -> StateMap:
    if one.event.state_key is None or one.flags & REJECTED:
        return state
    return {**state, one.event.key: one.event.event_id}


def _name(one: _Stored) -> str:
    event = one.event
    after = [previous[:8] for previous in event.prev_events]
    return (
        f"{event.event_id[:8]} {event.type} {event.state_key} by {event.sender} ({_flags(one)}) after {after}"
    )


def _flags(one: _Stored) -> str:
    named = {OUTLIER: "outlier", REJECTED: "rejected", SOFT_FAILED: "soft-failed", BACKFILLED: "backfilled"}
    return " ".join(name for flag, name in named.items() if one.flags & flag) or "there"


def _difference(
    wanted: frozenset[EventID], had: frozenset[EventID], stored: Mapping[EventID, _Stored]
) -> str:
    def names(ids: frozenset[EventID]) -> list[str]:
        return sorted(
            f"{stored[i].event.type} {stored[i].event.state_key} by {stored[i].event.sender}" for i in ids
        )

    return f"wanted {names(wanted - had)}, had {names(had - wanted)}"


async def _read(server: Server, room: str) -> tuple[RoomVersion, dict[EventID, _Stored]]:
    rows = await server.database.fetch(_EVENTS, server.tenant.tenant_id, room)
    version = ROOM_VERSIONS[rows[0]["room_version"]]
    ids = {row["event_nid"]: event_id_of(version, row["event_hash"]) for row in rows}
    ctx, tenant = server.homeserver.ctx, server.tenant
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        states = await snapshots.read_states(conn, tenant, [row["snapshot_nid"] for row in rows])
    stored = {}
    for row in rows:
        state = states[row["snapshot_nid"]]
        event = pdu.parse(version, bytes(row["json"]), room_id=RoomID(room))
        before = frozenset(ids[nid] for nid in (*state.others.values(), *state.members.values()))
        stored[ids[row["event_nid"]]] = _Stored(event, row["flags"], before)
    return version, stored
