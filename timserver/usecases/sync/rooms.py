"""Rooms of a sync answer: timelines, state, summaries, unread counts.

Spec: https://spec.matrix.org/v1.19/client-server-api/#syncing
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import filters
from timserver.matrix.event_types import CANONICAL_ALIAS, MEMBER, NAME
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.store import events, snapshots, sync_reads
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.store.live_rooms import BAN, JOIN
from timserver.store.rooms import UserRoomRow
from timserver.tenancy import Tenant
from timserver.usecases.events.rendering import Reader, render
from timserver.usecases.events.visible import Seen, visible
from timserver.usecases.sync import token
from timserver.usecases.sync.asked import Asked, Window
from timserver.usecases.sync.response import Events, Timeline

_SUMMARIZED = (MEMBER, NAME, CANONICAL_ALIAS)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One room of the answer: from where its timeline may reach, up to where, and whether all state is wanted."""

    row: UserRoomRow
    after: int
    up_to: int
    full: bool

    @property
    def joined(self) -> bool:
        """Is the user in the room?"""
        return self.row.membership == JOIN


class RoomPart(msgspec.Struct, frozen=True, kw_only=True):
    """What timeline and state of a room have become."""

    timeline: Timeline
    state: Events | None
    changed: bool
    """Is there anything to tell?"""
    summary_changed: bool
    """May its members or its name be others?"""


class _Facts(msgspec.Struct):
    type: str
    sender: str
    content: dict[str, msgspec.Raw]


_decode_facts = msgspec.json.Decoder(_Facts).decode


