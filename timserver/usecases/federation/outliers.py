"""Step: events that stand for themselves: a room's state as another server told it, and the auth chains behind it.

Each is judged by its own auth events before it is stored; one that these do not allow is rejected for good, and with it
all that cite it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from timserver import core
from timserver.context import Context
from timserver.core import Placed
from timserver.matrix import pdu
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID
from timserver.matrix.room_versions import RoomVersion
from timserver.store import admission, chains, events, graph, terms
from timserver.store.admission import Outlier
from timserver.store.events import OUTLIER, REJECTED
from timserver.store.graph import Node
from timserver.tenancy import Tenant
from timserver.usecases.events.placing import place_beside

BATCH = 1000
"""Events of one statement."""


class AuthChainIncomplete(ValueError):
    """An event cites one that is neither given nor here, or has the id of one of another room."""


class OfRoom(msgspec.Struct, frozen=True):
    """Which room the events are of."""

    room_nid: int
    room_id: RoomID
    version: RoomVersion


async def store_outliers(
    ctx: Context, tenant: Tenant, room: OfRoom, given: Iterable[Event]
) -> dict[EventID, Node]:
    """Store what is not here yet; the nodes of all given events, without those of other rooms.

    Raises `AuthChainIncomplete`.
    """
    wanted = {event.event_id: event for event in given if event.room_id == room.room_id}
    known = await _known(ctx, tenant, room, wanted.values())
    order = in_auth_order(wanted, known)
    new = [event for event in order if event.event_id not in known]
    left = await _judge(ctx, tenant, room, new, wanted, known)
    nodes, placing = dict(known), _Placing(await _placed(ctx, tenant, known.values()))
    while left:
        if await _insert(ctx, tenant, room, left[:BATCH], (nodes, placing)):
            left = left[BATCH:]
            await asyncio.sleep(0)
            continue
        # Somebody else has stored some of them meanwhile, under other numbers, which the rest cites.
        nodes = await _known(ctx, tenant, room, wanted.values())
        placing = _Placing(await _placed(ctx, tenant, nodes.values()))
        before, left = left, [event for event in left if event.event_id not in nodes]
        if len(left) == len(before):
            raise AuthChainIncomplete("an event has the id of one of another room")
    return {event_id: nodes[event_id] for event_id in wanted}


async def _known(ctx: Context, tenant: Tenant, room: OfRoom, given: Iterable[Event]) -> dict[EventID, Node]:
    """Nodes of events and of what they cite, the create event always, as far as they are here."""
    names = {
        event_id for event in given for event_id in (event.event_id, *event.auth_events, *event.prev_events)
    }
    names |= _create_id(room)
    keys = {events.event_key(room.version, name): name for name in names}
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        found = await graph.nodes(conn, tenant, keys)
    return {keys[key]: node for key, node in found.items() if node.room_nid == room.room_nid}


def _create_id(room: OfRoom) -> set[EventID]:
    """Since room version 12 no event cites the create event: the room's id names it."""
    return {EventID(f"${room.room_id[1:]}")} if room.version.room_id_is_create_hash else set()


def in_auth_order(given: Mapping[EventID, Event], known: Mapping[EventID, object]) -> list[Event]:
    """Events behind those that they cite. Raises `AuthChainIncomplete`."""
    order: list[Event] = []
    done: set[EventID] = set(known)
    for start in given.values():
        stack = [(start, iter(start.auth_events))] if start.event_id not in done else []
        done.add(start.event_id)
        while stack:
            event, cited = stack[-1]
            following = next((event_id for event_id in cited if event_id not in done), None)
            if following is None:
                order.append(event)
                stack.pop()
            elif following in given:
                done.add(following)
                stack.append((given[following], iter(given[following].auth_events)))
            else:
                raise AuthChainIncomplete(following)
    return [*order, *(event for event in given.values() if event.event_id in known)]


