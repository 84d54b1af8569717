"""Step: events and states that another server has and we need, asked for, opened and stored as outliers.

Bounded: a fetch takes at most so many requests (`limits.federation_fetch_requests_max`); what could not be had is not
asked for again for a while.
"""

import asyncio
from collections.abc import Iterable, Sequence

from timserver.context import Context
from timserver.matrix import pdu
from timserver.matrix.errors import MatrixError
from timserver.matrix.event import Event
from timserver.matrix.event_types import CREATE_KEY, MEMBER
from timserver.matrix.ids import EventID, ServerName
from timserver.remote.client import RemoteError
from timserver.remote.federation import events as remote_events
from timserver.store import events, graph
from timserver.store.events import REJECTED
from timserver.store.graph import Node
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import RoomState, State
from timserver.tenancy import Tenant
from timserver.usecases.events.placing import with_reach
from timserver.usecases.events.resolving import state_with
from timserver.usecases.federation.opening import Refused, open_pdus
from timserver.usecases.federation.outliers import AuthChainIncomplete, OfRoom, store_outliers

SINGLY_MAX = 30
"""Missing events of a state that are asked for one by one; of more, the whole state is."""
_AT_ONCE = 5


class Fetcher:
    """What one server can tell of one room, within a budget of requests."""

    def __init__(self, ctx: Context, tenant: Tenant, room: LiveRoom, server_name: ServerName) -> None:
        self.ctx, self.tenant, self.room, self.server_name = ctx, tenant, room, server_name
        self.of_room = OfRoom(room.room_nid, room.room_id, room.version)
        self.requests_left = ctx.settings.limits.federation_fetch_requests_max

    def _spend(self) -> None:
        if self.requests_left <= 0:
            raise RemoteError("too many requests for one event")
        self.requests_left -= 1

    async def opened(self, pdus: Sequence[bytes]) -> list[Event]:
        """Those that are right and of this room."""
        found = await open_pdus(self.ctx, self.tenant, self.room.version, pdus)
        return [
            event for event in found if not isinstance(event, Refused) and event.room_id == self.room.room_id
        ]

    async def missing_events(self, event: Event) -> list[Event]:
        """What lies between the room here and an event; each behind those that it follows."""
        self._spend()
        limits = self.ctx.settings.limits
        wanted = remote_events.Missing(
            earliest=[event_id for _, event_id in self.room.extremities],
            latest=[event.event_id],
            limit=limits.federation_missing_events_max,
            min_depth=0,
        )
        pdus = await remote_events.get_missing_events(
            self.ctx.remote, self.tenant, self.server_name, self.room.room_id, wanted
        )
        return in_order(await self.opened(pdus[: limits.federation_missing_events_max]))

    async def auth_chain(self, event: Event) -> None:
        """Store the auth chain of an event. Raises RemoteError when it stays incomplete."""
        self._spend()
        pdus = await remote_events.get_event_auth(
            self.ctx.remote, self.tenant, self.server_name, self.room.room_id, event.event_id
        )
        await self._store(await self.opened(pdus))

    async def state_before(self, event_id: EventID) -> RoomState:
        """The state before an event, as the server knows it; its events are stored."""
        self._spend()
        ids = await remote_events.get_state_ids(
            self.ctx.remote, self.tenant, self.server_name, self.room.room_id, event_id
        )
        wanted = [*ids.pdu_ids, *ids.auth_chain_ids]
        if len(wanted) > self.ctx.settings.limits.federation_state_events_max:
            raise RemoteError("the state is too large")
        state_ids = self._valid(ids.pdu_ids)
        known = await self._known(self._valid(wanted))
        missing = [event_id for event_id in self._valid(wanted) if event_id not in known]
        if missing:
            await self._store(await self._fetch(missing, event_id))
            known = await self._known(state_ids)
        state = _state_of([known[event_id] for event_id in state_ids if event_id in known])
        if state.get(CREATE_KEY) != self.room.others.get(CREATE_KEY):
            raise RemoteError("the state is that of another room")
        return await with_reach(self.ctx, self.tenant, self.room, state)

    async def state_after(self, event_id: EventID) -> RoomState:
        """The state after an event that is not here (or stands for itself): it is fetched, with the state before it."""
        state = await self.state_before(event_id)
        node = (await self._known([event_id])).get(event_id)
        if node is None:
            await self._store(await self._fetch([event_id], event_id))
            node = (await self._known([event_id])).get(event_id)
        if node is None:
            raise RemoteError("the server does not have an event that it names")
        return await state_with(self.ctx, self.tenant, self.room, state, node)

    def _valid(self, ids: Iterable[str]) -> list[EventID]:
        valid = []
        for text in dict.fromkeys(ids):
            try:
                valid.append(pdu.parse_event_id(self.room.version, text))
            except MatrixError as error:
                raise RemoteError("the answer names events of another kind") from error
        return valid

    async def _known(self, ids: Sequence[EventID]) -> dict[EventID, Node]:
        keys = {events.event_key(self.room.version, event_id): event_id for event_id in ids}
        async with self.ctx.database.transaction(self.tenant, snapshot=True) as conn:
            found = await graph.nodes(conn, self.tenant, keys)
        return {keys[key]: node for key, node in found.items() if node.room_nid == self.room.room_nid}

    async def _fetch(self, missing: Sequence[EventID], at: EventID) -> list[Event]:
        if len(missing) > min(SINGLY_MAX, self.requests_left):
            self._spend()
            whole = await remote_events.get_state(
                self.ctx.remote, self.tenant, self.server_name, self.room.room_id, at
            )
            wanted = set(missing)
            opened = await self.opened([bytes(entry) for entry in (*whole.auth_chain, *whole.pdus)])
            return [event for event in opened if event.event_id in wanted]
        for _ in missing:
            self._spend()
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(event_id: EventID) -> bytes:
            async with limit:
                return await remote_events.get_event(self.ctx.remote, self.tenant, self.server_name, event_id)

        pdus = await asyncio.gather(*(one(event_id) for event_id in missing), return_exceptions=True)
        return await self.opened([found for found in pdus if isinstance(found, bytes)])

    async def _store(self, opened: Sequence[Event]) -> None:
        try:
            await store_outliers(self.ctx, self.tenant, self.of_room, opened)
        except AuthChainIncomplete as error:
            raise RemoteError("an auth chain is incomplete") from error


def in_order(found: Sequence[Event]) -> list[Event]:
    """Events, each behind those among them that it follows."""
    by_id = {event.event_id: event for event in found}
    waiting = {
        event_id: {prev for prev in event.prev_events if prev in by_id} for event_id, event in by_id.items()
    }
    followers: dict[EventID, list[EventID]] = {}
    for event_id, prevs in waiting.items():
        for prev in prevs:
            followers.setdefault(prev, []).append(event_id)
    ready = sorted(
        (event_id for event_id, prevs in waiting.items() if not prevs), key=lambda i: by_id[i].depth
    )
    ordered = []
    while ready:
        event_id = ready.pop(0)
        ordered.append(by_id[event_id])
        for follower in followers.get(event_id, ()):
            waiting[follower].discard(event_id)
            if not waiting[follower]:
                ready.append(follower)
    return ordered


def _state_of(nodes: Iterable[Node]) -> RoomState:
    others: State = {}
    members: State = {}
    for node in nodes:
        if node.key_nid is not None and not node.flags & REJECTED:
            (members if node.type_nid == MEMBER else others)[node.key_nid] = node.event_nid
    return RoomState.whole(others, members)
