"""What a process remembers between requests: bounded, keyed by tenant, and never the arbiter of anything.

An entry may vanish at any time. Facts that must not be stale (tokens, tenants) are dropped by hints from the process
that changed them, and live for `STALE_S` seconds at most when a hint is lost.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

import msgspec

from timserver.config import Limits
from timserver.matrix.filters import Filter
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonValue
from timserver.matrix.server_acl import ServerAcl
from timserver.matrix.signing import SigningKey
from timserver.store.byte_shares import ByteShares
from timserver.store.in_flight import InFlight
from timserver.store.live_rooms import LiveRooms
from timserver.store.places import Shares
from timserver.store.rates import Rates
from timserver.store.read_events import ReadEvents
from timserver.store.rooms import UserRoomRow
from timserver.store.snapshots import RoomState
from timserver.tenancy import Requester, Tenant

Key = TypeVar("Key")
Value = TypeVar("Value")

STALE_S = 30.0

_ANSWERS_MAX = 2_000
"""Mostly of 100 bytes, at most of some KiB."""

_ACLS_MAX = 500
"""Each may have 65,536 bytes."""


class Lru(Generic[Key, Value]):
    """At most `size_max` entries; the one not used for longest goes first."""

    __slots__ = ("_entries", "_size_max")

    def __init__(self, size_max: int) -> None:
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        self._size_max = size_max

    def get(self, key: Key) -> Value | None:
        """The value, which is now the youngest; or None."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> Value:
        """Remember; the value itself, for chaining."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._size_max:
            self._entries.popitem(last=False)
        return value

    def drop(self, key: Key) -> None:
        """Forget, if it is there."""
        self._entries.pop(key, None)

    def drop_where(self, condition: Callable[[Key, Value], bool]) -> None:
        """Forget all that match; linear, for rare events."""
        for key in [key for key, value in self._entries.items() if condition(key, value)]:
            del self._entries[key]

    def items(self) -> list[tuple[Key, Value]]:
        """All entries, the oldest first."""
        return list(self._entries.items())

    def __len__(self) -> int:
        return len(self._entries)


class KnownKey(msgspec.Struct, frozen=True):
    """A server's public key. What was signed by `usable_until_ts` may be verified with it; from `refresh_ts` on it is
    time to ask again, unless the server itself has laid it down (`is_old`).
    """

    public_key: bytes
    usable_until_ts: int
    refresh_ts: int
    is_old: bool

    def satisfies(self, valid_at_ts: int) -> bool:
        """May it have signed something at that time?"""
        return valid_at_ts <= self.usable_until_ts


class DeadServer(msgspec.Struct, frozen=True):
    """A server that did not answer: who found that last, since when it is so, and when that tenant tries again."""

    tenant_id: int
    since_ts: int
    until_ts: int


class KeyFetches:
    """When a server may be asked for its keys again; the lock keeps several from asking at once."""

    __slots__ = ("failing_since_s", "lock", "next_notaries_s", "next_s")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.failing_since_s: float | None = None
        self.next_s = 0.0
        self.next_notaries_s = 0.0


class Previews:
    """What stands at web addresses, and places for those who look."""

    __slots__ = ("running", "seen", "slots")

    def __init__(self, limits: Limits) -> None:
        self.seen: Lru[tuple[int, str], tuple[float, dict[str, JsonValue]]] = Lru(limits.previews_cached_max)
        """By tenant and address, with the monotonic time of having looked."""
        self.running: InFlight[tuple[int, str]] = InFlight()
        self.slots = asyncio.Semaphore(limits.previews_at_once_max)


class Transactions:
    """Of other servers: how many are being received, by tenant and origin (no entry for none), and what was answered to
    them, by tenant and hash.
    """

    __slots__ = ("answers", "receiving")

    def __init__(self) -> None:
        self.receiving: Counter[tuple[int, ServerName]] = Counter()
        self.answers: Lru[tuple[int, bytes], bytes] = Lru(_ANSWERS_MAX)


class Caches:
    """All caches of a process."""

    def __init__(self, limits: Limits, rates: Rates) -> None:
        self.rates = rates
        self.shares = Shares(limits, rates.clock)
        self.tenants: Lru[str, tuple[float, Tenant]] = Lru(limits.tenants_cached_max)
        """By host or server name; with the monotonic time of loading."""
        self.tokens: Lru[tuple[int, bytes], tuple[float, Requester, int | None]] = Lru(
            limits.tokens_cached_max
        )
        """By tenant and hash; with the monotonic time of loading and the token's `expires_ts`."""
        self.signing_keys: Lru[int, tuple[float, SigningKey]] = Lru(limits.tenants_cached_max)
        """By tenant, with the monotonic time of loading."""
        self.tenant_keys: Lru[int, tuple[float, dict[str, KnownKey]]] = Lru(limits.tenants_cached_max)
        """What other tenants see of a tenant's keys, by key id; with the monotonic time of loading."""
        self.key_documents: Lru[int, tuple[float, bytes]] = Lru(limits.tenants_cached_max)
        """By tenant: the monotonic time of writing the document of the own keys, and the document."""
        self.server_keys: Lru[tuple[ServerName, str], KnownKey] = Lru(limits.server_keys_cached_max)
        """Of servers elsewhere."""
        self.key_fetches: Lru[ServerName, KeyFetches] = Lru(limits.server_keys_cached_max)
        self.signatures: Lru[bytes, bool] = Lru(limits.signatures_cached_max)
        """Digests of message, key and signature of events that were found right."""
        self.terms: Lru[tuple[int, bytes], int] = Lru(limits.rooms_cached_max * 10)
        self.names: Lru[tuple[int, int], bytes] = Lru(limits.rooms_cached_max * 10)
        self.rooms = LiveRooms(limits.rooms_cached_max, limits.rooms_cached_bytes_max)
        self.own_rooms: Lru[tuple[int, int, int], tuple[int, UserRoomRow]] = Lru(limits.rooms_cached_max)
        """By tenant, user and room that the user is in: what a sync read of it, and as of which position."""
        self.lazy_members: Lru[tuple[int, int], dict[int, int]] = Lru(limits.rooms_cached_max)
        """By device and room: member events that the device was sent."""
        self.inboxes: Lru[tuple[int, int], int] = Lru(limits.tokens_cached_max)
        """By device: up to where messages to it were shown here; 0 when there were none."""
        self.filters: Lru[tuple[int, int, str], Filter] = Lru(limits.rooms_cached_max)
        """Stored filters by tenant, user and id; they never change."""
        self.presence: Lru[tuple[int, int], tuple[int, float]] = Lru(limits.tokens_cached_max)
        """By user: the presence last written here, and the monotonic time of it."""
        self.resolutions: Lru[tuple[int, int, tuple[tuple[int, int], ...]], RoomState] = Lru(200)
        """By tenant, room and what the states are made of: states that were resolved."""
        self.read_events = ReadEvents(limits.state_events_cached_bytes_max)
        self.acls: Lru[tuple[int, int], ServerAcl] = Lru(_ACLS_MAX)
        """Access control lists of rooms, by tenant and event."""
        self.acl_verdicts: Lru[tuple[int, int, str], bool] = Lru(limits.rooms_cached_max)
        """What they say of a server."""
        self.hierarchies: Lru[tuple[int, str, bool], tuple[float, Any]] = Lru(1_000)
        """By tenant, space, and whether only what is suggested: another server's answer, with the monotonic time of it."""
        self._locks: WeakValueDictionary[tuple[Hashable, ...], asyncio.Lock] = WeakValueDictionary()
        self.media_slots = asyncio.Semaphore(limits.remote_media_at_once_max)
        self.previews = Previews(limits)
        self.transactions = Transactions()
        self.joins: InFlight[tuple[int, str]] = InFlight()
        """By tenant and room id: joins by way of other servers that are under way."""
        self.join_bytes = ByteShares(limits.joins_bytes_max, limits.join_answer_bytes_max)
        self.room_nids: Lru[tuple[int, str], int] = Lru(limits.rooms_cached_max)
        self.heard: Lru[tuple[int, str], float] = Lru(limits.tokens_cached_max)
        """By other server: the monotonic time when a request of it was last noted."""
        self.dead_servers: Lru[str, DeadServer] = Lru(limits.server_keys_cached_max)

    def lock(self, tenant: Tenant, *what: Hashable) -> asyncio.Lock:
        """For what of a tenant's only one request of this process at a time looks for and makes; gone when nobody has it."""
        return self._locks.setdefault((tenant.tenant_id, *what), asyncio.Lock())

    def drop_named(self, tenant_id: int, name: str) -> None:
        """A hint from another process: `tokens:<user_nid>`, `push:<user_nid>`, `room:<room_nid>:<room_id>`, `keys`,
        `heard:<server name>`, `alive:<server name>` or `tenant`.
        """
        kind, _, value = name.partition(":")
        if kind == "tokens":
            self.tokens.drop_where(lambda key, entry: key[0] == tenant_id and str(entry[1].user_nid) == value)
        elif kind == "push":
            for room in self.rooms.of(tenant_id):
                if int(value) in room.members:
                    room.forget_readers()
        elif kind == "room":
            nid, _, room_id = value.partition(":")
            self.rooms.drop((tenant_id, int(nid)))
            self.room_nids.drop((tenant_id, room_id))
        elif kind == "keys":
            self.drop_keys(tenant_id)
        elif kind == "heard":
            self.heard.drop((tenant_id, value))
        elif kind == "alive":
            self.dead_servers.drop(value)
        elif kind == "tenant":
            self.tenants.drop_where(lambda _, entry: entry[1].tenant_id == tenant_id)
            self.drop_keys(tenant_id)

    def drop_keys(self, tenant_id: int) -> None:
        """The tenant's own keys have changed."""
        self.signing_keys.drop(tenant_id)
        self.tenant_keys.drop(tenant_id)
        self.key_documents.drop(tenant_id)
