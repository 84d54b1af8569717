"""What other servers are sent: in order, once, under the same id after every crash; and what when they are away.

Real: the database, rooms, the loop that sends. Fake: the other servers (`support.outside`), and the clock where it says so.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from conformance.floods.away import crowd_comes_back
from tests.support.devices import Device, new_device
from tests.support.outside import Outside, SetClock, Transaction, comes, process, says
from tests.support.sending import all_rounds, room_of, round_of, say
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.remote.client import RemoteError
from timserver.store import destinations, log
from timserver.tenancy import Tenant
from timserver.usecases.federation import outgoing_work
from timserver.usecases.federation.heard_from import heard_from
from timserver.usecases.federation.send_transaction import Ended, Outcome, send_transaction
from timserver.usecases.rooms.live import must_current_room
from timserver.workers.federation_sender import Sender

B, C = "b.example", "c.example"
BOB, CAROL = "@bob:b.example", "@carol:c.example"


class Counted:
    """Counts as the metrics would."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.items = 0
        self.polls = 0

    def transaction(self, outcome: str, items: int) -> None:
        self.outcomes.append(str(outcome))
        self.items += items

    def sending(self, under_way: int, tenants_waiting: int) -> None:
        self.polls += 1
        assert under_way >= 0
        assert tenants_waiting >= 0


@pytest.fixture
async def alice(ctx: Context, tenant: Tenant) -> Device:
    return await new_device(ctx, tenant)


async def outbox_size(ctx: Context, tenant: Tenant) -> int:
    async with ctx.database.transaction(tenant) as conn:
        size: int = await conn.raw.fetchval(
            "select count(*) from outbox where tenant_id = $1", tenant.tenant_id
        )
    return size


async def due_ts(ctx: Context, tenant: Tenant) -> int | None:
    async with ctx.database.directory() as conn:
        due: int | None = await conn.raw.fetchval(
            "select due_ts from sending where tenant_id = $1", tenant.tenant_id
        )
    return due


@asynccontextmanager
async def sending(ctx: Context) -> AsyncIterator[Counted]:
    """The loop of a process."""
    counted = Counted()
    sender = Sender(ctx, counted)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sender.run())
        await until(lambda: ctx.streams.on_outgoing == sender.notice)
        yield counted
        task.cancel()


async def until(condition: object, timeout_s: float = 40) -> None:
    assert callable(condition)
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - another server, in truth
            await asyncio.sleep(0.01)


async def test_each_server_gets_in_order_what_concerns_it(
    here: Context, tenant: Tenant, other: Tenant, alice: Device, outside: Outside
) -> None:
    both = await room_of(here, tenant, alice, BOB, CAROL)
    only_b = await room_of(here, tenant, alice, BOB)
    nobody = await room_of(here, tenant, alice)
    await say(here, tenant, alice, both, "1")
    await say(here, tenant, alice, only_b, "2")
    await say(here, tenant, alice, nobody, "3")
    await say(here, tenant, alice, both, "4")
    assert await outbox_size(here, tenant) == 3
    assert await round_of(here, other) == []
    assert set(await all_rounds(here, tenant)) == {Outcome.SENT}
    assert outside.bodies(B) == ["1", "2", "4"]
    assert outside.bodies(C) == ["1", "4"]
    assert (await outbox_size(here, tenant), await due_ts(here, tenant)) == (0, None)
    assert await due_ts(here, other) is None


