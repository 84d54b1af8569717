"""Step: the one way for an event of ours into a room (RELIABILITY E1; STYLE 5, "Send").

Built on the room's head in memory, authorized by the core, written by one statement that checks the head's version.
When another process was faster nothing was written: the head is brought up to date, and all is decided again.
"""

from collections.abc import Sequence

import msgspec

from timserver import core
from timserver.context import Context
from timserver.core import Placed
from timserver.matrix import errors, pdu, power_levels, relations, signing
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID, UserID, server_name_of
from timserver.matrix.room_versions import EventIdFormat
from timserver.matrix.signing import SigningKey
from timserver.store import events, graph, snapshots, terms
from timserver.store import relations as relation_rows
from timserver.store.live_rooms import INVITE, JOIN, LEAVE, MEMBERSHIP_CODES, LiveRoom, Member
from timserver.store.snapshots import Change
from timserver.store.streams import EVENT, Fact
from timserver.tenancy import Tenant
from timserver.usecases.events.drafts import Draft, Transaction
from timserver.usecases.events.placing import place_at_head, with_reach_after
from timserver.usecases.events.policy_server import recommended
from timserver.usecases.events.push_outcome import push_outcome
from timserver.usecases.events.related import target_hash_of, thread_by
from timserver.usecases.rooms.live import catch_up, refresh_room, state_events
from timserver.usecases.tenants.signing_key import signing_key


class Result(msgspec.Struct, frozen=True):
    """The events that were appended; for a known transaction id only the last one's id."""

    event_ids: tuple[EventID, ...]
    position: int
    known: bool = False


class _Numbers(msgspec.Struct, frozen=True):
    """Numeric ids of an event to append: of itself, its type, its state key and its auth events."""

    nid: int
    type_nid: int
    key_nid: int | None
    auth: list[int]


