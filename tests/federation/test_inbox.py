"""Events that wait for others before them (RELIABILITY R11, S19): durable, bounded, fair, and never in anybody's way.

Real: the database, rooms, signatures. Fake: how other servers answer (`Answers` stands where a co-hosted tenant would).
"""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from secrets import token_bytes

import msgspec
import pytest

from tests.support.devices import new_device
from tests.support.guests import Guest
from tests.support.homeserver import MASTER_KEY, settings_for
from tests.support.outside import requester
from timserver import app, core
from timserver.context import Context
from timserver.matrix import pdu
from timserver.matrix.event import Event
from timserver.matrix.ids import RoomID, ServerName
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_presets import Preset
from timserver.remote.client import FederationClient, RemoteError
from timserver.remote.fetcher import Streamed
from timserver.store import inbox
from timserver.store.events import SOFT_FAILED, find
from timserver.store.inbox import Turn, Waiting
from timserver.tenancy import Requester, Tenant, TenantSettings, Variant
from timserver.usecases.events.ends import EXTREMITIES_MAX
from timserver.usecases.events.send_state import send_state
from timserver.usecases.federation.receive_transaction import receive_transaction
from timserver.usecases.federation.work_off_inbox import work_off_inbox
from timserver.usecases.rooms.create_room import NewRoom, create_room
from timserver.usecases.rooms.live import must_current_room
from timserver.usecases.tenants import create_tenant
from timserver.usecases.tenants.signing_key import signing_key
from timserver.workers.inbox import LEASE_MS, InboxWorker


class Answers:
    """Another server: it has the events that it is given, and is asked for them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.events: list[Event] = []
        self.is_away = self.is_slow = False
        self.endless: Callable[[], Awaitable[Event]] | None = None
        """Makes an event before which there is always another one, and a state of events that nobody has."""

    async def hosts(self, server_name: ServerName) -> bool:
        return True

    async def request(
        self,
        origin: Tenant,
        destination: ServerName,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        content: JsonObject | None,
    ) -> bytes:
        self.asked.append(path.split("/")[4])
        if self.is_slow:
            await asyncio.sleep(3600)
        if self.endless is not None and "/get_missing_events/" in path:
            return b'{"events":[' + (await self.endless()).pdu + b"]}"
        if self.endless is not None and "/state_ids/" in path:
            ids = ["$" + urlsafe_b64encode(token_bytes(32)).decode().rstrip("=") for _ in range(5_000)]
            return json.dumps({"pdu_ids": ids, "auth_chain_ids": ids}).encode()
        if self.is_away or "/get_missing_events/" not in path:
            raise RemoteError("away", transient=self.is_away, status=None if self.is_away else 404)
        return b'{"events":[' + b",".join(event.pdu for event in self.events) + b"]}"

    def stream(
        self, origin: Tenant, destination: ServerName, path: str, query: Sequence[tuple[str, str]]
    ) -> AbstractAsyncContextManager[Streamed]:
        raise AssertionError("files are not asked for here")


class World(msgspec.Struct):
    """A room of `here` in which bob of `there` is."""

    ctx: Context
    answers: Answers
    here: Tenant
    there: Tenant
    alice: Requester
    room: RoomID
    bob: Guest
    count: int = 0

    async def new_room(self) -> RoomID:
        room = await create_room(self.ctx, self.here, self.alice, NewRoom(preset=Preset.PUBLIC_CHAT))
        await self.bob.joins(room)
        return room

    async def message(self, text: str, *, after: Event | None = None, room: RoomID | None = None) -> Event:
        """Bob's, on the room as it is here, or on an event that need not be here."""
        content = {"msgtype": "m.text", "body": text}
        event = await self.bob.event(room or self.room, "m.room.message", content)
        if after is None:
            return event
        live = await must_current_room(self.ctx, self.here, event.room_id)
        template = pdu.PduTemplate(
            room_id=event.room_id,
            sender=event.sender,
            type=event.type,
            content=content,
            prev_events=(after.event_id,),
            auth_events=event.auth_events,
            depth=after.depth + 1,
            origin_server_ts=event.origin_server_ts,
        )
        return core.seal(live.version, template, server_name=self.bob.server_name, signing_key=self.bob.key)

    async def receives(self, *events: Event) -> dict[str, dict[str, str]]:
        self.count += 1
        body = b'{"pdus":[' + b",".join(event.pdu for event in events) + b"]}"
        async with asyncio.timeout(10):
            answer = await receive_transaction(
                self.ctx, self.here, self.there.server_name, str(self.count), body
            )
        results: dict[str, dict[str, str]] = json.loads(answer)["pdus"]
        return results

    async def turns(self, *, in_ms: int = 0, count: int = 20) -> list[Turn]:
        now_ms = self.ctx.clock.now_ms() + in_ms
        async with self.ctx.database.directory() as conn:
            return await inbox.take_turns(
                conn, now_ms=now_ms, lease_until_ts=now_ms + LEASE_MS, count_max=count, of_server_max=8
            )

    async def round(self, *, in_ms: int = 0) -> int:
        """All turns that are due."""
        turns = await self.turns(in_ms=in_ms)
        for turn in turns:
            await work_off_inbox(self.ctx, self.here, turn)
        return len(turns)

    async def waiting(self) -> int:
        async with self.ctx.database.transaction(self.here) as conn:
            count: int = await conn.raw.fetchval(
                "select count(*) from inbox where tenant_id = $1", self.here.tenant_id
            )
        return count

    async def flags(self, event: Event) -> int:
        """What is stored of an event."""
        room = await must_current_room(self.ctx, self.here, event.room_id)
        async with self.ctx.database.transaction(self.here) as conn:
            row = await find(conn, self.here, room.version, event.event_id)
        assert row is not None
        return row.flags

    async def head(self) -> set[str]:
        room = await must_current_room(self.ctx, self.here, self.room)
        return {event_id for _, event_id in room.extremities}


