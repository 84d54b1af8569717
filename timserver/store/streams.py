"""The tail of each tenant's log, as far as somebody in this process waits for it; it wakes who is concerned.

A tail exists only while users of the tenant sync here. It knows the facts of the positions (start, end] without gaps,
which users are live, and in which rooms they are. Facts come from this process's own writers (`publish`), else are
read from the database when a hint says that the log has moved (`wake`, the bus, the poll). A lost hint costs one poll
interval, never an event; nothing that a tail says is an answer by itself when it does not reach back far enough.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import msgspec

from timserver.clock import Clock
from timserver.config import Limits
from timserver.matrix import errors
from timserver.store.bus import Bus, Hint
from timserver.store.database import Database
from timserver.store.statement import Function
from timserver.tenancy import Tenant

EVENT, RECEIPT, ACCOUNT_DATA, TO_DEVICE, DEVICE_LIST, TYPING, PRESENCE = range(1, 8)
JOIN = 1

_IDLE_S = 60.0


class Fact(msgspec.Struct, frozen=True):
    """One thing that happened; `room_nid` and `user_nid` say whom it concerns, 0 is nobody."""

    position: int
    kind: int
    room_nid: int
    user_nid: int
    membership: int | None = None
    """What `user_nid` now is in the room; with user 0: 0, memberships of users elsewhere have changed."""


_TAIL = Function(Fact, "log_tail", 2)


class LiveUser:
    """A user who syncs here: joined rooms as of the tail's end, and the waiting long polls."""

    __slots__ = ("loaded_at", "quiet", "read", "rooms", "seen_s", "waiters")

    def __init__(self, rooms: set[int], loaded_at: int, now_s: float) -> None:
        self.rooms = rooms
        self.loaded_at = loaded_at
        self.waiters: set[asyncio.Future[None]] = set()
        self.seen_s = now_s
        self.quiet: dict[int, tuple[int, Any]] = {}
        """By device: the position and the answer when it was last told that nothing had happened."""
        self.read: dict[Hashable, tuple[int, Any]] = {}
        """What was read of the user before (`Tail.recall`), and as of which position."""