class _Batch:
    """Events of one append, built one after the other, each authorized by the state that those before it made."""

    def __init__(self, ctx: Context, tenant: Tenant, room: LiveRoom, key: SigningKey) -> None:
        self.ctx, self.tenant, self.room, self.key = ctx, tenant, room, key
        self.built: list[tuple[Draft, Event]] = []
        self.new: list[events.NewEvent] = []
        self.state: dict[StateKey, tuple[int, Event]] = {}
        self.chain = room.chain
        self.chain_ends: dict[int, int] = {}
        self.snapshots: list[snapshots.SnapshotRow] = []
        self.others = room.others
        self.members: dict[int, Member] = {}
        self.extremities = room.extremities
        self.depth = room.depth
        self.joined_change = self.invited_change = 0
        self.redact: tuple[int, bytes] | None = None
        self.transaction: Transaction | None = None

    async def add(self, draft: Draft, nid: int, type_nid: int, key_nid: int | None) -> None:
        """Build, authorize and account for one event. Raises `Forbidden` when it is not allowed, `InvalidRoomState`."""
        room, version = self.room, self.room.version
        if draft.type == "m.room.create" and self.extremities:
            raise errors.InvalidRoomState("A room has one m.room.create event")
        auth = await self._auth_state(draft)
        auth_keys = core.auth_keys(version, draft.type, draft.sender, draft.state_key, draft.content)
        auth_events = [auth[key] for key in auth_keys if key in auth]
        template = pdu.PduTemplate(
            room_id=None
            if version.room_id_is_create_hash and draft.type == "m.room.create"
            else room.room_id,
            sender=draft.sender,
            type=draft.type,
            content=draft.content,
            prev_events=tuple(event_id for _, event_id in self.extremities),
            auth_events=tuple(event.event_id for _, event in auth_events),
            depth=self.depth + 1,
            origin_server_ts=draft.origin_server_ts or self.ctx.clock.now_ms(),
            state_key=draft.state_key,
            redacts=draft.redacts,
            event_id=self._given_event_id(),
            reference_hashes=await self._reference_hashes([event for _, event in auth_events]),
        )
        event = core.seal(version, template, server_name=self.tenant.server_name, signing_key=self.key)
        refused = core.check_auth(version, event, {key: value[1] for key, value in auth.items()})
        if refused is not None:
            raise _refusal(refused)
        event = await recommended(self.ctx, self.tenant, room, event)
        if not room.room_id:
            room.room_id = event.room_id
        state = {key: value[1] for key, value in auth.items()}
        levels = power_levels.of_state(version, state) if state else None
        numbers = _Numbers(nid, type_nid, key_nid, [auth_nid for auth_nid, _ in auth_events])
        await self._account(draft, event, numbers, levels)

    def _given_event_id(self) -> EventID | None:
        """In rooms of version 1 and 2 the sender's server chooses it."""
        if self.room.version.event_id_format is not EventIdFormat.GIVEN:
            return None
        return EventID(f"${self.ctx.ids.opaque(18)}:{self.tenant.server_name}")

    async def _reference_hashes(self, auth_events: Sequence[Event]) -> dict[EventID, str]:
        """Of all events that the next one refers to; in rooms of version 1 and 2."""
        version = self.room.version
        if version.event_id_format is not EventIdFormat.GIVEN:
            return {}
        known = {event.event_id: event.pdu for event in auth_events}
        known |= {event.event_id: event.pdu for _, event in self.built}
        missing = {nid: event_id for nid, event_id in self.extremities if event_id not in known}
        if missing:
            async with self.ctx.database.transaction(self.tenant) as conn:
                bodies = await events.bodies(conn, self.tenant, missing)
            known |= {missing[nid]: body for nid, body in bodies.items()}
        return {
            event_id: signing.encode_base64(signing.reference_hash(version, pdu.decode(version, body)))
            for event_id, body in known.items()
        }

    async def _auth_state(self, draft: Draft) -> dict[StateKey, tuple[int, Event]]:
        keys = core.state_keys(self.room.version, draft.type, draft.sender, draft.state_key, draft.content)
        missing = [key for key in keys if key not in self.state]
        found = await state_events(self.ctx, self.tenant, self.room, missing) if missing else {}
        return {**found, **{key: self.state[key] for key in keys if key in self.state}}

    async def _account(
        self, draft: Draft, event: Event, numbers: "_Numbers", levels: power_levels.PowerLevels | None
    ) -> None:
        room, key_nid = self.room, numbers.key_nid
        relation = relations.read_relation(event.content) if event.state_key is None else None
        target_hash = target_hash_of(room, relation)
        thread_nid = await self._thread(draft, numbers, relation, target_hash) if target_hash else None
        push_default, push_except = (
            await push_outcome(self.ctx, self.tenant, room, event, levels) if levels else (0, None)
        )
        code = self._membership_code(event)
        server_nid = await member_server(self.ctx, self.tenant, event) if code else None
        placed = await self._place(event, numbers) if event.is_state else None
        new = events.NewEvent(
            nid=numbers.nid,
            event_hash=events.event_key(room.version, event.event_id),
            depth=event.depth,
            ts=event.origin_server_ts,
            type_nid=numbers.type_nid,
            key_nid=key_nid,
            sender_nid=draft.sender_nid,
            prev=[prev_nid for prev_nid, _ in self.extremities],
            auth=numbers.auth,
            snapshot_nid=self.chain.nid,
            replaces_nid=self._replaced(event, key_nid),
            thread_nid=thread_nid,
            push_default=push_default,
            push_except=push_except,
            json=event.pdu,
            membership=code,
            local=server_nid is None if code else None,
            server_nid=server_nid,
            stripped=draft.stripped,
            placed=placed,
            target_hash=target_hash,
            rel_type=relation.rel_type if target_hash and relation else None,
            rel_key=relation.key if target_hash and relation else None,
        )
        self.new.append(new)
        self.built.append((draft, event))
        if event.state_key is not None:
            assert key_nid is not None
            await self._set_state(event, new, key_nid)
        self.extremities = [(numbers.nid, event.event_id)]
        self.depth = event.depth

    async def _place(self, event: Event, numbers: "_Numbers") -> Placed:
        new = (numbers.nid, numbers.key_nid or 0, event.type)
        placed = await place_at_head(self.ctx, self.tenant, self.room, new, numbers.auth, self.chain_ends)
        self.room.keep_placed(numbers.nid, placed)
        if placed.chain:
            self.chain_ends[placed.chain] = placed.position
        return placed

    async def _thread(
        self, draft: Draft, numbers: _Numbers, relation: relations.Relation | None, target_hash: bytes
    ) -> int | None:
        """The root of the thread that the event belongs to by its relation. Raises `DuplicateAnnotation`, and `Unknown`
        for a thread that would begin at an event which relates to another.
        """
        assert relation is not None
        key = relation.key if relation.rel_type == relations.ANNOTATION else None
        by = self.transaction
        target = await relation_rows.target(
            self.ctx.database,
            self.tenant,
            self.room.room_nid,
            target_hash,
            (draft.sender_nid, numbers.type_nid, key) if key is not None else None,
            (by.device_nid, by.txn_id) if by else None,
        )
        if target is None:
            return None
        if target.annotated:
            raise errors.DuplicateAnnotation()
        if target.related and relation.rel_type == relations.THREAD:
            raise errors.Unknown("No thread begins at an event that relates to another", status=400)
        return thread_by(relation, target.event_nid, target.thread_nid)

    def _membership_code(self, event: Event) -> int | None:
        return MEMBERSHIP_CODES[event.membership or "leave"] if event.type == "m.room.member" else None

    def _replaced(self, event: Event, key_nid: int | None) -> int | None:
        if event.state_key is None or key_nid is None:
            return None
        if event.key in self.state:
            return self.state[event.key][0]
        return self.room.event_nid(event.type, key_nid) or None

    async def _set_state(self, event: Event, new: events.NewEvent, key_nid: int) -> None:
        """The state after the event: a snapshot of its own, current state for the next event of the batch."""
        self.state[event.key] = (new.nid, event)
        change: tuple[snapshots.State, snapshots.State] = ({}, {})
        if new.membership is not None:
            old = self.members.get(key_nid) or self.room.members.get(key_nid)
            before = old.membership if old else LEAVE
            self.joined_change += (new.membership == JOIN) - (before == JOIN)
            self.invited_change += (new.membership == INVITE) - (before == INVITE)
            self.members[key_nid] = Member(new.membership, new.nid, bool(new.local))
            change[1][key_nid] = new.nid
        else:
            self.others = {**self.others, key_nid: new.nid}
            change[0][key_nid] = new.nid
        (snapshot_nid,) = await self.ctx.database.take_nids(1)
        state = self.chain.state
        states = state, state.over(*change)
        assert new.placed is not None
        removed = [new.replaces_nid or 0]
        after = await with_reach_after(self.ctx, self.tenant, self.room, states, removed, [new.placed])
        reach = snapshots.reach_change(state, after)
        row, self.chain = snapshots.extend(self.chain, snapshot_nid, Change(*change, reach))
        self.snapshots.append(row)

    def settle(self, position: int) -> None:
        """The database said yes: the room in memory is what the batch made of it."""
        room = self.room
        room.others, room.chain = self.others, self.chain
        room.extremities = self.extremities
        room.depth, room.position = self.depth, position
        room.row_version += 1
        room.chain_ends |= self.chain_ends
        if self.members:
            room.change_members(self.members)
        for nid, event in self.state.values():
            room.keep(nid, event)
        for new, (_, event) in zip(self.new, self.built, strict=True):
            room.keep_node(event.event_id, graph.node_of(room.room_nid, new))