@pytest.fixture
async def world(fresh_database: Callable[[], Awaitable[str]]) -> AsyncIterator[World]:
    settings = settings_for(await fresh_database())
    limits = {"inbox_attempts_max": 3, "federation_receive_s_max": 1}
    settings = settings.model_copy(update={"limits": settings.limits.model_copy(update=limits)})
    async with app.open_context(settings, MASTER_KEY) as base:
        answers = Answers()
        remote = FederationClient(base.remote.fetcher, base.clock, base.ids, settings)
        remote.signing_key_of = base.remote.signing_key_of
        remote.federation_list = base.remote.federation_list
        remote.loopback = answers
        ctx = msgspec.structs.replace(base, remote=remote)
        there = await create_tenant(ctx, "there.example.org")
        allowed = TenantSettings(allowed_servers=(there.server_name,))
        here = await create_tenant(ctx, "here.example.org", Variant.PRO, settings=allowed)
        alice = requester(await new_device(ctx, here))
        key = await signing_key(ctx, there)
        bob = Guest(ctx, here, f"@bob:{there.server_name}", key)
        room = await create_room(ctx, here, alice, NewRoom(preset=Preset.PUBLIC_CHAT))
        await bob.joins(room)
        yield World(ctx, answers, here, there, alice, room, bob)


async def test_a_gap_is_accepted_and_filled_later(world: World) -> None:
    first = await world.message("first")
    second = await world.message("second", after=first)
    assert await world.receives(second) == {second.event_id: {}}
    assert world.answers.asked == [], "the answer waits for nobody"
    assert second.event_id not in await world.head()
    world.answers.events = [first]
    assert await world.round() == 1
    assert await world.head() == {second.event_id}
    assert await world.waiting() == 0
    assert await world.round() == 0, "nothing is left to do"