async def _judge(
    ctx: Context,
    tenant: Tenant,
    room: OfRoom,
    new: Sequence[Event],
    given: Mapping[EventID, Event],
    known: Mapping[EventID, Node],
) -> list[Event]:
    """The new events, with `rejected` as their auth events have it."""
    cited = {event_id for event in new for event_id in event.auth_events if event_id in known}
    cited |= _create_id(room) & known.keys()
    async with ctx.database.transaction(tenant) as conn:
        bodies = await events.bodies(conn, tenant, [known[event_id].event_nid for event_id in cited])
    judged = {
        event_id: msgspec.structs.replace(
            pdu.parse(room.version, bodies[known[event_id].event_nid]),
            rejected=bool(known[event_id].flags & REJECTED),
        )
        for event_id in cited
    }
    create = next(
        (event for event in (*judged.values(), *given.values()) if event.type == "m.room.create"), None
    )
    outcome = []
    for event in new:
        auth_events = [judged[event_id] for event_id in event.auth_events]
        state = {auth_event.key: auth_event for auth_event in auth_events if auth_event.is_state}
        if create is not None:
            state.setdefault(create.key, create)
        refused = core.check_auth_events(room.version, event, auth_events) or core.check_auth(
            room.version, event, state
        )
        rejected = refused is not None or pdu.has_long_fields(event)
        judged[event.event_id] = msgspec.structs.replace(event, rejected=rejected)
        outcome.append(judged[event.event_id])
    return outcome


async def _placed(ctx: Context, tenant: Tenant, known: Iterable[Node]) -> dict[int, Placed]:
    async with ctx.database.transaction(tenant) as conn:
        return await chains.placed(conn, tenant, [node.event_nid for node in known])


class _Placing:
    """Places new outliers among the auth chains: they go on with each other's only."""

    def __init__(self, placed: dict[int, Placed]) -> None:
        self.placed = placed
        self.ends: dict[int, int] = {}

    def place(self, event: Event, node: Node, nodes: Mapping[EventID, Node]) -> Placed | None:
        """None for a rejected event and for one that is no state: nobody reaches these."""
        if node.key_nid is None or event.rejected:
            return None
        nids = (nodes[event_id].event_nid for event_id in event.auth_events)
        cited = [self.placed[nid] for nid in nids if nid in self.placed]
        placed = place_beside((node.event_nid, node.key_nid, event.type), cited, self.ends)
        self.placed[node.event_nid] = placed
        if placed.chain:
            self.ends[placed.chain] = placed.position
        return placed


async def _insert(
    ctx: Context,
    tenant: Tenant,
    room: OfRoom,
    batch: Sequence[Event],
    done: tuple[dict[EventID, Node], "_Placing"],
) -> bool:
    """Write a batch; `done`, what is stored and placed, gets the new ones. False when one of them was stored meanwhile."""
    nodes, placing = done
    database, caches = ctx.database, ctx.caches
    types = await terms.type_nids(database, caches, tenant, [event.type for event in batch])
    senders = await terms.intern(database, caches, tenant, [event.sender for event in batch])
    state = [event for event in batch if event.is_state]
    keys = dict(
        zip(
            (event.event_id for event in state),
            await terms.key_nids(database, caches, tenant, [event.key for event in state]),
            strict=True,
        )
    )
    nids = await database.take_nids(len(batch))
    rows = []
    for event, nid, type_nid, sender_nid in zip(batch, nids, types, senders, strict=True):
        flags = OUTLIER | (REJECTED if event.rejected else 0)
        node = Node(
            nid,
            events.event_key(room.version, event.event_id),
            room.room_nid,
            flags,
            min(event.depth, 2**53 - 1),
            type_nid,
            keys.get(event.event_id),
            sender_nid,
            0,
        )
        nodes[event.event_id] = node
        rows.append(
            Outlier(
                nid=nid,
                event_hash=node.event_hash,
                flags=flags,
                depth=node.depth,
                ts=event.origin_server_ts,
                type_nid=type_nid,
                key_nid=node.key_nid,
                sender_nid=sender_nid,
                prev=graph.numbers_of_all(event.prev_events, nodes),
                auth=[nodes[event_id].event_nid for event_id in event.auth_events],
                placed=placing.place(event, node, nodes),
                json=event.pdu,
            )
        )
    return await admission.insert_outliers(database, tenant, room.room_nid, rows)