class Tail:
    """The tail of one tenant's log."""

    __slots__ = ("end", "facts", "known", "pending", "room_users", "seen_s", "start", "tenant", "users")

    def __init__(self, tenant: Tenant, now_s: float) -> None:
        self.tenant = tenant
        self.start: int | None = None
        self.end = 0
        self.known = 0
        self.facts: deque[Fact] = deque()
        self.pending: dict[int, tuple[int, list[Fact]]] = {}
        self.users: dict[int, LiveUser] = {}
        self.room_users: dict[int, set[int]] = {}
        self.seen_s = now_s

    @property
    def behind(self) -> bool:
        """Does the log go on beyond what is known here?"""
        return self.start is not None and self.known > self.end

    def begin_at(self, position: int) -> None:
        """The first reader saw the log up to here."""
        if self.start is None:
            self.start = self.end = position
            self.known = max(self.known, position)
            self._drain()

    def offer(self, first: int, last: int, facts: list[Fact]) -> None:
        """Facts of the positions first..last, from a writer of this process; in any order of calls."""
        self.known = max(self.known, last)
        if self.start is None:
            return
        if first == self.end + 1:
            self._extend(last, facts)
            self._drain()
        elif first > self.end:
            self.pending[first] = (last, facts)

    def caught_up(self, after: int, facts: list[Fact]) -> None:
        """All facts from `after` up to the last one's position, from the database."""
        reached = facts[-1].position if facts else after
        fresh = [fact for fact in facts if fact.position > self.end and fact.kind]
        if reached > self.end:
            self._extend(reached, fresh)
        self.known = max(self.known, reached)
        self._drain()

    def _drain(self) -> None:
        for first in sorted(self.pending):
            last, facts = self.pending[first]
            if first > self.end + 1:
                return
            del self.pending[first]
            if last > self.end:
                self._extend(last, [fact for fact in facts if fact.position > self.end])

    def _extend(self, end: int, facts: list[Fact]) -> None:
        self.end = end
        woken: set[int] = set()
        for fact in facts:
            self.facts.append(fact)
            if fact.membership is not None:
                self._move(fact)
            if fact.room_nid and not (fact.kind == RECEIPT and fact.user_nid):
                woken |= self.room_users.get(fact.room_nid, set())
            if fact.user_nid in self.users:
                woken.add(fact.user_nid)
        for nid in woken:
            for waiter in self.users[nid].waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _move(self, fact: Fact) -> None:
        user = self.users.get(fact.user_nid)
        if user is None or fact.position <= user.loaded_at:
            return
        if fact.membership == JOIN:
            user.rooms.add(fact.room_nid)
            self.room_users.setdefault(fact.room_nid, set()).add(fact.user_nid)
        else:
            user.rooms.discard(fact.room_nid)
            self._forget_room_user(fact.room_nid, fact.user_nid)

    def add_user(self, user_nid: int, rooms: Iterable[int], loaded_at: int, now_s: float) -> None:
        """A user begins to sync here; joined rooms as of `loaded_at`."""
        if user_nid in self.users:
            return
        user = self.users[user_nid] = LiveUser(set(rooms), loaded_at, now_s)
        for room_nid in user.rooms:
            self.room_users.setdefault(room_nid, set()).add(user_nid)
        for fact in self.facts:
            if fact.membership is not None and fact.user_nid == user_nid:
                self._move(fact)

    def drop_user(self, user_nid: int) -> None:
        """The user has not synced here for a while."""
        user = self.users.pop(user_nid, None)
        for room_nid in user.rooms if user else ():
            self._forget_room_user(room_nid, user_nid)

    def _forget_room_user(self, room_nid: int, user_nid: int) -> None:
        users = self.room_users.get(room_nid)
        if users is not None:
            users.discard(user_nid)
            if not users:
                del self.room_users[room_nid]

    def concerns(self, user_nid: int, after: int) -> bool | None:
        """Did anything after a position concern the user? None: the tail cannot tell."""
        user = self.users.get(user_nid)
        if self.start is None or after < self.start or user is None:
            return None
        for fact in reversed(self.facts):
            if fact.position <= after:
                return False
            if fact.user_nid == user_nid:
                return True
            if fact.room_nid in user.rooms and not (fact.kind == RECEIPT and fact.user_nid):
                return True
        return False

    def facts_for(self, user_nid: int, after: int) -> list[Fact] | None:
        """The facts after a position that concern the user; None: the tail cannot tell."""
        user = self.users.get(user_nid)
        if self.start is None or after < self.start or user is None:
            return None
        found = []
        for fact in reversed(self.facts):
            if fact.position <= after:
                break
            mine = fact.user_nid == user_nid
            if mine or (fact.room_nid in user.rooms and not (fact.kind == RECEIPT and fact.user_nid)):
                found.append(fact)
        return found

    def recall(self, user_nid: int, what: Hashable, kind: int, up_to: int) -> Any | None:
        """What was `remember`ed, if it still holds at a position: the tail tells of each fact by which it changes, they are of
        this kind, and there was none.
        """
        user = self.users.get(user_nid)
        if user is None or what not in user.read or up_to > self.end:
            return None
        position, value = user.read[what]
        facts = self.facts_for(user_nid, position)
        if facts is None or any(fact.kind == kind for fact in facts):
            return None
        user.read[what] = up_to, value
        return value

    def remember(self, user_nid: int, what: Hashable, value: Any, up_to: int) -> None:
        """What was read with all facts up to a position, while the user is live."""
        user = self.users.get(user_nid)
        if user is not None:
            user.read[what] = up_to, value

    def shrink(self, size_max: int) -> None:
        """Forget the oldest facts."""
        while len(self.facts) > size_max:
            self.start = self.facts.popleft().position