def _refusal(refused: core.Rejected) -> errors.MatrixError:
    """By what the sender may, or for an event that nobody may send."""
    inner = f"{refused.name} {refused.rule}"
    if refused.name == "power_levels.lists_creator":
        return errors.InvalidRoomState("Room creators cannot be listed in the power levels", inner=inner)
    return errors.Forbidden("You are not allowed to do this in this room", inner=inner)


async def member_server(ctx: Context, tenant: Tenant, member: Event) -> int | None:
    """Number of the server of the user whom a member event is about; None for one of ours."""
    server_name = server_name_of(UserID(member.state_key or ""))
    if server_name == tenant.server_name:
        return None
    (nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [server_name])
    return nid


async def append(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    drafts: Sequence[Draft],
    *,
    transaction: Transaction | None = None,
    redact: tuple[int, bytes] | None = None,
) -> Result:
    """Append events to a room, all or none.

    Raises `Forbidden` when one of them is not authorized, `BadJson` and `TooLarge` for content that cannot be an
    event, `Unavailable` when others keep being faster.
    """
    key = await signing_key(ctx, tenant)
    types = await terms.type_nids(ctx.database, ctx.caches, tenant, [draft.type for draft in drafts])
    state_keys = [(draft.type, draft.state_key) for draft in drafts if draft.state_key is not None]
    key_nids = iter(await terms.key_nids(ctx.database, ctx.caches, tenant, state_keys) if state_keys else ())
    keys = [next(key_nids) if draft.state_key is not None else None for draft in drafts]
    nids = await ctx.database.take_nids(len(drafts))
    async with room.lock:
        for _ in range(ctx.settings.limits.append_retries_max):
            batch = _Batch(ctx, tenant, room, key)
            batch.redact, batch.transaction = redact, transaction
            try:
                for draft, nid, type_nid, key_nid in zip(drafts, nids, types, keys, strict=True):
                    await batch.add(draft, nid, type_nid, key_nid)
            except errors.Forbidden:  # perhaps only by a state that another process has changed since
                if not room.row_version or not await catch_up(ctx, tenant, room):
                    raise
                continue
            appended = await _write(ctx, tenant, batch, transaction)
            if appended.status == events.STALE:
                await refresh_room(ctx, tenant, room)
                continue
            event_id = events.event_id_of(room.version, appended.event_hash)
            if appended.status == events.KNOWN:
                return Result((event_id,), appended.position, known=True)
            had_servers = room.has_servers
            batch.settle(appended.position)
            _tell(ctx, tenant, batch, appended.position)
            concerns_servers = any(new.server_nid for new in batch.new)  # of the invited, too
            if had_servers or room.has_servers or concerns_servers:
                ctx.streams.send(tenant)
            return Result(tuple(event.event_id for _, event in batch.built), appended.position)
    raise errors.Unavailable("The room is busy")


async def _write(
    ctx: Context, tenant: Tenant, batch: _Batch, transaction: Transaction | None
) -> events.Appended:
    room = batch.room
    is_new = not room.row_version and not room.extremities
    wanted = events.Append(
        room_nid=room.room_nid,
        row_version=room.row_version,
        new_room=(room.room_id, room.version.identifier) if is_new else None,
        device_nid=transaction.device_nid if transaction else None,
        txn_id=transaction.txn_id if transaction else None,
        events=batch.new,
        snapshots=batch.snapshots,
        head_snapshot_nid=batch.chain.nid,
        joined_change=batch.joined_change,
        invited_change=batch.invited_change,
        redact=batch.redact,
    )
    return await events.append(ctx.database, tenant, wanted)


def _tell(ctx: Context, tenant: Tenant, batch: _Batch, position: int) -> None:
    first = position - len(batch.new) + 1
    facts = [
        Fact(first + place, EVENT, batch.room.room_nid, new.key_nid or 0, new.membership)
        for place, new in enumerate(batch.new)
    ]
    ctx.streams.publish(tenant, position, facts, len(facts))
