"""Joins of large rooms: the answer is opened while it arrives, a broken one leaves nothing, many are no flood.

The answers are made large by events that are told many times, and by members that nobody knows.
"""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from itertools import cycle
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.support.homeserver import Homeserver, Person, running, settings_for
from tests.support.postgres import Postgres
from tests.support.remote_server import Authority, remote_server
from tests.support.rooms_between import eventually
from tests.support.stranger import Stranger
from tests.support.told_room import ToldRoom
from timserver.config import Federation, Limits
from timserver.usecases.federation.join_answer import BATCH

MIB = 1_048_576
CAP_MIB = 64
Chunks = AsyncIterator[bytes]


@pytest.fixture(scope="module")
async def server(postgres: Postgres, worker_id: str, authority: Authority) -> AsyncIterator[Homeserver]:
    settings = settings_for(
        await postgres.create(f"timserver_{worker_id}_large_joins"),
        federation=Federation(allowed_networks=("127.0.0.0/8",)),
        extra_ca_files=(authority.file,),
        limits=Limits(poll_interval_ms=300, join_answer_bytes_max=CAP_MIB * MIB, joins_bytes_max=1),
        default_room_version="10",
    )
    async with running(settings) as homeserver:
        yield homeserver


@pytest.fixture
async def second(server: Homeserver, authority: Authority) -> AsyncIterator[Stranger]:
    async with remote_server(authority) as remote:
        yield Stranger(remote, server)


def answers(
    stranger: Stranger, chunks: Callable[[ToldRoom, bytes], Chunks], small: ToldRoom | None = None
) -> None:
    """From now on a join is answered with what `chunks` makes of the honest answer, in which every event is told so often
    that they are more than a batch; but not those of `small`.
    """

    def answer(request: Any) -> Any:
        room = next(room for room in stranger.rooms.values() if quote(room.room_id, safe="") in request.uri)
        told = stranger.joined(room, request.json)
        if room is not small:
            told["state"] *= BATCH // 2
        return web.Response(body=chunks(room, json.dumps(told).encode()), content_type="application/json")

    stranger.said["send_join"] = answer


async def join(person: Person, room: ToldRoom, *servers: Stranger) -> Any:
    params = [("server_name", server.name) for server in servers]
    return await person.call("POST", f"/join/{quote(room.room_id)}", {}, params=params)


async def is_known(person: Person, room: ToldRoom) -> bool:
    """Is anything of the room in the database?"""
    async with person.server.ctx.database.transaction(person.tenant) as conn:
        rooms = "select count(*) from room where tenant_id = $1 and room_id = $2"
        events = "select count(*) from event where tenant_id = $1"
        found = await conn.raw.fetchval(rooms, person.tenant.tenant_id, room.room_id)
        return bool(found or await conn.raw.fetchval(events, person.tenant.tenant_id))


@pytest.mark.parametrize("version", ["1", "10", "12"])
async def test_however_the_answer_is_cut(stranger: Stranger, alice: Person, version: str) -> None:
    async def chunks(_: ToldRoom, data: bytes) -> Chunks:
        begin, sizes = 0, cycle([1, 2, 3, 5, 40_000, 7, 64, 1_000])
        while begin < len(data):
            size = next(sizes)
            yield data[begin : begin + size]
            begin += size

    room = stranger.makes_room(version)
    room.says(room.creator, "m.room.topic", {"topic": '"\\ü{]\u2028\U0001f600'}, state_key="")
    answers(stranger, chunks)
    (await join(alice, room, stranger)).must()
    topic = await alice.get(f"/rooms/{quote(room.room_id)}/state/m.room.topic")
    assert topic.must().body == {"topic": '"\\ü{]\u2028\U0001f600'}
    members = (await alice.get(f"/rooms/{quote(room.room_id)}/joined_members")).must()["joined"]
    assert set(members) == {room.creator, alice.user_id}


async def ends_early(_: ToldRoom, data: bytes) -> Chunks:
    yield data[:-1]


async def goes_on(_: ToldRoom, data: bytes) -> Chunks:
    yield data
    yield b"}"


async def is_spoiled_inside(_: ToldRoom, data: bytes) -> Chunks:
    yield data.replace(b'"auth_chain": [{', b'"auth_chain": [{,')


async def has_a_member_twice(_: ToldRoom, data: bytes) -> Chunks:
    yield data[:-1] + b',"state":[]}'