class Streams:
    """All tails of a process, and the loops that keep them going (`run`)."""

    def __init__(self, database: Database, clock: Clock, limits: Limits, bus: Bus) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._tails: dict[int, Tail] = {}
        self._behind: set[int] = set()
        self._work = asyncio.Event()
        self._going_down = False
        self.on_outgoing: Callable[[Tenant], None] = lambda _: None
        """Set by the loop that sends to other servers."""
        self.inbox = asyncio.Event()
        """Something was put into the inbox here (`workers.inbox`)."""
        self.bus = bus
        bus.on_position = self._heard

    def publish(self, tenant: Tenant, position: int, facts: list[Fact], count: int = 1) -> None:
        """After COMMIT: the last `count` positions up to `position` are all told by `facts`."""
        tail = self._tails.get(tenant.tenant_id)
        if tail is not None:
            tail.offer(position - count + 1, position, facts)
            self._check(tail)
        self.bus.tell(Hint(tenant.tenant_id, position))

    def wake(self, tenant: Tenant, position: int) -> None:
        """After COMMIT: the tenant's log has reached `position`; the facts will be read by who needs them."""
        self._heard(tenant.tenant_id, position)
        self.bus.tell(Hint(tenant.tenant_id, position))

    def send(self, tenant: Tenant) -> None:
        """After COMMIT: there may be something to send to other servers; this process does it."""
        self.on_outgoing(tenant)

    def _heard(self, tenant_id: int, position: int) -> None:
        tail = self._tails.get(tenant_id)
        if tail is not None and position > tail.known:
            tail.known = position
            self._check(tail)

    def _check(self, tail: Tail) -> None:
        if tail.behind:
            self._behind.add(tail.tenant.tenant_id)
            self._work.set()

    def open(self, tenant: Tenant) -> Tail:
        """The tail, made if there is none. Open it *before* reading the database, `begin_at` what was read."""
        now_s = self._clock.monotonic_s()
        tail = self._tails.get(tenant.tenant_id)
        if tail is None:
            tail = self._tails[tenant.tenant_id] = Tail(tenant, now_s)
        tail.seen_s = now_s
        return tail

    async def wait(self, tail: Tail, user_nid: int, after: int, timeout_s: float) -> bool:
        """Until something after a position concerns the user; False when the time is over.

        The user must be live in the tail. Holds no connection and nothing but one future.
        """
        user = tail.users.get(user_nid)
        if user is None or tail.concerns(user_nid, after) is not False:
            return True
        if self._going_down:
            return False
        if len(user.waiters) >= self._limits.long_polls_per_user_max:
            raise errors.LimitExceeded(retry_after_ms=1000)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(timeout_s, _expire, waiter)
        user.waiters.add(waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            user.waiters.discard(waiter)
            user.seen_s = self._clock.monotonic_s()
        return tail.concerns(user_nid, after) is not False

    def forget(self, tenant: Tenant, name: str) -> None:
        """Tell the other processes to drop what they have cached under a name (`Caches.drop_named`)."""
        self.bus.tell(Hint(tenant.tenant_id, 0, name))

    def release_all(self) -> None:
        """Let every waiting long poll answer now, and those that clients come back with: the process is going down."""
        self._going_down = True
        for tail in self._tails.values():
            for user in tail.users.values():
                for waiter in user.waiters:
                    _expire(waiter)

    async def run(self) -> None:
        """Catch up, poll, forget; until canceled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.bus.run())
            group.create_task(self._catch_up_loop())
            group.create_task(self._poll_loop())

    async def _catch_up_loop(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            behind, self._behind = self._behind, set()
            for tenant_id in behind:
                tail = self._tails.get(tenant_id)
                if tail is not None and tail.behind:
                    await self.catch_up(tail)

    async def catch_up(self, tail: Tail) -> None:
        """Read what the log has and the tail lacks, if it is known to lack anything."""
        if not tail.behind:
            return
        after = tail.end
        try:
            facts = await _TAIL.all(self._database, tail.tenant, after)
        except errors.Unavailable:
            return  # the poll comes back to it
        tail.caught_up(after, facts)

    async def _poll_loop(self) -> None:
        while True:
            await asyncio.sleep(self._limits.poll_interval_ms / 1000)
            self._forget()
            tenants = [tenant_id for tenant_id, tail in self._tails.items() if tail.users]
            if not tenants:
                continue
            try:
                rows = await self._database.call("select * from log_positions($1)", tenants)
            except errors.Unavailable:
                continue
            for tenant_id, position in rows:
                self._heard(tenant_id, position)
                if tenant_id in self._tails:
                    self._check(self._tails[tenant_id])

    def _forget(self) -> None:
        now_s = self._clock.monotonic_s()
        facts_max = max(200, self._limits.recent_facts_max // max(1, len(self._tails)))
        for tenant_id, tail in list(self._tails.items()):
            tail.shrink(facts_max)
            for user_nid, user in list(tail.users.items()):
                if not user.waiters and now_s - user.seen_s > _IDLE_S:
                    tail.drop_user(user_nid)
            if not tail.users and now_s - tail.seen_s > _IDLE_S:
                del self._tails[tenant_id]


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