async def test_s19_what_fills_a_gap_is_judged_by_the_list_too(world: World) -> None:
    """The server that tells is in the list, the sender's is not: kept for what follows it, and not shown."""
    outsider = await create_tenant(world.ctx, "outsider.example.org")
    key = await signing_key(world.ctx, outsider)
    eve = Guest(world.ctx, world.here, f"@eve:{outsider.server_name}", key)
    joins = await eve.event(world.room, "m.room.member", {"membership": "join"}, state_key=eve.user_id)
    second = await world.message("second", after=joins)
    assert await world.receives(second) == {second.event_id: {}}
    world.answers.events = [joins]
    assert await world.round() == 1
    assert second.event_id in await world.head()
    assert await world.flags(joins) == SOFT_FAILED
    assert await world.flags(second) == 0


async def test_it_is_there_after_a_crash(world: World) -> None:
    """The turn of who crashed is taken again when its lease has ended, by whomever."""
    first = await world.message("first")
    second = await world.message("second", after=first)
    await world.receives(second)
    assert len(await world.turns()) == 1
    assert await world.turns() == [], "somebody is at it"
    world.answers.events = [first]
    assert await world.round(in_ms=LEASE_MS + 1) == 1
    assert await world.head() == {second.event_id}


async def test_a_slow_room_holds_neither_the_answer_nor_the_others(world: World) -> None:
    """R11: also when it is the key of a third server that does not come."""
    world.answers.is_slow = True
    carol = Guest(world.ctx, world.here, "@carol:slow.example")
    joins = await carol.event(world.room, "m.room.member", {"membership": "join"}, state_key=carol.user_id)
    other_room = await world.new_room()
    quick = await world.message("quick", room=other_room)
    allowed = TenantSettings(allowed_servers=(world.there.server_name, ServerName("slow.example")))
    world.here = msgspec.structs.replace(world.here, settings=allowed)
    assert await world.receives(joins, quick) == {joins.event_id: {}, quick.event_id: {}}
    assert set(world.answers.asked) == {"server"}, "only its key was asked for"
    room = await must_current_room(world.ctx, world.here, other_room)
    assert quick.event_id in {event_id for _, event_id in room.extremities}
    assert await world.waiting() == 1


async def test_in_vain_is_tried_less_often_and_then_given_up(world: World) -> None:
    second = await world.message("second", after=await world.message("first"))
    await world.receives(second)
    world.answers.is_away = True
    pauses = []
    while await world.waiting():
        pause_ms = 0
        while not await world.round(in_ms=pause_ms):
            pause_ms += 500
        pauses.append(pause_ms)
        assert len(pauses) <= 3
    assert len(pauses) == 3
    assert pauses[0] == 0
    assert 1_000 <= pauses[1] < pauses[2]
    assert await world.turns(in_ms=10**9) == []


async def test_one_whose_past_is_not_told_does_not_hold_the_next(world: World) -> None:
    """The server answers, and not with what the lost one follows: that is given up, whoever follows it names it again."""
    lost = await world.message("lost", after=await world.message("never told"))
    first = await world.message("first")
    second = await world.message("second", after=first)
    await world.receives(lost, second)
    world.answers.events = [first]
    assert await world.round() == 1
    assert second.event_id in await world.head()
    assert await world.waiting() == 0


async def test_what_cannot_be_had_between_does_not_hold_what_follows(world: World) -> None:
    """Of the events in the gap one has a past that nobody tells: the others fill the gap without it."""
    stray = await world.message("stray", after=await world.message("never told"))
    first = await world.message("first")
    second = await world.message("second", after=first)
    await world.receives(second)
    world.answers.events = [stray, first]
    assert await world.round() == 1
    assert second.event_id in await world.head()
    assert await world.waiting() == 0


