"""Step: the one way for another server's event into a room (RELIABILITY E1; STYLE 5, "Inbound federation transaction").

The event was opened before (`usecases/federation/opening.py`: size, format, hash, signatures), and what it follows and
cites is here. It is checked in the spec's order: by its auth events, by the state before it (either rejects it, for
good), by the current state, the federation list and the room's policy server (these soft-fail it: kept, not shown,
followed by none of ours). Written by one statement that checks the version of the room's head, like our own.

Spec: https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
"""

from enum import StrEnum

import msgspec

from timserver import core
from timserver.context import Context
from timserver.core import Placed
from timserver.matrix import errors, pdu, power_levels, relations
from timserver.matrix.event import Event
from timserver.matrix.event_types import CREATE_KEY
from timserver.matrix.ids import EventID, ServerName
from timserver.store import admission, events, graph, snapshots, terms
from timserver.store.admission import Admission
from timserver.store.events import OUTLIER, REJECTED, SOFT_FAILED
from timserver.store.graph import Node
from timserver.store.live_rooms import LiveRoom, Member
from timserver.store.snapshots import RoomState
from timserver.store.streams import EVENT, Fact
from timserver.tenancy import Tenant
from timserver.usecases.events import ends
from timserver.usecases.events.placing import place_at_head, place_beside, placed_events
from timserver.usecases.events.policy_server import is_recommended, with_signature
from timserver.usecases.events.push_outcome import push_outcome
from timserver.usecases.events.redacting import Redaction, early_redaction, redaction_of
from timserver.usecases.events.related import target_hash_of, thread_of_received
from timserver.usecases.events.state_changes import state_changes
from timserver.usecases.events.stored_events import events_of, events_under, parsed_events
from timserver.usecases.events.surroundings import Around, read_around, remembered
from timserver.usecases.federation.resident_room import refusal_of_room
from timserver.usecases.federation.wanted import UNWANTED, is_wanted

NOT_RECOMMENDED = "policy_server"
"""Why an event is soft-failed that only the room's policy server does not want."""


class Status(StrEnum):
    """What became of an event."""

    NEW = "new"
    KNOWN = "known"
    REJECTED = "rejected"
    SOFT_FAILED = "soft_failed"
    MISSING = "missing"
    """Nothing was written: events that it follows or cites are not here."""
    REFUSED = "refused"
    """Nothing was written: the server that brought it may not take part, or we do not."""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome. `missing_prev` are to be fetched with the state before them or the history between, `missing_auth`
    with their auth chains.
    """

    status: Status
    reason: str | None = None
    missing_prev: tuple[EventID, ...] = ()
    missing_auth: tuple[EventID, ...] = ()


class _Verdict(msgspec.Struct, frozen=True):
    """The state before the event with its snapshot, and whether the event may stand."""

    state: RoomState
    snapshot_nid: int
    snapshot: snapshots.SnapshotRow | None
    flags: int
    reason: str | None


async def admit(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    event: Event,
    *,
    before: RoomState | None = None,
    origin: ServerName | None = None,
    forward: bool = False,
) -> Admitted:
    """Admit one event.

    `origin` is the server that brought it, for who does not know whether it may take part in the room as it is now.
    `before` is the state before it, for who has learned it from another server because the events before are not
    here. `forward`: the other servers in the room must get the event from us; nothing is kept of one that may not stand,
    for nobody else would ever have it. Raises `Unavailable` when others keep being faster.
    """
    if event.room_id != room.room_id:
        return Admitted(status=Status.REJECTED, reason="room.other")
    admitted = await _admit(ctx, tenant, room, event, before, origin, forward=forward, may_ask=True)
    if admitted is None:  # while the policy server is asked, the room goes on
        event = await with_signature(ctx, tenant, room, event)
        admitted = await _admit(ctx, tenant, room, event, before, origin, forward=forward, may_ask=False)
    assert admitted is not None
    return admitted


async def _admit(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    event: Event,
    before: RoomState | None,
    origin: ServerName | None,
    *,
    forward: bool,
    may_ask: bool,
) -> Admitted | None:
    """As `admit`; None when only the policy server's signature is missing, and it may be asked for that."""
    async with room.lock:
        around = None if before is not None or forward else remembered(room, event)
        for _ in range(ctx.settings.limits.append_retries_max):
            around = around or await read_around(ctx, tenant, room, event)
            refused = await refusal_of_room(ctx, tenant, room, origin) if origin else None
            if refused is not None:
                return Admitted(status=Status.REFUSED, reason=refused)
            outcome = _known(around) or _beginning(event, around) or _missing(event, around, before)
            if outcome is not None:
                return outcome
            admitting = _Admitting(ctx, tenant, room, event, around)
            verdict = await admitting.judge(before)
            if may_ask and verdict.reason == NOT_RECOMMENDED:
                return None
            if forward and verdict.flags:
                return _judged(verdict)
            status = await admitting.write(verdict, forward=forward)
            is_known_by_surprise = status == events.KNOWN and around.is_guess  # perhaps as a rejected one
            if status != events.STALE and not is_known_by_surprise:
                return _outcome(status, verdict)
            around = None
    raise errors.Unavailable("The room is busy")


