"""What is measured. Each scenario prepares what it needs with users of its own, so any may run alone."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Awaitable
from urllib.parse import quote

from conformance.bench.client import API, Client, sync_path
from conformance.bench.figures import Result
from conformance.bench.measure import Bench, spread

MEDIA_BYTES = 1_000_000


async def whoami(bench: Bench) -> Result:
    """The request that touches nothing."""
    alice = await bench.user()
    return await bench.measure("whoami", lambda _: alice.whoami())


async def create_room(bench: Bench) -> Result:
    """A private room with a name."""
    alice = await bench.user()

    async def create(_: int) -> None:
        await alice.create_room("private_chat")

    return await bench.measure("create room", create)


async def send_one_room(bench: Bench) -> Result:
    """One sender in a room of 32."""
    members, room_id = await _room_of(bench, 32)
    return await bench.measure("send, one room, 1 sender", lambda _: members[0].send(room_id))


async def send_one_room_32(bench: Bench) -> Result:
    """All of a room of 32 at once."""
    members, room_id = await _room_of(bench, 32)
    return await bench.measure("send, one room, 32 senders", lambda n: members[n].send(room_id), parallel=32)


async def send_many_rooms(bench: Bench) -> Result:
    """One sender who goes round 32 rooms of two."""
    (alice, _), rooms = await _pairs(bench, 32)
    turn = itertools.cycle(rooms)
    return await bench.measure("send, 32 rooms, 1 sender", lambda _: alice.send(next(turn)))


async def send_many_rooms_32(bench: Bench) -> Result:
    """32 senders, each in a room of two."""
    bob, *senders = await bench.users(33)
    rooms = [await sender.create_room() for sender in senders]
    for room_id in rooms:
        await bob.join(room_id)
    return await bench.measure(
        "send, 32 rooms, 32 senders", lambda n: senders[n].send(rooms[n]), parallel=len(senders)
    )


async def send_to_receive(bench: Bench) -> Result:
    """Alice sends while Bob long-polls; from her first byte to his last, at most 20 times a second."""
    (alice, bob), (room_id,) = await _pairs(bench, 1)
    since = (await bob.sync())["next_batch"]

    async def deliver(_: int) -> float:
        nonlocal since
        async with asyncio.TaskGroup() as group:
            poll = group.create_task(bob.sync(since, timeout_ms=30_000))
            await asyncio.sleep(0.05)
            began = time.perf_counter()
            poll.add_done_callback(lambda _: arrivals.append(time.perf_counter()))
            await alice.send(room_id)
        answer = poll.result()
        since = answer["next_batch"]
        assert room_id in answer["rooms"]["join"], "the long poll must bring the message"
        return arrivals.pop() - began

    arrivals: list[float] = []
    return await bench.measure("send to receive", deliver)


async def idle_sync(bench: Bench) -> Result:
    """`since` given, nothing new, no waiting; a user in ten rooms."""
    (alice, _), _ = await _pairs(bench, 10)
    since = (await alice.sync())["next_batch"]
    # What came with the last join may still be on its way.
    since = (await alice.sync(since))["next_batch"]
    return await bench.measure(
        "idle incremental sync", lambda _: _discard(alice.raw("GET", sync_path(since)))
    )


async def initial_sync(bench: Bench) -> Result:
    """50 rooms with 50 messages each, all of them in the answer."""
    rooms = bench.scaled(50)
    (alice, bob), room_ids = await _pairs(bench, rooms)
    await _fill(alice, room_ids, 50)
    path = sync_path(None, sync_filter=quote('{"room":{"timeline":{"limit":50}}}'))
    answer = await bob.call("GET", path)
    events = sum(len(room["timeline"]["events"]) for room in answer["rooms"]["join"].values())
    assert events == 50 * rooms, f"{events} events instead of {50 * rooms}"
    return await bench.measure("initial sync, 50 × 50", lambda _: _discard(bob.raw("GET", path)))


async def pagination(bench: Bench) -> Result:
    """Back through 1,000 messages in pages of 50; one page is one operation."""
    (alice, _), room_ids = await _pairs(bench, 1)
    await _fill(alice, room_ids, bench.scaled(1000))
    token: str | None = None

    async def page(_: int) -> None:
        nonlocal token
        position = f"&from={token}" if token else ""
        answer = await alice.call("GET", f"{API}/rooms/{room_ids[0]}/messages?dir=b&limit=50{position}")
        token = answer.get("end") if len(answer["chunk"]) == 50 else None

    return await bench.measure("pagination, 50 a page", page)


async def media_up(bench: Bench) -> Result:
    """1 MB, each time another."""
    alice = await bench.user()

    async def upload(_: int) -> None:
        await _upload(alice)

    return await bench.measure("media up, 1 MB", upload)


async def media_down(bench: Bench) -> Result:
    """1 MB, always the same."""
    alice = await bench.user()
    path = f"/_matrix/client/v1/media/download/{(await _upload(alice)).removeprefix('mxc://')}"
    assert len(await alice.raw("GET", path)) == MEDIA_BYTES
    return await bench.measure("media down, 1 MB", lambda _: _discard(alice.raw("GET", path)))


async def _upload(client: Client) -> str:
    body = secrets.token_bytes(MEDIA_BYTES)
    answer = await client.raw("POST", "/_matrix/media/v3/upload", body, "application/octet-stream")
    return answer.decode().split('"')[3]


async def _room_of(bench: Bench, size: int) -> tuple[list[Client], str]:
    """A public room and all its members, its creator first."""
    members = await bench.users(size)
    room_id = await members[0].create_room()
    for member in members[1:]:
        await member.join(room_id)
    return members, room_id


async def _pairs(bench: Bench, rooms: int) -> tuple[tuple[Client, Client], list[str]]:
    """Two users who share so many rooms."""
    alice, bob = await bench.users(2)
    room_ids = [await alice.create_room() for _ in range(rooms)]
    for room_id in room_ids:
        await bob.join(room_id)
    return (alice, bob), room_ids


async def _fill(sender: Client, room_ids: list[str], messages: int, parallel: int = 16) -> None:
    """So many messages in each room."""
    connections = [sender.another() for _ in range(parallel)]

    async def fill(worker: int) -> None:
        for number in range(worker, len(room_ids) * messages, parallel):
            await connections[worker].send(room_ids[number % len(room_ids)])

    await spread(fill, parallel, parallel)


async def _discard(answer: Awaitable[bytes]) -> None:
    await answer