async def has_no_auth_chain(_: ToldRoom, data: bytes) -> Chunks:
    yield data.replace(b'"auth_chain"', b'"auth-chain"')


async def is_too_long(_: ToldRoom, data: bytes) -> Chunks:
    yield data[:-1] + b',"x":"'
    for _number in range(CAP_MIB):
        yield b"x" * MIB


async def breaks_off(_: ToldRoom, data: bytes) -> Chunks:
    yield data[:-1]
    raise ConnectionResetError


BROKEN = [
    ends_early,
    goes_on,
    is_spoiled_inside,
    has_a_member_twice,
    has_no_auth_chain,
    is_too_long,
    breaks_off,
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
async def test_what_is_broken_after_a_thousand_events_leaves_nothing(
    stranger: Stranger, second: Stranger, alice: Person, broken: Callable[[ToldRoom, bytes], Chunks]
) -> None:
    """It is no answer: the next server is asked, and when none is left the join has failed."""
    room = stranger.makes_room()
    answers(stranger, broken)
    with capture_logs() as logs:
        (await join(alice, room, stranger)).must(502, "M_UNKNOWN")
    assert any(line["event"] == "opening a large room" for line in logs)
    assert not await is_known(alice, room)
    assert not stranger.unexpected
    assert not stranger.asked("make_leave")
    second.rooms[room.room_id] = room
    (await join(alice, room, stranger, second)).must()
    assert len(stranger.asked("send_join")) == 2


async def test_a_large_join_tells_of_itself_and_a_second_request_shares_it(
    stranger: Stranger, alice: Person
) -> None:
    """A line for every thousand events; who asks again, while the first request is under way, starts nothing."""
    go_on = asyncio.Event()

    async def chunks(_: ToldRoom, data: bytes) -> Chunks:
        yield data[:-1]
        await go_on.wait()
        yield data[-1:]

    room = stranger.makes_room()
    answers(stranger, chunks)
    with capture_logs() as logs:

        async def lines() -> list[Any]:
            return [line["events"] for line in logs if line["event"] == "opening a large room"]

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            first = group.create_task(join(alice, room, stranger))
            await eventually(lines)
            again = group.create_task(join(alice, room, stranger))
            _, waiting = await asyncio.wait([first, again], timeout=0.2)
            assert waiting == {first, again}, "both wait for the one answer"
            go_on.set()
        assert await lines() == [BATCH, 2 * BATCH, 2 * BATCH + 3], "state, and an auth chain of three"
    first.result().must()
    again.result().must()
    assert len(stranger.asked("send_join")) == len(stranger.asked("make_join")) == 1


async def test_large_joins_wait_for_each_other_and_small_ones_for_nobody(
    stranger: Stranger, alice: Person, bob: Person
) -> None:
    go_on = asyncio.Event()
    slow, large, small = (stranger.makes_room() for _ in range(3))

    async def chunks(room: ToldRoom, data: bytes) -> Chunks:
        if room is not small:
            yield b'{"x":"' + b"x" * 2 * MIB + b'",' + data[1:-1]
        else:
            yield data[:-1]
        if room is slow:
            await go_on.wait()
        yield data[-1:]

    answers(stranger, chunks, small)
    with capture_logs() as logs:

        async def is_large() -> bool:
            return any(line["event"] == "opening a large room" and line["bytes"] > MIB for line in logs)

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            first = group.create_task(join(alice, slow, stranger))
            await eventually(is_large)
            waiting = group.create_task(join(bob, large, stranger))

            async def is_asked() -> bool:
                return len(stranger.asked("send_join")) == 2

            await eventually(is_asked)
            (await join(bob, small, stranger)).must()
            assert not waiting.done()
            assert not first.done()
            go_on.set()
    first.result().must()
    waiting.result().must()


async def test_what_is_passed_over_is_not_held(stranger: Stranger, alice: Person) -> None:
    """Members that nobody asked for, and events that are none, however large they are."""
    mib = 48

    async def chunks(_: ToldRoom, data: bytes) -> Chunks:
        yield b'{"x":["'
        for _number in range(mib // 2):
            yield b"x" * MIB
        before, _sep, after = data[1:].partition(b'"auth_chain": [')
        yield b'"],' + before + b'"auth_chain": ["'
        for _number in range(mib // 2):
            yield b"x" * MIB
        yield b'",' + after

    room = stranger.makes_room()
    answers(stranger, chunks)
    tracemalloc.start()
    try:
        (await join(alice, room, stranger)).must()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < mib * MIB / 3