class RoomReader:
    """Reads the rooms of one answer."""

    def __init__(
        self,
        ctx: Context,
        conn: Connection,
        tenant: Tenant,
        asked: Asked,
        window: Window,
        ignored: Sequence[int],
    ) -> None:
        self._ctx, self._conn, self._tenant, self._asked, self._window = ctx, conn, tenant, asked, window
        self._ignored = ignored
        self._lazy = asked.filter.room.state.lazy_load_members or asked.filter.room.timeline.lazy_load_members
        limits = ctx.settings.limits
        self._limit = filters.limit_of(
            asked.filter.room.timeline, limits.page_events_default, limits.sync_timeline_events_max
        )

    async def read(self, plans: Sequence[Plan], heroes: Mapping[int, list[int]]) -> dict[int, RoomPart]:
        """Timeline and state of each planned room."""
        windows = [(plan.row.room_nid, plan.after, plan.up_to) for plan in plans]
        newest = (
            await events.newest_of_rooms(self._conn, self._tenant, windows, self._limit + 1) if plans else {}
        )
        changes: dict[int, list[sync_reads.ChangeRow]] = {}
        since = {plan.row.room_nid: plan.after for plan in plans if not plan.full}
        for change in await self._changes(since, newest):
            changes.setdefault(change.room_nid, []).append(change)
        return {
            plan.row.room_nid: await self._room(
                plan,
                newest[plan.row.room_nid],
                changes.get(plan.row.room_nid, []),
                heroes.get(plan.row.room_nid, []),
            )
            for plan in plans
        }

    async def _changes(
        self, since: dict[int, int], newest: Mapping[int, list[EventRow]]
    ) -> list[sync_reads.ChangeRow]:
        if not self._asked.state_after:
            since = {room: after for room, after in since.items() if len(newest[room]) > self._limit}
        if not since:
            return []
        return await sync_reads.state_changes(self._conn, self._tenant, since, self._window.up_to)

    async def _room(
        self, plan: Plan, newest: list[EventRow], changes: list[sync_reads.ChangeRow], heroes: list[int]
    ) -> RoomPart:
        limited = len(newest) > self._limit
        rows = newest[: self._limit][::-1]
        may_see = await visible(self._conn, self._tenant, self._asked.requester.user_nid, plan.row, rows)
        limited = limited or len(may_see) < len(rows) or (plan.full and self._asked.since is not None)
        rows = [item.row for item in may_see]
        seen = self._filtered(plan.row.room_id, may_see)
        first = rows[0].position if rows else plan.up_to + 1
        state_rows = await self._state(plan, rows, changes, first)
        summary_changed = any(row.type_nid in _SUMMARIZED for row in [*rows, *state_rows])
        timeline_rows = [item.row for item in seen]
        if len(seen) < len(rows) and not self._asked.state_after:
            shown = {row.event_nid for row in timeline_rows}
            hidden = [row for row in rows if row.key_nid is not None and row.event_nid not in shown]
            state_rows = _newest_per_key([*state_rows, *hidden])
        if self._lazy:
            state_rows = await self._lazily(plan, state_rows, timeline_rows, heroes)
        state_rows = self._state_filtered(plan.row.room_id, state_rows)
        version = ROOM_VERSIONS[plan.row.room_version]
        reader = self._reader()
        timeline = await render(self._ctx, self._conn, self._tenant, plan.row.room_id, version, reader, seen)
        state = [Seen(row, "join") for row in state_rows]
        state_events = await render(
            self._ctx, self._conn, self._tenant, plan.row.room_id, version, reader, state
        )
        return RoomPart(
            timeline=Timeline(timeline, limited, token.write_beginning(first - 1, self._window.up_to)),
            state=Events(state_events) if state_events or self._asked.state_after else None,
            changed=bool(timeline or state_events or plan.full),
            summary_changed=summary_changed,
        )

    def _reader(self) -> Reader:
        requester = self._asked.requester
        return Reader(
            user_nid=requester.user_nid,
            device_nid=requester.device_nid,
            ignored=self._ignored,
            with_room_id=False,
            federation_format=self._asked.filter.event_format == "federation",
            event_fields=self._asked.filter.event_fields,
        )

    def _filtered(self, room_id: str, seen: list[Seen]) -> list[Seen]:
        wanted = self._asked.filter.room.timeline
        if self._ignored:
            seen = [
                item
                for item in seen
                if item.row.key_nid is not None or item.row.sender_nid not in self._ignored
            ]
        if (
            filters.RoomEventFilter(
                limit=wanted.limit,
                lazy_load_members=wanted.lazy_load_members,
                include_redundant_members=wanted.include_redundant_members,
                unread_thread_notifications=wanted.unread_thread_notifications,
            )
            == wanted
        ):
            return seen
        return [item for item in seen if _matches(wanted, room_id, item.row)]

    def _state_filtered(self, room_id: str, rows: list[EventRow]) -> list[EventRow]:
        wanted = self._asked.filter.room.state
        if (
            wanted.types is None
            and not wanted.not_types
            and wanted.senders is None
            and not wanted.not_senders
        ):
            return rows
        return [row for row in rows if _matches(wanted, room_id, row)]

    async def _state(
        self, plan: Plan, rows: list[EventRow], changes: list[sync_reads.ChangeRow], first: int
    ) -> list[EventRow]:
        """The state events to send: at the start of the timeline, or (`state_after`) at its end."""
        conn, tenant = self._conn, self._tenant
        if not plan.full:
            last = plan.up_to if self._asked.state_after else first - 1
            latest = {change.key_nid: change.event_nid for change in changes if change.position <= last}
            nids = [nid for nid in latest.values() if nid]
        elif not plan.joined or (rows and not self._asked.state_after):
            nids = await self._state_at(plan, rows)
        else:
            current = await sync_reads.current_state(conn, tenant, [plan.row.room_nid])
            nids = [entry.event_nid for entry in current[plan.row.room_nid]]
        found = await events.by_nids(conn, tenant, nids) if nids else {}
        return sorted(found.values(), key=lambda row: row.position)

    async def _state_at(self, plan: Plan, rows: list[EventRow]) -> list[int]:
        """The state before the timeline, or (`state_after`, or no timeline) after its end. For a room that was left the
        end is the event by which it was: nothing of the state after that is anybody's who has left.
        """
        after = self._asked.state_after or not rows
        if rows:
            at = rows[-1] if after else rows[0]
        else:
            at = (await events.by_nids(self._conn, self._tenant, [plan.row.event_nid]))[plan.row.event_nid]
        states = await snapshots.read_states(self._conn, self._tenant, [at.snapshot_nid])
        before = states[at.snapshot_nid]
        state = before.after(at.event_nid, at.type_nid, at.key_nid) if after else before
        return [*state.numbers]

    async def _lazily(
        self, plan: Plan, state: list[EventRow], timeline: list[EventRow], heroes: list[int]
    ) -> list[EventRow]:
        """Of the members only who is needed: senders, the user, heroes; and in a later sync whoever changed."""
        me = self._asked.requester.user_nid
        wanted = {row.sender_nid for row in timeline} | set(heroes) | {me}
        kept = [row for row in state if row.type_nid != MEMBER or row.key_nid in wanted or not plan.full]
        sent = self._ctx.caches.lazy_members
        key = (self._asked.requester.device_nid, plan.row.room_nid)
        known = {} if plan.full else (sent.get(key) or {})
        there = {row.key_nid for row in [*kept, *timeline] if row.type_nid == MEMBER}
        missing = wanted - there
        if not self._asked.filter.room.state.include_redundant_members:
            missing -= set(known)
        if missing and not plan.full:
            current = await sync_reads.current_state_of_keys(
                self._conn, self._tenant, [plan.row.room_nid], list(missing)
            )
            found = await events.by_nids(self._conn, self._tenant, current[plan.row.room_nid].values())
            kept += found.values()
        told = {
            row.key_nid: row.event_nid for row in [*kept, *timeline] if row.type_nid == MEMBER and row.key_nid
        }
        sent.put(key, dict(list({**known, **told}.items())[-500:]))
        return kept


