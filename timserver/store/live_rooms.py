"""`LiveRoom`: the head and current state of a room in memory, as of a version of its row.

The row's version is the arbiter: an append on a stale one writes nothing, and the room is brought up to date by what
changed since (`store.rooms.refresh`). The lock only saves wasted work within a process.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from timserver.core import Placed
from timserver.matrix import event_types
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID
from timserver.matrix.push_rules.evaluation import CompiledRules
from timserver.matrix.room_versions import RoomVersion
from timserver.store.events import OUTLIER, REJECTED, SOFT_FAILED
from timserver.store.graph import Node
from timserver.store.snapshots import Chain, RoomState, State

JOIN, INVITE, KNOCK, LEAVE, BAN = range(1, 6)
MEMBERSHIP_CODES = {"join": JOIN, "invite": INVITE, "knock": KNOCK, "leave": LEAVE, "ban": BAN}
MEMBERSHIP_NAMES = {code: name for name, code in MEMBERSHIP_CODES.items()}

_EVENTS_KEPT_MAX = 500
_EVENTS_KEPT_BYTES_MAX = 4 << 20
_PLACED_KEPT_MAX = 2_000
_NODES_KEPT_MAX = 1_000

# Bytes of memory, measured on rooms of 100 events
_ROOM = 8_000
_EVENT, _EVENT_PER_PDU_BYTE = 1_200, 3
_NODE = 350
_PLACED = 170
_MEMBER = 250  # with its place in the state
_READER = 500  # rules and name


class Member(msgspec.Struct, frozen=True):
    """Somebody's membership in the current state; `event_nid` 0: state resolution has taken it out of the state."""

    membership: int
    event_nid: int
    local: bool


class LiveRoom:
    """One room. Changed only under its lock, after the database said yes."""

    __slots__ = (
        "_events_bytes",
        "_joined_local",
        "chain",
        "chain_ends",
        "depth",
        "display_names",
        "events",
        "extremities",
        "joined_count",
        "lock",
        "members",
        "nodes",
        "others",
        "placed",
        "position",
        "push_rules",
        "room_id",
        "room_nid",
        "row_version",
        "version",
    )

    def __init__(self, room_nid: int, room_id: RoomID, version: RoomVersion) -> None:
        self.room_nid = room_nid
        self.room_id = room_id
        self.version = version
        self.row_version = 0
        self.extremities: list[tuple[int, EventID]] = []
        self.depth = 0
        self.position = 0
        self.chain = Chain()
        self.chain_ends: dict[int, int] = {}
        """Where auth chains end that went on here since the room was brought up to date."""
        self.placed: dict[int, Placed] = {}
        self.others: State = {}
        self.members: dict[int, Member] = {}
        """By user; changed by `change_members`."""
        self.joined_count = 0
        self._joined_local: dict[int, None] = {}
        self.events: dict[int, Event] = {}
        """Changed by `keep` and `forget`."""
        self._events_bytes = 0
        self.nodes: dict[EventID, Node] = {}
        self.lock = asyncio.Lock()
        self.push_rules: dict[int, CompiledRules] | None = None
        self.display_names: dict[int, str | None] | None = None

    def forget_readers(self) -> None:
        """Members of this server or their rules have changed: what is remembered of them is read anew."""
        self.push_rules = self.display_names = None

    def change_members(self, changed: Mapping[int, Member]) -> None:
        """These memberships are other ones now. Who looks through the members meanwhile looks through the old ones."""
        members = dict(self.members)
        for user_nid, member in changed.items():
            old = members.get(user_nid)
            was_joined, is_joined = old is not None and old.membership == JOIN, member.membership == JOIN
            self.joined_count += is_joined - was_joined
            members[user_nid] = member
            if member.local:
                self.forget_readers()
                if is_joined:
                    self._joined_local[user_nid] = None
                else:
                    self._joined_local.pop(user_nid, None)
        self.members = members

    @property
    def has_servers(self) -> bool:
        """Is anybody of another server joined?"""
        return self.joined_count > len(self._joined_local)

    @property
    def has_local(self) -> bool:
        """Is anybody of this server joined?"""
        return bool(self._joined_local)

    @property
    def is_resident(self) -> bool:
        """Is the tenant in the room, with its history and state? Else it only knows of an invite or a knock."""
        return bool(self.extremities)

    def event_nid(self, event_type: str, key_nid: int) -> int:
        """Number of the state event under a key, 0 if there is none."""
        if event_type == "m.room.member":
            member = self.members.get(key_nid)
            return member.event_nid if member else 0
        return self.others.get(key_nid, 0)

    def keep(self, nid: int, event: Event) -> None:
        """Remember a parsed state event; the create event and the power levels stay."""
        if len(self.events) >= _EVENTS_KEPT_MAX or self._events_bytes >= _EVENTS_KEPT_BYTES_MAX:
            lasting = {self.others.get(event_types.CREATE_KEY), self.others.get(event_types.POWER_LEVELS_KEY)}
            self.events = {old: kept for old, kept in self.events.items() if old in lasting}
            self._events_bytes = sum(map(_event_bytes, self.events.values()))
        self.forget(nid)
        self.events[nid] = event
        self._events_bytes += _event_bytes(event)

    def forget(self, nid: int) -> None:
        """What is remembered of an event is not what it is now."""
        event = self.events.pop(nid, None)
        if event is not None:
            self._events_bytes -= _event_bytes(event)

    def keep_node(self, event_id: EventID, node: Node) -> None:
        """Remember what is stored of an event that others follow or cite, if it stays as it is: what became part of the
        room, or is in its state.
        """
        is_member = node.type_nid == event_types.TYPE_NIDS["m.room.member"]
        current = self.event_nid("m.room.member" if is_member else "", node.key_nid or 0)
        if node.flags & (REJECTED | SOFT_FAILED) or (node.flags & OUTLIER and node.event_nid != current):
            return
        if len(self.nodes) >= _NODES_KEPT_MAX:
            self.nodes.clear()
        self.nodes[event_id] = node

    def keep_placed(self, nid: int, placed: Placed) -> None:
        """Remember where a state event stands."""
        if len(self.placed) >= _PLACED_KEPT_MAX:
            self.placed.clear()
        self.placed[nid] = placed

    @property
    def size_bytes(self) -> int:
        """How much memory it takes, about."""
        return (
            _ROOM
            + self._events_bytes
            + len(self.nodes) * _NODE
            + len(self.placed) * _PLACED
            + len(self.members) * _MEMBER
            + len(self._joined_local) * _READER
        )

    @property
    def state(self) -> RoomState:
        """The current state."""
        return self.chain.state

    def membership_of(self, user_nid: int) -> int:
        """The membership code of a user; LEAVE for who never was there."""
        member = self.members.get(user_nid)
        return member.membership if member else LEAVE

    def joined_local(self) -> list[int]:
        """Local users who are joined."""
        return list(self._joined_local)