def _outcome(status: int, verdict: _Verdict) -> Admitted:
    return Admitted(status=Status.KNOWN) if status == events.KNOWN else _judged(verdict)


def _judged(verdict: _Verdict) -> Admitted:
    if verdict.flags & REJECTED:
        return Admitted(status=Status.REJECTED, reason=verdict.reason)
    if verdict.flags & SOFT_FAILED:
        return Admitted(status=Status.SOFT_FAILED, reason=verdict.reason)
    return Admitted(status=Status.NEW)


def _known(around: Around) -> Admitted | None:
    own = around.own
    if own is None or own.flags & OUTLIER:
        return None
    if own.flags & REJECTED:
        return Admitted(status=Status.REJECTED, reason="known")
    if own.flags & SOFT_FAILED:
        return Admitted(status=Status.SOFT_FAILED, reason="known")
    return Admitted(status=Status.KNOWN)


def _beginning(event: Event, around: Around) -> Admitted | None:
    """Nothing is before the create event, which is known; what else claims that follows nothing is in no history."""
    if event.prev_events:
        return None
    if around.own is not None and event.type == "m.room.create":
        return Admitted(status=Status.KNOWN)
    return Admitted(status=Status.REJECTED, reason="event.follows_nothing")


def _missing(event: Event, around: Around, before: RoomState | None) -> Admitted | None:
    missing_auth = tuple(event_id for event_id in event.auth_events if event_id not in around.auth)
    there = {event_id for event_id, node in around.prev.items() if not node.flags & OUTLIER}
    missing_prev = tuple(event_id for event_id in event.prev_events if event_id not in there)
    if before is not None:
        missing_prev = ()
    if not missing_auth and not missing_prev:
        return None
    return Admitted(status=Status.MISSING, missing_prev=missing_prev, missing_auth=missing_auth)


