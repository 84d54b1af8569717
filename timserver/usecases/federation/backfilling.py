"""Step: a room's history from before the tenant was in it, fetched when somebody pages back to where it ends.

Spec: https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events
"""

from collections.abc import Iterable, Sequence

import msgspec
import structlog

from timserver import core
from timserver.context import Context
from timserver.matrix import errors, pdu, relations
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, ServerName
from timserver.remote.client import RemoteError
from timserver.remote.federation import events as remote_events
from timserver.store import admission, events, graph, missing_events, snapshots, terms
from timserver.store.admission import History
from timserver.store.events import OUTLIER, REJECTED, SOFT_FAILED, NewEvent
from timserver.store.graph import Node
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import Chain, RoomState, SnapshotRow
from timserver.tenancy import Tenant
from timserver.usecases.events.redacting import early_redaction, may_redact, redaction_of
from timserver.usecases.events.related import target_hash_of, thread_by, thread_of_received
from timserver.usecases.events.resolving import resolve_states, states_after, with_event
from timserver.usecases.events.stored_events import events_under, parsed_events
from timserver.usecases.federation.fetching import Fetcher, in_order
from timserver.usecases.federation.wanted import is_wanted
from timserver.usecases.rooms.resident_servers import resident_servers

_log = structlog.get_logger("timserver.federation")

_NAMED_MAX = 10
"""Ends of the history that are asked for at once."""
_SERVERS_MAX = 3


async def backfill(ctx: Context, tenant: Tenant, room: LiveRoom, limit: int) -> int:
    """Fetch up to `limit` events; how many came. 0: there are no more, or nobody tells."""
    if not room.is_resident:
        return 0
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        ends = await missing_events.oldest(conn, tenant, room.room_nid, _NAMED_MAX)
        servers = await resident_servers(ctx, conn, tenant, room.room_nid) if ends else []
    wanted = [events.event_id_of(room.version, key) for key in ends]
    for server_name in [name for name in servers if name != tenant.server_name][:_SERVERS_MAX]:
        try:
            stored = await _from(ctx, tenant, room, server_name, wanted, limit)
        except RemoteError as error:
            _log.info("backfill failed", error=str(error))
            continue
        if stored:
            return stored
    return 0


async def _from(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    server_name: ServerName,
    wanted: Sequence[EventID],
    limit: int,
) -> int:
    fetcher = Fetcher(ctx, tenant, room, server_name)
    limit = min(limit, ctx.settings.limits.federation_backfill_events_max)
    pdus = await remote_events.backfill(ctx.remote, tenant, server_name, room.room_id, wanted, limit)
    opened = in_order(await fetcher.opened(pdus[:limit]))
    async with room.lock:
        for _ in range(ctx.settings.limits.append_retries_max):
            history = _History(ctx, tenant, room, fetcher)
            for event in opened:
                await history.add(event)
            written = await history.write()
            if written is not None:
                return written
    raise errors.Unavailable("The room is busy")