def _event_bytes(event: Event) -> int:
    return _EVENT + len(event.pdu) * _EVENT_PER_PDU_BYTE


class LiveRooms:
    """Rooms by tenant and number: at most so many, and so many bytes; the one not used for longest goes first."""

    __slots__ = ("_entries", "_rooms_max", "_size_bytes", "_size_bytes_max")

    def __init__(self, rooms_max: int, size_bytes_max: int) -> None:
        self._entries: OrderedDict[tuple[int, int], tuple[int, LiveRoom]] = OrderedDict()
        """With the size that the room had when it was last used."""
        self._rooms_max = rooms_max
        self._size_bytes = 0
        self._size_bytes_max = size_bytes_max

    def get(self, key: tuple[int, int]) -> LiveRoom | None:
        """The room, which is now the youngest; or None."""
        entry = self._entries.get(key)
        return None if entry is None else self.put(key, entry[1])

    def put(self, key: tuple[int, int], room: LiveRoom) -> LiveRoom:
        """Remember; the room itself, for chaining. It stays, even if it is too large alone."""
        self.drop(key)
        size_bytes = room.size_bytes
        self._entries[key] = (size_bytes, room)
        self._size_bytes += size_bytes
        while len(self._entries) > 1 and (
            self._size_bytes > self._size_bytes_max or len(self._entries) > self._rooms_max
        ):
            _, (gone_bytes, _) = self._entries.popitem(last=False)
            self._size_bytes -= gone_bytes
        return room

    def drop(self, key: tuple[int, int]) -> None:
        """Forget, if it is there."""
        size_bytes, _ = self._entries.pop(key, (0, None))
        self._size_bytes -= size_bytes

    def of(self, tenant_id: int) -> list[LiveRoom]:
        """All of a tenant; linear, for rare events."""
        return [room for (owner, _), (_, room) in self._entries.items() if owner == tenant_id]

    def __len__(self) -> int:
        return len(self._entries)