class _Admitting:
    """One attempt, on one version of the room's head."""

    def __init__(self, ctx: Context, tenant: Tenant, room: LiveRoom, event: Event, around: Around) -> None:
        self.ctx, self.tenant, self.room, self.event, self.around = ctx, tenant, room, event, around
        self.current = room.state
        self.placed: Placed | None = None

    async def judge(self, before: RoomState | None) -> _Verdict:
        """The checks, in the spec's order, and the state before the event."""
        refused = await self._by_auth_events()
        state, snapshot_nid = await self._state_before() if before is None else (before, 0)
        snapshot = None
        if not snapshot_nid:
            (snapshot_nid,) = await self.ctx.database.take_nids(1)
            change = snapshots.change_of(self.current, state)
            snapshot, _ = snapshots.extend(self.room.chain, snapshot_nid, change)
        refused = refused or await self._by_state(state)
        if refused is not None:
            return _Verdict(state, snapshot_nid, snapshot, REJECTED, refused)
        if snapshot_nid != self.room.chain.nid:
            refused = await self._by_state(self.current)
        if refused is None and not is_wanted(self.ctx, self.tenant, self.event):
            refused = UNWANTED
        if refused is None and not await is_recommended(self.ctx, self.tenant, self.room, self.event):
            refused = NOT_RECOMMENDED
        return _Verdict(state, snapshot_nid, snapshot, SOFT_FAILED if refused else 0, refused)

    async def _by_auth_events(self) -> str | None:
        """Step 4: whether its auth events are the right ones and allow it."""
        if self.around.own is not None and self.around.own.flags & REJECTED:
            return "known"
        if pdu.has_long_fields(self.event):
            return "event.long_field"
        version = self.room.version
        nodes = [self.around.auth[event_id] for event_id in self.event.auth_events]
        cited = await parsed_events(self.ctx, self.tenant, self.room, nodes)
        auth_events = [cited[node.event_nid] for node in nodes]
        refused = core.check_auth_events(version, self.event, auth_events)
        if refused is None:
            auth_state = {auth_event.key: auth_event for auth_event in auth_events}
            create = await self._create()
            if create is not None:
                auth_state.setdefault(create.key, create)
            refused = core.check_auth(version, self.event, auth_state)
        return refused.name if refused else None

    async def _create(self) -> Event | None:
        nid = self.room.others.get(CREATE_KEY)
        if not nid:
            return None
        return (await events_of(self.ctx, self.tenant, self.room, [nid]))[nid]

    async def _by_state(self, state: RoomState) -> str | None:
        """Steps 5 and 6: whether a state allows it."""
        event, version = self.event, self.room.version
        keys = core.state_keys(version, event.type, event.sender, event.state_key, event.content)
        auth_state = await events_under(self.ctx, self.tenant, self.room, state, keys)
        refused = core.check_auth(version, event, auth_state)
        return refused.name if refused else None

    async def _state_before(self) -> tuple[RoomState, int]:
        """The state before the event; and its snapshot, 0 when it must be written."""
        prev = list(self.around.prev.values())
        if set(self.around.prev) == {event_id for _, event_id in self.room.extremities}:
            return self.current, self.room.chain.nid
        return await self._after(prev)

    async def _after(self, nodes: list[Node]) -> tuple[RoomState, int]:
        """The state after some events, and its snapshot, if there is one."""
        parts = {ends.part(node) for node in nodes}
        (snapshot_nid, changed), *others = parts
        if others or changed:
            snapshot_nid = 0
        elif snapshot_nid == self.room.chain.nid:
            return self.current, snapshot_nid
        return await ends.state_after(self.ctx, self.tenant, self.room, nodes), snapshot_nid

    async def write(self, verdict: _Verdict, *, forward: bool) -> int:
        """Write the event as judged; the room in memory follows. The status of `store.admission.admit`."""
        event, room = self.event, self.room
        own = await self._own_node(verdict)
        accepted = not verdict.flags
        if own.key_nid is not None and not verdict.flags & REJECTED:
            self.placed = await self._place(own, at_head=accepted)
        extremities, current = room.extremities, self.current
        if accepted:
            others = await ends.others(self.ctx, self.tenant, room, self.around.prev.values())
            end = None
            if not (others and self._is_past()):
                stored = self._stored(own) if own.key_nid is not None and others else None
                end = ends.End(own, verdict.state, stored)
            current = await ends.current_state(self.ctx, self.tenant, room, others, end)
            extremities = [*others, (own.event_nid, event.event_id)] if end else others
        head, chain = None, room.chain
        change = snapshots.change_of(self.current, current)
        if change.is_of_state or change.reach:
            (head_nid,) = await self.ctx.database.take_nids(1)
            head, chain = snapshots.extend(room.chain, head_nid, change)
        changes = await state_changes(self.ctx, self.tenant, room, change, event, own)
        redaction = await redaction_of(self.ctx, self.tenant, room, event) if accepted else Redaction()
        new = await self._new_event(own, verdict, current if accepted else None)
        wanted = Admission(
            room_nid=room.room_nid,
            row_version=room.row_version,
            event=new.event,
            flags=verdict.flags | new.flags,
            redacted_by=new.redacted_by,
            extremities=[nid for nid, _ in extremities],
            head_snapshot_nid=chain.nid,
            snapshots=[row for row in (verdict.snapshot, head) if row is not None],
            changes=changes.rows,
            joined_change=changes.joined,
            invited_change=changes.invited,
            redact=redaction.redact,
            early_target=redaction.early_target,
            missing=self._missing_hashes(),
            forward=forward,
            is_guess=self.around.is_guess,
        )
        admitted = await admission.admit(self.ctx.database, self.tenant, wanted)
        if admitted.status == events.APPENDED and accepted:
            self._settle(extremities, chain, wanted, admitted.position)
            room.keep_node(event.event_id, own)
            if forward or (len(extremities) > 1 and any(change.server_nid for change in changes.rows)):
                self.ctx.streams.send(self.tenant)
            if redaction.redact is not None:
                room.forget(redaction.redact[0])
        return admitted.status

    def _is_past(self) -> bool:
        """Has the room gone on from the event? An event that is here follows it; or it is in the current state, or authorizes
        what is, though nobody who follows it is here: as an end it would bring back the state from before.
        """
        if self.around.is_followed:
            return True
        if self.around.own is None or self.placed is None:
            return False
        if self.current.get(self.placed.key) == self.placed.number:
            return True
        return self.current.reach is not None and core.is_reached(self.current.reach, self.placed)

    async def _own_node(self, verdict: _Verdict) -> Node:
        event = self.event
        database, caches = self.ctx.database, self.ctx.caches
        (type_nid,) = await terms.type_nids(database, caches, self.tenant, [event.type])
        key_nid = None
        if event.state_key is not None:
            (key_nid,) = await terms.key_nids(database, caches, self.tenant, [event.key])
        (sender_nid,) = await terms.intern(database, caches, self.tenant, [event.sender])
        nid = self.around.own.event_nid if self.around.own else (await database.take_nids(1))[0]
        return Node(
            nid,
            events.event_key(self.room.version, event.event_id),
            self.room.room_nid,
            verdict.flags,
            event.depth,
            type_nid,
            key_nid,
            sender_nid,
            verdict.snapshot_nid,
        )

    async def _place(self, own: Node, *, at_head: bool) -> Placed:
        """Where the event stands among the auth chains; an outlier keeps its place."""
        ctx, tenant, room = self.ctx, self.tenant, self.room
        auth = [self.around.auth[event_id].event_nid for event_id in self.event.auth_events]
        new = (own.event_nid, own.key_nid or 0, self.event.type)
        known = await placed_events(ctx, tenant, room, [own.event_nid] if self.around.own else [])
        if known:
            return known[own.event_nid]
        if at_head:
            placed = await place_at_head(ctx, tenant, room, new, auth)
        else:
            placed = place_beside(new, list((await placed_events(ctx, tenant, room, auth)).values()), {})
        room.keep_placed(own.event_nid, placed)
        return placed

    def _stored(self, own: Node) -> core.Stored:
        event = self.event
        return core.read_stored(
            self.placed or Placed(own.event_nid, own.key_nid or 0, 0, 0, None),
            event.event_id,
            event.pdu,
            graph.numbers_of_all(event.prev_events, self.around.prev),
            [self.around.auth[event_id].event_nid for event_id in event.auth_events],
        )

    async def _new_event(self, own: Node, verdict: _Verdict, current: RoomState | None) -> "_Written":
        """The row to write. Only what becomes part of the room is related to others and told to anybody."""
        event, room = self.event, self.room
        early = None
        if not self.around.is_guess:
            early = await early_redaction(self.ctx, self.tenant, room, event, own.event_hash)
        redacted_by, body = early or (None, event.pdu)
        push, except_, target_hash, thread_nid, relation = 0, None, None, None, None
        if current is not None and event.is_state:
            room.keep(own.event_nid, event)
        if current is not None and early is None:
            relation = relations.read_relation(event.content) if event.state_key is None else None
            target_hash = target_hash_of(room, relation)
            thread_nid = await thread_of_received(self.ctx, self.tenant, room, relation)
            levels = power_levels.of_state(
                room.version,
                await events_under(
                    self.ctx,
                    self.tenant,
                    room,
                    current,
                    [("m.room.create", ""), ("m.room.power_levels", "")],
                ),
            )
            push, except_ = await push_outcome(self.ctx, self.tenant, room, event, levels)
        new = events.NewEvent(
            nid=own.event_nid,
            event_hash=own.event_hash,
            depth=min(event.depth, 2**53 - 1),
            ts=event.origin_server_ts,
            type_nid=own.type_nid,
            key_nid=own.key_nid,
            sender_nid=own.sender_nid,
            prev=graph.numbers_of_all(event.prev_events, self.around.prev),
            auth=[self.around.auth[event_id].event_nid for event_id in event.auth_events],
            snapshot_nid=verdict.snapshot_nid,
            replaces_nid=verdict.state.get(own.key_nid) or None if own.key_nid is not None else None,
            thread_nid=thread_nid,
            push_default=push,
            push_except=except_,
            json=body,
            placed=self.placed,
            target_hash=target_hash,
            rel_type=relation.rel_type if target_hash and relation else None,
            rel_key=relation.key if target_hash and relation else None,
        )
        return _Written(new, events.REDACTED if early else 0, redacted_by)

    def _missing_hashes(self) -> list[bytes]:
        return [
            events.event_key(self.room.version, event_id)
            for event_id in self.event.prev_events
            if event_id not in self.around.prev or self.around.prev[event_id].flags & OUTLIER
        ]

    def _settle(
        self,
        extremities: list[tuple[int, EventID]],
        chain: snapshots.Chain,
        wanted: Admission,
        position: int,
    ) -> None:
        """The room in memory, and who waits for it."""
        room, facts = self.room, []
        others, members = dict(room.others), dict[int, Member]()
        for change in wanted.changes:
            if change.membership is not None:
                members[change.key_nid] = Member(change.membership, change.event_nid, bool(change.local))
                facts.append(Fact(position, EVENT, room.room_nid, change.key_nid, change.membership))
            elif change.event_nid:
                others[change.key_nid] = change.event_nid
            else:
                others.pop(change.key_nid, None)
        room.others = others
        if members:
            room.change_members(members)
        room.extremities, room.chain = extremities, chain
        room.depth, room.position = max(room.depth, wanted.event.depth), position
        room.row_version += 1
        if self.placed is not None and self.placed.chain:
            end = room.chain_ends.get(self.placed.chain, 0)
            room.chain_ends[self.placed.chain] = max(end, self.placed.position)
        own = wanted.event
        if not any(fact.user_nid == own.key_nid for fact in facts):
            facts.append(Fact(position, EVENT, room.room_nid, own.key_nid or 0))
        self.ctx.streams.publish(self.tenant, position, facts)


class _Written(msgspec.Struct, frozen=True):
    event: events.NewEvent
    flags: int
    redacted_by: int | None