async def test_pdus_are_sent_as_they_are_stored(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    await say(here, tenant, alice, room_id, "äöü \u2028 1")
    await all_rounds(here, tenant)
    (sent,) = outside.received[-1].content["pdus"]
    assert sent["signatures"].keys() == {tenant.server_name}
    assert sent["sender"] == alice.user_id
    assert "unsigned" not in sent


async def test_who_has_left_gets_the_leave_and_nothing_after(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    room_id = await room_of(here, tenant, alice, BOB, CAROL)
    await say(here, tenant, alice, room_id, "before")
    room = await must_current_room(here, tenant, room_id)
    await says(here, tenant, room, BOB, "m.room.member", {"membership": "leave"}, BOB)
    await say(here, tenant, alice, room_id, "after")
    await comes(here, tenant, room_id, "@dan:d.example")
    await say(here, tenant, alice, room_id, "later")
    await all_rounds(here, tenant)
    assert outside.bodies(B) == ["before"]
    assert outside.bodies(C) == ["before", "after", "later"]
    assert outside.bodies("d.example") == ["later"]


async def test_who_comes_meanwhile_is_sent_what_was_said_without_knowing_of_it(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    """The newest of it: what is before that is asked for. Nobody else would ever send it there."""
    room_id = await room_of(here, tenant, alice, BOB)
    room = await must_current_room(here, tenant, room_id)
    await say(here, tenant, alice, room_id, "before")
    ends = [event_id for _, event_id in room.extremities]
    await say(here, tenant, alice, room_id, "meanwhile")
    await say(here, tenant, alice, room_id, "and last")
    await says(here, tenant, room, BOB, "m.room.message", {"body": "theirs"}, after=ends)
    await comes(here, tenant, room_id, "@dan:d.example", after=ends)
    for late in ("@dora:d.example", "@bella:b.example"):
        await comes(here, tenant, room_id, late, after=ends)
    await comes(here, tenant, room_id, "@eve:e.example")
    assert set(await all_rounds(here, tenant)) == {Outcome.SENT}
    assert outside.bodies("d.example") == ["and last"]
    assert outside.bodies("e.example") == []
    assert outside.bodies(B) == ["before", "meanwhile", "and last", "and last"]
    assert await outbox_size(here, tenant) == 0


async def test_many_events_go_in_transactions_of_fifty(
    here: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    texts = [str(number) for number in range(120)]
    await say(here, tenant, alice, room_id, *texts)
    assert await all_rounds(here, tenant) == [Outcome.SENT] * 3
    assert outside.bodies(B) == texts
    assert [len(t.content["pdus"]) for t in outside.received] == [50, 50, 20]
    assert len({t.txn_id for t in outside.received}) == 3


async def test_a_retry_has_the_same_id_and_the_same_events(
    here: Context, tenant: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    await say(here, tenant, alice, room_id, "1", "2")
    tried: list[Transaction] = []
    outside.on_request = tried.append
    outside.is_away(B)
    assert await all_rounds(here, tenant) == [Outcome.FAILED]
    await say(here, tenant, alice, room_id, "3")
    outside.is_away()
    assert await all_rounds(here, tenant) == []
    clock.at_ms += 70_000
    assert await all_rounds(here, tenant) == [Outcome.SENT] * 2
    assert [(t.txn_id == tried[0].txn_id, t.bodies) for t in tried] == [
        (True, ["1", "2"]),
        (True, ["1", "2"]),
        (False, ["3"]),
    ]


async def test_after_a_crash_another_process_repeats_the_transaction(
    here: Context, ctx: Context, tenant: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    await say(here, tenant, alice, room_id, "1")
    (taken,) = await outgoing_work.take_transactions(here, tenant, 7, limit=9, probes=9)
    await say(here, tenant, alice, room_id, "2")  # and here the process was killed
    there = process(ctx, outside, clock)
    assert await outgoing_work.take_transactions(there, tenant, 8, limit=9, probes=9) == []
    clock.at_ms += outgoing_work.LEASE_MS
    (again,) = await outgoing_work.take_transactions(there, tenant, 8, limit=9, probes=9)
    assert (again.txn_id, again.is_repeated) == (taken.txn_id, True)
    await send_transaction(there, tenant, again, 8)
    await all_rounds(there, tenant)
    assert [t.bodies for t in outside.received] == [["1"], ["2"]]
    assert await send_transaction(here, tenant, taken, 7) == Ended(Outcome.EMPTY)  # it was not dead after all
    assert await all_rounds(here, tenant) == []


async def test_what_was_written_before_a_crash_is_found_by_others(
    here: Context, ctx: Context, tenant: Tenant, other: Tenant, alice: Device, outside: Outside
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    await say(here, tenant, alice, room_id, "1")
    late = SetClock()
    late.at_ms = ctx.clock.now_ms() + 20_000
    there = process(ctx, outside, late)
    found = await outgoing_work.due_tenants(there)
    assert tenant in found
    assert other not in found
    assert tenant not in await outgoing_work.due_tenants(there)
    await all_rounds(there, tenant)
    assert outside.bodies(B) == ["1"]


async def test_a_dead_server_does_not_hold_up_others_and_is_asked_less_and_less(
    here: Context, tenant: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    room_id = await room_of(here, tenant, alice, BOB, CAROL)
    outside.is_away(B)
    tries = []
    outside.on_request = lambda t: tries.append(clock.at_ms) if t.destination == B else None
    start = clock.at_ms
    while clock.at_ms < start + 86_400_000:
        await say(here, tenant, alice, room_id, str(clock.at_ms))
        await all_rounds(here, tenant)
        due = await due_ts(here, tenant)
        assert due is not None
        clock.at_ms = due
    assert len(outside.bodies(C)) == len(tries)
    assert 40 < len(tries) < 80
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert waits[0] < 70_000
    assert 3_000_000 < waits[-1] < 4_000_000


async def test_a_server_that_asks_something_is_sent_to_at_once(
    here: Context, tenant: Tenant, other: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    noticed: list[Tenant] = []
    here.streams.on_outgoing = noticed.append
    room_id = await room_of(here, tenant, alice, BOB)
    await heard_from(here, tenant, ServerName(B))
    await say(here, tenant, alice, room_id, "1")
    outside.is_away(B)
    await all_rounds(here, tenant)
    outside.is_away()
    noticed.clear()
    await heard_from(here, tenant, ServerName(C))
    await heard_from(here, other, ServerName(B))
    assert (noticed, await all_rounds(here, tenant)) == ([], [])
    await heard_from(here, tenant, ServerName(B))
    assert noticed == [tenant]
    assert await all_rounds(here, tenant) == [Outcome.SENT]
    assert outside.bodies(B) == ["1"]
    await heard_from(here, tenant, ServerName(B))
    assert noticed == [tenant]


async def test_contact_during_a_try_that_fails_counts(
    here: Context, tenant: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    await say(here, tenant, alice, room_id, "1")
    outside.is_away(B)
    await all_rounds(here, tenant)
    clock.at_ms += 70_000
    (taken,) = await outgoing_work.take_transactions(here, tenant, 7, limit=9, probes=9)
    away = outside.refuse

    def comes_back_too_late(transaction: Transaction) -> RemoteError | None:
        clock.at_ms += 10
        return away(transaction)

    outside.refuse = comes_back_too_late
    outside.held = asyncio.Event()
    task = asyncio.get_running_loop().create_task(send_transaction(here, tenant, taken, 7))
    await until(lambda: outside.under_way == 1)
    clock.at_ms += 5
    await heard_from(here, tenant, ServerName(B))
    outside.held.set()
    assert (await task).outcome is Outcome.FAILED
    outside.is_away()
    assert await all_rounds(here, tenant) == [Outcome.SENT]


async def test_r7_after_a_long_outage_the_newest_event_of_each_room_comes(
    ctx: Context, tenant: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    here = process(ctx, outside, clock, outbox_events_per_destination_max=10)
    rooms = [await room_of(here, tenant, alice, BOB, CAROL) for _ in range(13)]
    quiet = await room_of(here, tenant, alice, BOB)
    await say(here, tenant, alice, quiet, "quiet")
    await all_rounds(here, tenant)
    outside.is_away(B)
    for number in range(3):
        for place, room_id in enumerate(rooms):
            await say(here, tenant, alice, room_id, f"{place}.{number}")
        await all_rounds(here, tenant)
        clock.at_ms += 70_000
    assert await outbox_size(here, tenant) == 0
    received = len(outside.bodies(B))
    room = await must_current_room(here, tenant, rooms[12])
    await says(here, tenant, room, CAROL, "m.room.message", {"msgtype": "m.text", "body": "carol"})
    left = await must_current_room(here, tenant, rooms[11])
    await says(here, tenant, left, BOB, "m.room.member", {"membership": "leave"}, BOB)
    await say(here, tenant, alice, rooms[11], "not for b")
    outside.is_away()
    clock.at_ms += 70_000
    await all_rounds(here, tenant)
    caught_up = outside.bodies(B)[received:]
    assert set(caught_up) == {*(f"{place}.2" for place in range(11)), "carol"}
    assert len(caught_up) <= 12 + 10  # what was tried last is repeated
    await say(here, tenant, alice, rooms[3], "one by one")
    assert await all_rounds(here, tenant) == [Outcome.SENT] * 2
    assert outside.bodies(B)[-1] == "one by one"
    assert outside.bodies(C)[-2:] == ["not for b", "one by one"]


async def test_r7_the_outbox_is_bounded(
    ctx: Context, tenant: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    here = process(ctx, outside, clock, outbox_events_max=20)
    busy = await room_of(here, tenant, alice, CAROL)
    seldom = await room_of(here, tenant, alice, BOB)
    outside.is_away(B)
    await say(here, tenant, alice, seldom, "first")
    for number in range(30):
        await say(here, tenant, alice, busy, str(number))
        await all_rounds(here, tenant)
    assert await outbox_size(here, tenant) <= 21
    await say(here, tenant, alice, seldom, "last")
    outside.is_away()
    clock.at_ms += 70_000
    await all_rounds(here, tenant)
    assert outside.bodies(B) == ["last"]
    assert outside.bodies(C) == [str(number) for number in range(30)]


async def test_who_may_not_be_talked_to_is_dropped(
    here: Context, tenant: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    outside.refuse = lambda _: RemoteError("list", denied=True)
    await say(here, tenant, alice, room_id, "1")
    assert await all_rounds(here, tenant) == [Outcome.DENIED]
    clock.at_ms += 10_000_000
    assert await all_rounds(here, tenant) == []
    assert (await outbox_size(here, tenant), await due_ts(here, tenant)) == (0, None)
    outside.is_away()
    await say(here, tenant, alice, room_id, "2")
    await all_rounds(here, tenant)
    assert outside.bodies(B) == ["2"]


async def test_a_transaction_that_is_refused_for_what_it_holds_is_given_up(
    here: Context, tenant: Tenant, alice: Device, outside: Outside, clock: SetClock
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    await say(here, tenant, alice, room_id, "poison")
    outside.refuse = lambda t: RemoteError("no", status=400) if "poison" in t.bodies else None
    outcomes = []
    for _ in range(4):
        outcomes += await all_rounds(here, tenant)
        clock.at_ms += 70_000
    assert outcomes == [Outcome.REFUSED, Outcome.REFUSED, Outcome.GIVEN_UP]
    await say(here, tenant, alice, room_id, "fine")
    await all_rounds(here, tenant)
    assert outside.bodies(B) == ["fine"]


async def test_two_processes_send_nothing_twice_and_one_at_a_time_to_each_server(
    ctx: Context, tenant: Tenant, other: Tenant, outside: Outside
) -> None:
    one, two = process(ctx, outside), process(ctx, outside)
    outside.delay_s = 0.01
    people = [(at, await new_device(ctx, at)) for at in (tenant, other)]
    rooms = [(at, person, await room_of(one, at, person, BOB, CAROL)) for at, person in people]
    busy: set[tuple[str, str]] = set()

    def begins(transaction: Transaction) -> None:
        pair = (transaction.origin, transaction.destination)
        assert pair not in busy
        busy.add(pair)

    def ends(transaction: Transaction) -> None:
        busy.discard((transaction.origin, transaction.destination))

    outside.on_request = begins
    outside.refuse = ends
    first, second = Sender(one, Counted()), Sender(two, Counted())
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(sender.run()) for sender in (first, second)]
        await until(lambda: two.streams.on_outgoing == second.notice)
        for number in range(40):
            for at, person, room_id in rooms:
                await say(one, at, person, room_id, str(number))
                first.notice(at)
                second.notice(at)
        texts = [str(number) for number in range(40)] * 2
        await until(lambda: len(outside.bodies(B)) >= 80 and len(outside.bodies(C)) >= 80)
        for loop in loops:
            loop.cancel()
    for server in (B, C):
        for at, _ in people:
            mine = [t for t in outside.received if (t.origin, t.destination) == (at.server_name, server)]
            assert [body for t in mine for body in t.bodies] == texts[:40]


async def test_the_loop_sends_what_is_written_and_is_idle_after(
    ctx: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    here = process(ctx, outside)
    room_id = await room_of(here, tenant, alice, BOB)
    async with sending(here) as counted:
        await say(here, tenant, alice, room_id, "1")
        await until(lambda: outside.bodies(B) == ["1"])
        await say(here, tenant, alice, room_id, "2")
        await until(lambda: outside.bodies(B) == ["1", "2"])
        async with asyncio.timeout(5):
            while await due_ts(here, tenant) is not None:  # noqa: ASYNC110 - a row
                await asyncio.sleep(0.01)
        assert counted.outcomes == ["sent", "sent"]
        assert counted.items == 2


async def test_the_loop_tries_again_when_it_is_time(
    ctx: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    settings = ctx.settings.model_copy(update={"retry_interval_ms": 200})
    here = process(ctx, outside)
    here.settings.__dict__.update(settings.__dict__)
    room_id = await room_of(here, tenant, alice, BOB)
    outside.is_away(B)
    async with sending(here) as counted:
        await say(here, tenant, alice, room_id, "1")
        await until(lambda: counted.outcomes.count("failed") >= 2)
        outside.is_away()
        await until(lambda: outside.bodies(B) == ["1"])


async def test_a_process_that_stops_gives_back_what_it_has(
    ctx: Context, tenant: Tenant, alice: Device, outside: Outside
) -> None:
    here = process(ctx, outside)
    room_id = await room_of(here, tenant, alice, BOB)
    outside.delay_s = 60
    async with sending(here):
        await say(here, tenant, alice, room_id, "1")
        await until(lambda: outside.under_way == 1)
    outside.delay_s = 0
    assert await round_of(here, tenant, 8) == [Outcome.SENT]
    assert outside.bodies(B) == ["1"]


async def test_r7_servers_that_come_back_together_are_no_storm(ctx: Context) -> None:
    """The small form of `./dev conformance floods --only away`."""
    most_under_way, _ = await crowd_comes_back(ctx, 60)
    assert 1 < most_under_way <= 50


async def test_no_tenant_takes_all_places(
    ctx: Context, tenant: Tenant, other: Tenant, outside: Outside
) -> None:
    here = process(ctx, outside, federation_sends_max=6, federation_sends_per_tenant_max=4)
    flood, small = await new_device(ctx, tenant), await new_device(ctx, other)
    many = await room_of(here, tenant, flood, *(f"@u:s{number}.example" for number in range(12)))
    few = await room_of(here, other, small, BOB)
    outside.delay_s = 0.3
    async with sending(here):
        await say(here, tenant, flood, many, "flood")
        await until(lambda: outside.under_way > 0)
        await say(here, other, small, few, "small")
        await until(lambda: len(outside.received) == 13)
    assert outside.bodies(B) == ["small"]
    assert [t.destination for t in outside.received].index(B) < 8
    assert outside.most_under_way <= 6


async def test_a_destination_that_was_idle_for_long_is_not_searched_for_from_its_beginning(
    here: Context, tenant: Tenant, alice: Device
) -> None:
    room_id = await room_of(here, tenant, alice, BOB)
    await say(here, tenant, alice, room_id, "1")
    await all_rounds(here, tenant)
    async with here.database.transaction(tenant) as conn:
        await log.take(conn, tenant, 10_000)
    await outgoing_work.take_transactions(here, tenant, 7, limit=9, probes=9)
    await say(here, tenant, alice, room_id, "2")
    (taken,) = await outgoing_work.take_transactions(here, tenant, 7, limit=9, probes=9)
    assert taken.taken_position - taken.sent_position == 1
    assert await destinations.finish(here.database, tenant, taken, 7, here.clock.now_ms()) is False


async def test_dead_servers_without_room_to_be_tried_do_not_keep_the_loop_busy(
    ctx: Context, tenant: Tenant, other: Tenant, outside: Outside
) -> None:
    here = process(ctx, outside, federation_probes_max=1)
    here.settings.__dict__["retry_interval_ms"] = 50
    room_a, room_b = [(at, await new_device(ctx, at)) for at in (tenant, other)]
    rooms = [(at, who, await room_of(here, at, who, BOB, CAROL)) for at, who in (room_a, room_b)]
    outside.is_away(B, C)
    async with sending(here) as counted:
        for at, who, room_id in rooms:
            await say(here, at, who, room_id, "1")
        await until(lambda: counted.outcomes.count("failed") >= 4)
        outside.held = asyncio.Event()
        await until(lambda: outside.under_way == 1)
        calls, polls, ended = 0, counted.polls, len(counted.outcomes)
        settle = here.database.call

        async def counting(sql: str, *args: object) -> list[object]:
            nonlocal calls
            calls += 1
            return await settle(sql, *args)

        here.database.call = counting  # type: ignore[method-assign]
        try:
            await until(lambda: counted.polls >= polls + 4)
            outside.held.set()
            await until(lambda: len(counted.outcomes) >= ended + 2)
        finally:
            here.database.call = settle  # type: ignore[method-assign]
        causes = counted.polls - polls + len(counted.outcomes) - ended
        assert calls <= 6 * causes
        outside.is_away()
        await until(lambda: len(outside.bodies(B)) == len(outside.bodies(C)) == 2, 30)