class _History:
    """A stretch of history, built from its oldest event on."""

    def __init__(self, ctx: Context, tenant: Tenant, room: LiveRoom, fetcher: Fetcher) -> None:
        self.ctx, self.tenant, self.room, self.fetcher = ctx, tenant, room, fetcher
        self.after: dict[EventID, RoomState] = {}
        self.nodes: dict[EventID, Node] = {}
        self.rows: list[NewEvent] = []
        self.flags: list[int] = []
        self.snapshots: list[SnapshotRow] = []
        self.missing: list[tuple[bytes, int]] = []
        self.early: list[tuple[bytes, int]] = []
        self.chain = Chain(reach=None)

    async def add(self, event: Event) -> None:
        """Judge an event by its auth events and the state before it, and account for it."""
        known = await self._nodes((event.event_id, *event.prev_events, *event.auth_events))
        own = known.get(event.event_id)
        if own is not None and not own.flags & OUTLIER:
            return
        if any(event_id not in known for event_id in event.auth_events):
            await self.fetcher.auth_chain(event)
            known |= await self._nodes(event.auth_events)
            if any(event_id not in known for event_id in event.auth_events):
                raise RemoteError("an auth chain is incomplete")
        state = await self._state_before(event, known)
        rejected = bool(own and own.flags & REJECTED) or await self._is_refused(event, known, state)
        unwanted = 0 if is_wanted(self.ctx, self.tenant, event) else SOFT_FAILED
        flags = REJECTED if rejected else unwanted
        node = await self._node(event, own, flags, await self._snapshot(state))
        self.nodes[event.event_id] = node
        self.after[event.event_id] = with_event(state, node)
        await self._account(event, node, known, state)
        if not flags:
            await self._redact(event, node)

    async def _nodes(self, ids: Iterable[EventID]) -> dict[EventID, Node]:
        ids = list(ids)
        keys = {events.event_key(self.room.version, event_id): event_id for event_id in ids}
        async with self.ctx.database.transaction(self.tenant, snapshot=True) as conn:
            found = await graph.nodes(conn, self.tenant, keys)
        stored = {keys[key]: node for key, node in found.items() if node.room_nid == self.room.room_nid}
        return stored | {event_id: self.nodes[event_id] for event_id in ids if event_id in self.nodes}

    async def _state_before(self, event: Event, known: dict[EventID, Node]) -> RoomState:
        if not event.prev_events:
            return RoomState(())
        states = [self.after[event_id] for event_id in event.prev_events if event_id in self.after]
        stored = [
            known[event_id]
            for event_id in event.prev_events
            if event_id not in self.after and event_id in known and not known[event_id].flags & OUTLIER
        ]
        if stored:
            states += await states_after(self.ctx, self.tenant, self.room, stored)
        if len(states) < len(event.prev_events):
            states = [await self.fetcher.state_before(event.event_id), *states]
        return await resolve_states(self.ctx, self.tenant, self.room, states, self._unwritten(states))

    def _unwritten(self, states: Sequence[RoomState]) -> dict[int, core.Stored]:
        """Those state events of the stretch that the states may hold and the database does not."""
        return {
            row.nid: core.read_stored(
                core.Placed(row.nid, row.key_nid, 0, 0, None),
                events.event_id_of(self.room.version, row.event_hash),
                row.json,
                row.prev,
                row.auth,
                bool(flags & REJECTED),
            )
            for row, flags in zip(self.rows, self.flags, strict=True)
            if row.key_nid is not None and len(states) > 1
        }

    async def _is_refused(self, event: Event, known: dict[EventID, Node], state: RoomState) -> bool:
        version = self.room.version
        nodes = [known[event_id] for event_id in event.auth_events]
        cited = await parsed_events(self.ctx, self.tenant, self.room, nodes)
        auth_events = [cited[node.event_nid] for node in nodes]
        if pdu.has_long_fields(event) or core.check_auth_events(version, event, auth_events) is not None:
            return True
        if event.type == "m.room.create":
            return core.check_auth(version, event, {}) is not None
        keys = core.state_keys(version, event.type, event.sender, event.state_key, event.content)
        by_state = await events_under(self.ctx, self.tenant, self.room, state, keys)
        by_auth = {auth_event.key: auth_event for auth_event in auth_events}
        create = by_state.get(("m.room.create", ""))
        if create is not None:
            by_auth.setdefault(create.key, create)
        return any(core.check_auth(version, event, facts) is not None for facts in (by_auth, by_state))

    async def _snapshot(self, state: RoomState) -> int:
        """The snapshot of a state: the last one, or one that is written against it."""
        change = snapshots.change_of(self.chain.state, state)
        if self.chain.nid and not change.is_of_state:
            return self.chain.nid
        (nid,) = await self.ctx.database.take_nids(1)
        row, self.chain = snapshots.extend(self.chain, nid, change)
        self.snapshots.append(row)
        return nid

    async def _node(self, event: Event, own: Node | None, flags: int, snapshot_nid: int) -> Node:
        database, caches = self.ctx.database, self.ctx.caches
        (type_nid,) = await terms.type_nids(database, caches, self.tenant, [event.type])
        (sender_nid,) = await terms.intern(database, caches, self.tenant, [event.sender])
        key_nid = None
        if event.state_key is not None:
            (key_nid,) = await terms.key_nids(database, caches, self.tenant, [event.key])
        nid = own.event_nid if own else (await database.take_nids(1))[0]
        if event.is_state:
            self.room.keep(nid, event)
        return Node(
            nid,
            events.event_key(self.room.version, event.event_id),
            self.room.room_nid,
            flags,
            min(event.depth, 2**53 - 1),
            type_nid,
            key_nid,
            sender_nid,
            snapshot_nid,
        )

    async def _account(self, event: Event, node: Node, known: dict[EventID, Node], state: RoomState) -> None:
        early = await early_redaction(self.ctx, self.tenant, self.room, event, node.event_hash)
        flags = node.flags | (events.REDACTED if early else 0)
        relation = relations.read_relation(event.content) if event.state_key is None and not early else None
        target_hash = target_hash_of(self.room, relation)
        self.missing += [
            (events.event_key(self.room.version, event_id), node.event_nid)
            for event_id in event.prev_events
            if event_id not in self.after and (event_id not in known or known[event_id].flags & OUTLIER)
        ]
        self.flags.append(flags)
        self.rows.append(
            NewEvent(
                nid=node.event_nid,
                event_hash=node.event_hash,
                depth=node.depth,
                ts=event.origin_server_ts,
                type_nid=node.type_nid,
                key_nid=node.key_nid,
                sender_nid=node.sender_nid,
                prev=graph.numbers_of_all(event.prev_events, known),
                auth=[known[event_id].event_nid for event_id in event.auth_events],
                snapshot_nid=node.snapshot_nid,
                replaces_nid=state.get(node.key_nid) or None if node.key_nid is not None else None,
                thread_nid=await self._thread(relation, target_hash),
                push_default=0,
                push_except=None,
                json=early[1] if early else event.pdu,
                target_hash=target_hash,
                rel_type=relation.rel_type if target_hash and relation else None,
                rel_key=relation.key if target_hash and relation else None,
            )
        )

    async def _thread(self, relation: relations.Relation | None, target_hash: bytes | None) -> int | None:
        """The root of the thread of an event; what it relates to may be in the same stretch."""
        within = next((row for row in self.rows if row.event_hash == target_hash), None)
        if relation is not None and within is not None:
            return thread_by(relation, within.nid, within.thread_nid)
        return await thread_of_received(self.ctx, self.tenant, self.room, relation)

    async def _redact(self, event: Event, node: Node) -> None:
        """A redaction prunes what is in the stretch before it, and waits for what is still further back."""
        redaction = await redaction_of(self.ctx, self.tenant, self.room, event)
        if redaction.early_target is None:
            return
        for place, row in enumerate(self.rows):
            if row.event_hash == redaction.early_target:
                target = pdu.parse(self.room.version, row.json)
                if await may_redact(self.ctx, self.tenant, self.room, event.sender, target):
                    pruned = pdu.redacted(self.room.version, target).pdu
                    self.rows[place] = msgspec.structs.replace(
                        row, json=pruned, target_hash=None, rel_type=None
                    )
                    self.flags[place] |= events.REDACTED
                return
        self.early.append((redaction.early_target, node.event_nid))

    async def write(self) -> int | None:
        """Write the stretch; how many events of it were not here. None when one of them was stored meanwhile, be it with
        a state that was asked for: then the numbers by which the others name it are wrong.
        """
        if not self.rows:
            return 0
        history = History(
            room_nid=self.room.room_nid,
            events=self.rows[::-1],
            flags=self.flags[::-1],
            snapshots=self.snapshots,
            missing=self.missing,
            early=self.early,
        )
        return await admission.insert_history(self.ctx.database, self.tenant, history)
