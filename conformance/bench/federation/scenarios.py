"""What is measured. Each function takes a `Load` and gives the figures of one server."""

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import quote

import msgspec
import orjson

from conformance.bench import accounting
from conformance.bench.accounting import Usage
from conformance.bench.client import API, Client, RequestFailed
from conformance.bench.federation.standin import StandIn, room_path
from conformance.bench.figures import Result
from conformance.bench.measure import Bench
from tests.support.told_room import ToldRoom
from timserver.matrix.event import Event

SEEN_S_MAX = 300
LOOK_EVERY_S = 0.25
PDUS_MAX = 50


class Load(msgspec.Struct, frozen=True):
    """A server under load, and the stand-in that loads it."""

    bench: Bench
    standin: StandIn
    quick: bool

    def count(self, whole: int, quick: int) -> int:
        """How many; fewer in a quick run."""
        return quick if self.quick else whole


async def received_live(load: Load) -> Result:
    """One room, each event in a transaction of its own, as people talk."""
    return await _received(load, "received, one by one", 1, load.count(1000, 150), 1)


async def received_one_room(load: Load) -> Result:
    """One room, 50 events to a transaction, as fast as they are taken."""
    return await _received(load, "received, one room", 1, load.count(5000, 500), PDUS_MAX)


async def received_many_rooms(load: Load) -> Result:
    """100 rooms by turns, 50 events to a transaction."""
    rooms = load.count(100, 20)
    return await _received(load, f"received, {rooms} rooms", rooms, load.count(5000, 500), PDUS_MAX)


async def received_large_room(load: Load) -> Result:
    """As one by one, in a room of many members, and every tenth event is another name of one of them."""
    members = load.count(20_000, 2_000)
    return await _received(load, f"received, {members:,} members", 1, load.count(1000, 150), 1, members)


async def _received(
    load: Load, scenario: str, rooms: int, count: int, at_once: int, members: int = 1
) -> Result:
    alice, told = await _joined(load, rooms, members)
    await _receive(
        load, alice, told, [load.standin.message(told[n % rooms]) for n in range(PDUS_MAX)], at_once
    )
    await load.bench.quiet()

    def event(number: int) -> Event:
        room = told[number % rooms]
        is_name = members > 1 and number % 10 == 5
        return load.standin.other_name(room, 1 + number) if is_name else load.standin.message(room)

    events = [event(number) for number in range(count)]
    accounting.reset_peak_memory(load.bench.server.pid)
    before, began = load.bench.usage(), time.perf_counter()
    await _receive(load, alice, told, events, at_once)
    seconds = time.perf_counter() - began
    await load.bench.quiet()
    return _result(load, scenario, count, seconds, before)


async def _receive(
    load: Load, alice: Client, told: Sequence[ToldRoom], events: Sequence[Event], at_once: int
) -> None:
    """Send, and wait until a user sees the last event of every room."""
    for part in _batched(events, at_once):
        await load.standin.send(load.bench.server.server_name, part)
    for room in told:
        await _until_seen(alice, room.room_id, room.events[-1].event_id)


async def sent_live(load: Load) -> Result:
    """Each event when the one before has arrived; latency is from the client's request to the other server."""
    alice, (room,) = await _joined(load, 1)
    arrived = load.standin.arrived

    async def send(number: int) -> float:
        began = time.perf_counter()
        await alice.send(room.room_id)
        await load.standin.until_arrived(arrived + number + 1)
        return time.perf_counter() - began

    warm = 20
    for number in range(warm):
        await send(number)
    await load.bench.quiet()
    count = load.count(1000, 150)
    accounting.reset_peak_memory(load.bench.server.pid)
    before, began = load.bench.usage(), time.perf_counter()
    latencies = [await send(warm + number) for number in range(count)]
    seconds = time.perf_counter() - began
    await load.bench.quiet()
    return load.bench.result("sent, one by one", latencies, seconds, load.bench.usage().since(before))


async def sent_fast(load: Load) -> Result:
    """Four clients as fast as they can; the transactions fill up."""
    alice, (room,) = await _joined(load, 1)
    clients = [alice, *(alice.another() for _ in range(3))]
    await alice.send(room.room_id)
    await load.bench.quiet()
    count, arrived = load.count(4000, 400), load.standin.arrived
    accounting.reset_peak_memory(load.bench.server.pid)
    before, began = load.bench.usage(), time.perf_counter()

    async def work(client: Client, worker: int) -> None:
        for number in range(worker, count, len(clients)):
            await client.send(room.room_id, f"fast{number}")

    async with asyncio.TaskGroup() as group:
        for worker, client in enumerate(clients):
            group.create_task(work(client, worker))
    await load.standin.until_arrived(arrived + count)
    seconds = time.perf_counter() - began
    await load.bench.quiet()
    return _result(load, "sent, 4 clients", count, seconds, before)


async def join(load: Load, members: int) -> Result:
    """A user joins a room of so many members; the operation is the join, seconds are the user's waiting."""
    alice, room = await load.bench.user(), load.standin.room(members)
    await load.bench.quiet()
    accounting.reset_peak_memory(load.bench.server.pid)
    before, began = load.bench.usage(), time.perf_counter()
    await _join(alice, load.standin, room)
    seconds = time.perf_counter() - began
    await load.bench.quiet()
    usage = load.bench.usage().since(before)
    known = await alice.call("GET", f"{API}/rooms/{room_path(room.room_id)}/joined_members")
    assert len(known["joined"]) == members + 1, f"{len(known['joined'])} members instead of {members + 1}"
    cpu_s = usage.server_cpu_s + usage.database_cpu_s
    return load.bench.result(
        f"join, {members:,} members", [seconds], seconds, usage, wall_s=seconds, cpu_s=cpu_s
    )