async def test_e9_a_history_without_end_costs_a_bounded_number_of_requests(world: World) -> None:
    """CVE-2024-31208: nor does it hold up the next event of the room, or what the room keeps."""

    async def one_more() -> Event:
        return await world.message("more", after=await world.message("never told"))

    second = await world.message("second", after=await world.message("first"))
    await world.receives(second)
    world.answers.endless = one_more
    rounds = 0
    while await world.waiting():
        rounds += await world.round(in_ms=10**6 * rounds)
        assert rounds <= 3
    limits = world.ctx.settings.limits
    assert len(world.answers.asked) <= rounds * limits.federation_fetch_requests_max
    after = await world.message("after")
    assert await world.receives(after) == {after.event_id: {}}
    assert await world.head() == {after.event_id}
    async with world.ctx.database.transaction(world.here) as conn:
        kept = await conn.raw.fetchval(
            "select count(*) from event where tenant_id = $1 and flags & 2 = 2", world.here.tenant_id
        )
    assert kept == 0


async def test_e9_a_room_has_a_bounded_number_of_ends(world: World) -> None:
    """Each message on the same event makes one more; the next state has to be that after all of them."""
    root = await world.message("root")
    await world.receives(root)
    forks = [await world.message(f"fork {number}", after=root) for number in range(40)]
    for fork in forks:
        assert await world.receives(fork) == {fork.event_id: {}}
    assert len(await world.head()) <= EXTREMITIES_MAX


async def test_there_is_a_bound_for_each_server(world: World) -> None:
    limits = world.ctx.settings.limits.model_copy(update={"inbox_events_max": 1})
    settings = world.ctx.settings.model_copy(update={"limits": limits})
    world.ctx = msgspec.structs.replace(world.ctx, settings=settings)
    first = await world.message("first")
    one, two = await world.message("one", after=first), await world.message("two", after=first)
    assert await world.receives(one) == {one.event_id: {}}
    assert "Too many" in (await world.receives(two))[two.event_id]["error"]
    assert await world.waiting() == 1


async def test_turns_are_shared_between_servers(world: World) -> None:
    """R11: who fills the inbox waits for his own; 8 of his turns at most are under way, everywhere together."""
    loud, quiet = ServerName("loud.example"), ServerName("quiet.example")
    async with world.ctx.database.transaction(world.here) as conn:
        for room_nid in range(1, 101):
            item = (0, Waiting(bytes([room_nid]), b"{}"))
            await inbox.put(conn, world.here, room_nid, loud, [item], now_ms=1, events_max=1000)
        item = (0, Waiting(b"q", b"{}"))
        await inbox.put(conn, world.here, 7, quiet, [item], now_ms=2, events_max=1000)
    first = await world.turns(count=2)
    assert {turn.origin for turn in first} == {loud, quiet}
    more = await world.turns(count=50)
    assert {turn.origin for turn in more} == {loud}
    assert len(more) == 7
    assert await world.turns(count=50) == []


async def test_s19_what_has_changed_while_it_waited(world: World) -> None:
    """(b) removed from the federation list, or denied by the room: nothing is asked, nothing admitted."""
    second = await world.message("second", after=await world.message("first"))
    await world.receives(second)
    content: JsonObject = {"allow": ["*"], "deny": [world.there.server_name]}
    await send_state(world.ctx, world.here, world.alice, world.room, "m.room.server_acl", "", content)
    assert await world.round() == 1
    assert await world.waiting() == 0
    await send_state(
        world.ctx, world.here, world.alice, world.room, "m.room.server_acl", "", {"allow": ["*"]}
    )
    third = await world.message("third", after=second)
    await world.receives(third)
    world.here = msgspec.structs.replace(world.here, settings=TenantSettings())
    assert await world.round() == 1
    assert await world.waiting() == 0
    assert world.answers.asked == []


async def test_the_loop(world: World) -> None:
    first = await world.message("first")
    second = await world.message("second", after=first)
    world.answers.events = [first]
    worker = InboxWorker(world.ctx)
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(worker.run())
        await world.receives(second)
        async with asyncio.timeout(10):
            while await world.waiting():  # noqa: ASYNC110 - it is the database that changes
                await asyncio.sleep(0.05)
        loop.cancel()
    assert await world.head() == {second.event_id}
    await inbox.remember_answer(world.ctx.database, world.here, bytes(32), b"{}", 0, 1)
    assert await worker.expire_all() == 1
    assert await worker.expire_all() == 0