def _matches(wanted: filters.RoomEventFilter, room_id: str, row: EventRow) -> bool:
    facts = _decode_facts(row.json)
    contains_url = bytes(facts.content.get("url", b""))[:1] == b'"'
    return filters.matches(wanted, filters.EventFacts(facts.type, facts.sender, room_id, contains_url))


def _newest_per_key(rows: list[EventRow]) -> list[EventRow]:
    newest = {(row.type_nid, row.key_nid): row for row in sorted(rows, key=lambda row: row.position)}
    return sorted(newest.values(), key=lambda row: row.position)


def is_forgotten(asked: Asked, row: UserRoomRow) -> bool:
    """A forgotten room is not shown, but for once, to the devices that have not been told yet that it was left.

    Differs from the spec, which would leave them with a room that they show for ever.
    """
    return row.forgotten and not (asked.since is not None and row.position > asked.since)


def plan_rooms(asked: Asked, window: Window, memberships: Iterable[UserRoomRow]) -> list[Plan]:
    """Which rooms the answer is about, invites and knocks aside. Who was banned is told so by a first sync too, also
    without asking for rooms that were left.
    """
    plans = []
    for row in memberships:
        if is_forgotten(asked, row) or not filters.takes_room(asked.filter.room, row.room_id):
            continue
        if row.membership == JOIN:
            fresh = asked.since is None or (row.join_position or 0) > asked.since
            if fresh or asked.full_state:
                plans.append(Plan(row=row, after=0 if fresh else asked.after, up_to=window.up_to, full=True))
            elif window.concern is None or row.room_nid in window.concern.rooms:
                plans.append(Plan(row=row, after=asked.after, up_to=window.up_to, full=False))
        elif row.membership not in (2, 3) and row.join_position is not None:
            wanted = asked.filter.room.include_leave or row.membership == BAN
            if (asked.since is None or asked.full_state) and wanted:
                plans.append(Plan(row=row, after=0, up_to=row.position, full=True))
            elif asked.since is not None and row.position > asked.since:
                fresh = (row.join_position or 0) > asked.since
                plans.append(Plan(row=row, after=0 if fresh else asked.after, up_to=row.position, full=fresh))
    return plans