async def caught_up(load: Load) -> Result:
    """Events that were missed, in equal parts of many rooms: heads first, then a user pages back through all.

    Operations are the missed events; `heads_s` is when the newest of every room was there.
    """
    rooms, each = load.count(100, 10), load.count(100, 50)
    alice, told = await _joined(load, rooms)
    await load.bench.quiet()
    for room in told:
        for _ in range(each):
            load.standin.message(room)
    accounting.reset_peak_memory(load.bench.server.pid)
    before, began = load.bench.usage(), time.perf_counter()
    for part in _batched([room.events[-1] for room in told], PDUS_MAX):
        await load.standin.send(load.bench.server.server_name, part)
    for room in told:
        await _until_seen(alice, room.room_id, room.events[-1].event_id)
    heads_s = time.perf_counter() - began
    for room in told:
        await _page_back(alice, room, {event.event_id for event in room.events[-each:]})
    seconds = time.perf_counter() - began
    await load.bench.quiet()
    usage = load.bench.usage().since(before)
    scenario = f"catch-up, {rooms} rooms x {each}"
    return load.bench.result(
        scenario, [seconds / rooms / each] * rooms * each, seconds, usage, heads_s=heads_s
    )


async def _page_back(alice: Client, room: ToldRoom, missing: set[str]) -> None:
    """Read history until nothing is missing; servers fetch some of it when they are asked."""
    deadline = time.perf_counter() + SEEN_S_MAX
    while missing:
        assert time.perf_counter() < deadline, f"{len(missing)} events of a room do not come"
        start = ""
        while missing:
            path = f"{API}/rooms/{room_path(room.room_id)}/messages?dir=b&limit=100{start}"
            page = await alice.call("GET", path)
            missing -= {event["event_id"] for event in page["chunk"]}
            if not page["chunk"] or "end" not in page:
                break
            start = f"&from={quote(page['end'])}"
        if missing:
            await asyncio.sleep(LOOK_EVERY_S)


async def pair(sender: Bench, receiver: Bench, count: int) -> Result:
    """Two real servers: Alice sends, the next one when Bob at the other has got it by his long poll.

    `sender` and `receiver` are the CPU milliseconds per event of each.
    """
    alice, bob = await sender.user(), await receiver.user()
    room_id = await alice.create_room()
    await bob.raw("POST", f"{API}/join/{room_path(room_id)}?server_name={sender.server.server_name}", b"{}")
    since = (await bob.sync())["next_batch"]

    async def deliver(number: int) -> float:
        nonlocal since
        wanted, began = f"pair{number}", time.perf_counter()
        await alice.send(room_id, wanted)
        while True:
            answer = await bob.sync(since, timeout_ms=30_000)
            since = answer["next_batch"]
            if wanted in orjson.dumps(answer.get("rooms", {}).get("join", {})).decode():
                return time.perf_counter() - began

    for number in range(20):
        await deliver(number)
    await sender.quiet()
    await receiver.quiet()
    before, began = (sender.usage(), receiver.usage()), time.perf_counter()
    latencies = [await deliver(20 + number) for number in range(count)]
    seconds = time.perf_counter() - began
    await receiver.quiet()
    at_sender, at_receiver = sender.usage().since(before[0]), receiver.usage().since(before[1])
    names = f"{sender.server.name} -> {receiver.server.name}"
    both = at_sender.plus(at_receiver)
    spent = {
        "sender": (at_sender.server_cpu_s + at_sender.database_cpu_s) * 1000 / count,
        "receiver": (at_receiver.server_cpu_s + at_receiver.database_cpu_s) * 1000 / count,
    }
    result = sender.result("pair, one by one", latencies, seconds, both, **spent)
    return msgspec.structs.replace(result, server=names)


async def _joined(load: Load, rooms: int, members: int = 1) -> tuple[Client, list[ToldRoom]]:
    """A user in so many rooms of the stand-in, with so many members."""
    alice = await load.bench.user()
    told = [load.standin.room(members) for _ in range(rooms)]
    for room in told:
        await _join(alice, load.standin, room)
    return alice, told


async def _join(alice: Client, standin: StandIn, room: ToldRoom) -> None:
    await alice.raw("POST", f"{API}/join/{room_path(room.room_id)}?server_name={standin.server_name}", b"{}")


async def _until_seen(alice: Client, room_id: str, event_id: str) -> None:
    deadline = time.perf_counter() + SEEN_S_MAX
    path = f"{API}/rooms/{room_path(room_id)}/event/{quote(event_id, safe='')}"
    while True:
        try:
            await alice.raw("GET", path)
        except RequestFailed:
            assert time.perf_counter() < deadline, "an event that was sent does not come"
            await asyncio.sleep(LOOK_EVERY_S)
        else:
            return


def _result(load: Load, scenario: str, count: int, seconds: float, before: Usage) -> Result:
    usage = load.bench.usage().since(before)
    return load.bench.result(scenario, [seconds / count] * count, seconds, usage)


def _batched(events: Sequence[Event], size: int) -> list[Sequence[Event]]:
    return [events[at : at + size] for at in range(0, len(events), size)]
