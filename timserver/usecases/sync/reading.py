"""Step: everything of one sync answer, read on one snapshot of the database."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix import client_event, filters
from timserver.matrix.event_types import CREATE
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.store import (
    device_lists,
    events,
    rooms,
    streams,
    sync_reads,
    terms,
    to_device,
)
from timserver.store.database import Connection
from timserver.store.ephemeral import NAMES, ONLINE
from timserver.store.live_rooms import INVITE, JOIN, KNOCK
from timserver.store.rooms import UserRoomRow
from timserver.tenancy import Tenant
from timserver.usecases.ephemeral.presence import presence_is_on
from timserver.usecases.push.rules import rules_event
from timserver.usecases.rooms.unnamed import NAME_KEYS, unnamed
from timserver.usecases.sync import token
from timserver.usecases.sync.asked import Asked, Window
from timserver.usecases.sync.device_lists import device_list_changes
from timserver.usecases.sync.response import (
    DeviceLists,
    Events,
    InvitedRoom,
    JoinedRoom,
    KnockedRoom,
    LeftRoom,
    Rooms,
    Summary,
    SyncResponse,
    Timeline,
    Unread,
    raw_event,
)
from timserver.usecases.sync.rooms import Plan, RoomPart, RoomReader, is_forgotten, plan_rooms

_THREAD_MAIN = 0

_Receipts: TypeAlias = dict[str, dict[str, dict[str, Mapping[str, object]]]]

assert CREATE == 1, "stored numbers of event types have changed"


class SyncReading:
    """One answer in the making."""

    def __init__(self, ctx: Context, conn: Connection, tenant: Tenant, asked: Asked, window: Window) -> None:
        self.ctx, self.conn, self.tenant, self.asked, self.window = ctx, conn, tenant, asked, window
        self.me = asked.requester.user_nid
        self.ephemeral: dict[int, list[Raw]] = {}
        self.data: dict[int, list[Raw]] = {}
        self.thread_ids: dict[int, str] = {}
        self.came: set[int] = set()
        """Users with whom a room came to be shared."""

    async def read(self, memberships: Sequence[UserRoomRow], ignored: list[int]) -> SyncResponse:
        """The answer; `memberships` are all rooms of the user, or those that are concerned."""
        await self._read_account_data()
        joined = [row.room_nid for row in memberships if row.membership == JOIN]
        await self._read_ephemeral(joined, set(ignored))
        plans = plan_rooms(self.asked, self.window, memberships)
        plans = await self._worth_reading(plans)
        parts, summaries = await self._read_rooms(plans, ignored)
        response = SyncResponse(token.write(self.window.up_to))
        response.rooms = await self._assemble(memberships, plans, parts, summaries, set(ignored))
        if self.data.get(0):
            response.account_data = Events(self.data[0])
        response.to_device = await self._to_device()
        response.device_lists = await self._device_lists(memberships, plans)
        response.presence = await self._presence()
        return response

    async def _read_account_data(self) -> None:
        if not self.window.may_have(streams.ACCOUNT_DATA):
            return
        window = self.window
        for row in await sync_reads.account_data(self.conn, self.tenant, self.me, window.after, window.up_to):
            wanted = (
                self.asked.filter.account_data if row.room_nid == 0 else self.asked.filter.room.account_data
            )
            if filters.takes_type(wanted, row.type) and (
                self.asked.since is not None or row.content != b"{}"
            ):
                self.data.setdefault(row.room_nid, []).append(raw_event(row.type, Raw(row.content)))
        rules = await rules_event(self.ctx, self.conn, self.tenant, self.asked.requester, self.asked.since)
        if rules is not None and filters.takes_type(self.asked.filter.account_data, "m.push_rules"):
            self.data.setdefault(0, []).append(rules)

    async def _read_ephemeral(self, joined: list[int], ignored: set[int]) -> None:
        wanted = self.asked.filter.room.ephemeral
        if self.window.may_have(streams.RECEIPT) and filters.takes_type(wanted, "m.receipt"):
            await self._read_receipts(joined, ignored)
        if self.window.may_have(streams.TYPING) and filters.takes_type(wanted, "m.typing"):
            now_ms = self.ctx.clock.now_ms()
            typing = await sync_reads.typing(
                self.conn, self.tenant, joined, self.window.after, self.window.up_to, now_ms
            )
            names = await self._names(user for users in typing.values() for user in users)
            for room, users in typing.items():
                content = {"user_ids": [names[user] for user in users if user not in ignored]}
                self.ephemeral.setdefault(room, []).append(raw_event("m.typing", content))

    async def _read_receipts(self, joined: list[int], ignored: set[int]) -> None:
        window = self.window
        rows = await sync_reads.receipts(self.conn, self.tenant, joined, window.after, window.up_to, self.me)
        if not rows:
            return
        names = await self._names(row.user_nid for row in rows)
        versions = await rooms.rooms_by_nid(self.conn, self.tenant, list({row.room_nid for row in rows}))
        contents: dict[int, list[_Receipts]] = {}
        for row in rows:
            if row.user_nid in ignored:
                continue
            version = ROOM_VERSIONS[versions[row.room_nid].room_version]
            event_id = events.event_id_of(version, row.event_hash)
            kind = "m.read" if row.kind == 1 else "m.read.private"
            entry = {"ts": row.ts, **({"thread_id": row.thread} if row.thread else {})}
            place = event_id, kind, names[row.user_nid]
            _add_receipt(contents.setdefault(row.room_nid, []), place, entry)
        for room, of_room in contents.items():
            self.ephemeral.setdefault(room, []).extend(raw_event("m.receipt", item) for item in of_room)

    async def _worth_reading(self, plans: list[Plan]) -> list[Plan]:
        """Of rooms without all their state only those that have new events."""
        if not any(not plan.full for plan in plans):
            return plans
        if not self.window.may_have(streams.EVENT):
            return [plan for plan in plans if plan.full]
        if self.window.concern is not None:
            return plans
        changed = await sync_reads.rooms_changed(self.conn, self.tenant, self.window.after, self.window.up_to)
        return [plan for plan in plans if plan.full or plan.row.room_nid in changed]

    async def _read_rooms(
        self, plans: list[Plan], ignored: list[int]
    ) -> tuple[dict[int, RoomPart], dict[int, Summary]]:
        full = [plan.row.room_nid for plan in plans if plan.full and plan.joined]
        heroes = await sync_reads.heroes(self.conn, self.tenant, full, self.me)
        reader = RoomReader(self.ctx, self.conn, self.tenant, self.asked, self.window, ignored)
        parts = await reader.read(plans, heroes)
        joined = {plan.row.room_nid for plan in plans if plan.joined}
        summarized = [room for room in joined if room in full or parts[room].summary_changed]
        return parts, await self._summaries(summarized)

    async def _summaries(self, room_nids: list[int]) -> dict[int, Summary]:
        if not room_nids:
            return {}
        counts = await rooms.counts(self.conn, self.tenant, room_nids)
        names_of = await sync_reads.current_state_of_keys(self.conn, self.tenant, room_nids, list(NAME_KEYS))
        nameless = await unnamed(self.conn, self.tenant, names_of)
        heroes = await sync_reads.heroes(self.conn, self.tenant, nameless, self.me)
        names = await self._names(user for users in heroes.values() for user in users)
        return {
            room: Summary(
                heroes=[names[user] for user in heroes[room]] if room in heroes else None,
                joined=counts[room].joined,
                invited=counts[room].invited,
            )
            for room in room_nids
        }

    async def _assemble(
        self,
        memberships: Sequence[UserRoomRow],
        plans: list[Plan],
        parts: Mapping[int, RoomPart],
        summaries: Mapping[int, Summary],
        ignored: set[int],
    ) -> Rooms | None:
        found = Rooms({}, {}, {}, {})
        planned = {plan.row.room_nid: plan for plan in plans}
        unread = await self._unread(memberships, planned)
        for row in memberships:
            if is_forgotten(self.asked, row) or not filters.takes_room(self.asked.filter.room, row.room_id):
                continue
            part = parts.get(row.room_nid)
            if row.membership == JOIN:
                room = self._joined(row, part, summaries.get(row.room_nid), unread)
                if room is not None:
                    found.join[row.room_id] = room
            elif row.membership in (INVITE, KNOCK):
                await self._add_stripped(found, row, ignored)
            elif part is not None:
                found.leave[row.room_id] = self._left(row, part)
            elif row.join_position is None and self._tells_of_end(row):
                found.leave[row.room_id] = await self._never_joined(row)
        return found if found.join or found.invite or found.knock or found.leave else None

    def _joined(
        self,
        row: UserRoomRow,
        part: RoomPart | None,
        summary: Summary | None,
        unread: Mapping[int, Mapping[int, Unread]],
    ) -> JoinedRoom | None:
        ephemeral, data = self.ephemeral.get(row.room_nid), self.data.get(row.room_nid)
        changed = part is not None and part.changed
        if not changed and not ephemeral and not data and row.room_nid not in unread:
            return None

        counts = unread.get(row.room_nid, {})
        threads = self.asked.filter.room.timeline.unread_thread_notifications
        room = JoinedRoom(
            timeline=part.timeline if part else Timeline([], False, token.write(self.window.up_to)),
            ephemeral=Events(ephemeral) if ephemeral else None,
            account_data=Events(data) if data else None,
            summary=summary,
            unread_notifications=_total(counts if not threads else {0: counts.get(_THREAD_MAIN, Unread())}),
        )
        if threads:
            others = {thread: count for thread, count in counts.items() if thread != _THREAD_MAIN}
            room.unread_thread_notifications = {
                self.thread_ids[thread]: count for thread, count in others.items()
            } or None
        self._set_state(room, part)
        return room

    def _set_state(self, room: JoinedRoom | LeftRoom, part: RoomPart | None) -> None:
        if self.asked.state_after:
            room.state_after = (part.state if part else None) or Events([])
        elif part is not None:
            room.state = part.state

    def _left(self, row: UserRoomRow, part: RoomPart) -> LeftRoom:
        data = self.data.get(row.room_nid)
        room = LeftRoom(timeline=part.timeline, account_data=Events(data) if data else None)
        self._set_state(room, part)
        return room

    def _tells_of_end(self, row: UserRoomRow) -> bool:
        """An invite or a knock has come to an end: that is news, or rooms that were left are wanted, too."""
        asked = self.asked
        is_news = asked.since is not None and row.position > asked.since
        return is_news or ((asked.since is None or asked.full_state) and asked.filter.room.include_leave)

    async def _never_joined(self, row: UserRoomRow) -> LeftRoom:
        """A refused or withdrawn invite: only the event that ended it."""

        found = await events.by_nids(self.conn, self.tenant, [row.event_nid])
        version = ROOM_VERSIONS[row.room_version]
        rendered = [
            client_event.from_pdu(event.json, events.event_id_of(version, event.event_hash))
            for event in found.values()
        ]
        room = LeftRoom(
            timeline=Timeline(rendered, False, token.write_beginning(row.position - 1, self.window.up_to))
        )
        self._set_state(room, None)
        return room

    async def _add_stripped(self, found: Rooms, row: UserRoomRow, ignored: set[int]) -> None:
        if self.asked.since is not None and row.position <= self.asked.since and not self.asked.full_state:
            return
        event = (await events.by_nids(self.conn, self.tenant, [row.event_nid])).get(row.event_nid)
        if event is None or event.sender_nid in ignored:
            return
        shown = msgspec.json.decode(row.stripped, type=list[Raw]) if row.stripped else []
        shown.append(client_event.stripped(event.json))
        if row.membership == INVITE:
            found.invite[row.room_id] = InvitedRoom(Events(shown))
        else:
            found.knock[row.room_id] = KnockedRoom(Events(shown))

    async def _unread(
        self, memberships: Sequence[UserRoomRow], planned: Mapping[int, Plan]
    ) -> dict[int, dict[int, Unread]]:
        """Counts of the rooms where they may have changed: new events, or a receipt of the user's own."""
        joined = {row.room_nid for row in memberships if row.membership == JOIN}
        wanted = [room for room in joined if room in planned or room in self.ephemeral]
        counts: dict[int, dict[int, Unread]] = {room: {} for room in wanted}
        rows = await sync_reads.unread(self.conn, self.tenant, self.me, wanted)
        for row in rows:
            counts[row.room_nid][row.thread_nid] = Unread(row.notify, row.highlight)
        roots = {row.thread_nid for row in rows} - {_THREAD_MAIN}
        if roots:
            versions = {row.room_nid: ROOM_VERSIONS[row.room_version] for row in memberships}
            for nid, event in (await events.by_nids(self.conn, self.tenant, roots)).items():
                self.thread_ids[nid] = events.event_id_of(versions[event.room_nid], event.event_hash)
        return counts

    async def _to_device(self) -> Events | None:
        if not self.window.may_have(streams.TO_DEVICE):
            return None
        limit = self.ctx.settings.limits.sync_to_device_max
        messages = await to_device.inbox(
            self.conn,
            self.tenant,
            self.asked.requester.device_nid,
            self.asked.after,
            self.window.up_to,
            limit,
        )
        return Events([Raw(message) for _, message in messages]) if messages else None

    async def _device_lists(
        self, memberships: Sequence[UserRoomRow], plans: list[Plan]
    ) -> DeviceLists | None:
        if self.asked.since is None:
            return None
        changed, left = await device_list_changes(
            self.conn, self.tenant, self.asked, self.window, memberships, [plan.row for plan in plans]
        )
        self.came = set(changed)
        if self.window.may_have(streams.DEVICE_LIST):
            changed |= set(
                await device_lists.changed_since(
                    self.conn, self.tenant, self.me, self.asked.after, self.window.up_to
                )
            )
        if not changed and not left:
            return None
        names = await self._names(changed | left)
        return DeviceLists(sorted(names[nid] for nid in changed), sorted(names[nid] for nid in left))

    async def _presence(self) -> Events | None:
        if not presence_is_on(self.ctx, self.tenant) or filters.takes_none(self.asked.filter.presence):
            return None
        rows = await sync_reads.presence(self.conn, self.tenant, list(self.came), 0, self.window.up_to)
        if self.window.may_have(streams.PRESENCE):
            users = await rooms.users_sharing_rooms(self.conn, self.tenant, self.me) | {self.me}
            after, up_to = self.window.after, self.window.up_to
            rows += await sync_reads.presence(self.conn, self.tenant, list(users - self.came), after, up_to)
        names = await self._names(row.user_nid for row in rows)
        now_ms = self.ctx.clock.now_ms()
        shown = []
        for row in rows:
            content: dict[str, object] = {
                "presence": NAMES[row.presence],
                "last_active_ago": max(0, now_ms - row.last_active_ts),
                "currently_active": row.presence == ONLINE,
            }
            if row.status_msg is not None:
                content["status_msg"] = row.status_msg
            shown.append(
                Raw(
                    msgspec.json.encode(
                        {"type": "m.presence", "sender": names[row.user_nid], "content": content}
                    )
                )
            )
        return Events(shown) if shown else None

    async def _names(self, nids: Iterable[int]) -> dict[int, str]:
        return await terms.names_of(self.conn, self.ctx.caches, self.tenant, nids)


def _add_receipt(contents: list[_Receipts], place: tuple[str, str, str], entry: Mapping[str, object]) -> None:
    """Put a receipt into the first content whose place (event, kind, user) is free: a user may have several for one
    event, of different threads.
    """
    event_id, kind, user_id = place
    for content in contents:
        if user_id not in content.get(event_id, {}).get(kind, {}):
            break
    else:
        content = {}
        contents.append(content)
    content.setdefault(event_id, {}).setdefault(kind, {})[user_id] = entry


def _total(counts: Mapping[int, Unread]) -> Unread:
    return Unread(
        sum(count.notification_count for count in counts.values()),
        sum(count.highlight_count for count in counts.values()),
    )
