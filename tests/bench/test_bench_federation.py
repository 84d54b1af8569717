"""The federation bench's own parts: the stand-in as other servers see it, and the bars. No homeserver runs here."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from conformance.bench.federation import bars
from conformance.bench.federation.loopback import Way
from conformance.bench.federation.run import NOT_QUICK, OTHERS, SCENARIOS, parser
from conformance.bench.federation.standin import StandIn, room_path, standing_in
from conformance.bench.figures import Result
from tests.support.remote_server import Authority
from timserver import core
from timserver.matrix import signing

ALICE = "@alice:measured.test"


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[tuple[StandIn, aiohttp.ClientSession]]:
    authority = Authority(tmp_path)
    connector = aiohttp.TCPConnector(ssl=authority.trust())
    async with standing_in(authority) as server, aiohttp.ClientSession(connector=connector) as http:
        yield server, http


async def _get(standin: StandIn, http: aiohttp.ClientSession, path: str) -> Any:
    async with http.get(f"https://{standin.server_name}/_matrix{path}") as response:
        assert response.status == 200
        return await response.json()


async def test_the_keys_of_the_stand_in_are_signed_by_it(
    standin: tuple[StandIn, aiohttp.ClientSession],
) -> None:
    server, http = standin
    document = await _get(server, http, "/key/v2/server")
    key = document["verify_keys"][server.key.key_id]["key"]
    assert key == signing.encode_base64(server.key.public_key)
    assert server.server_name in document["signatures"]


async def test_who_joins_is_given_the_state_before_and_becomes_part_of_the_room(
    standin: tuple[StandIn, aiohttp.ClientSession],
) -> None:
    server, http = standin
    room = server.room(members=3)
    path = f"/federation/v1/make_join/{room_path(room.room_id)}/{room_path(ALICE)}"
    made = await _get(server, http, path)
    assert made["event"]["prev_events"] == [room.events[-1].event_id]
    join = room.event(ALICE, "m.room.member", {"membership": "join"}, state_key=ALICE)
    url = f"https://{server.server_name}/_matrix/federation/v2/send_join/{room_path(room.room_id)}/x"
    async with http.put(url, data=join.pdu) as response:
        answer = await response.json()
    assert len(answer["state"]) == 3 + 3  # members; create, power levels, join rules
    assert not answer["members_omitted"]
    assert room.events[-1].event_id == join.event_id
    assert server.message(room).prev_events == (join.event_id,)
    members = sum(kind == "m.room.member" for kind, _ in room.state)
    assert server.other_name(room, 2) in room.state.values()
    assert sum(kind == "m.room.member" for kind, _ in room.state) == members


async def test_what_was_missed_is_told_in_parts(standin: tuple[StandIn, aiohttp.ClientSession]) -> None:
    server, http = standin
    room = server.room()
    before = room.events[-1]
    said = [server.message(room) for _ in range(6)]
    url = f"https://{server.server_name}/_matrix/federation/v1/get_missing_events/{room_path(room.room_id)}"
    asked = {"earliest_events": [before.event_id], "latest_events": [said[-1].event_id], "limit": 3}
    async with http.post(url, json=asked) as response:
        found = [core.open_pdu(room.version, _bytes(pdu)).event for pdu in (await response.json())["events"]]
    assert [event.event_id for event in found] == [event.event_id for event in said[2:5]]
    path = f"/federation/v1/backfill/{room_path(room.room_id)}?v={room_path(said[1].event_id)}&limit=2"
    pdus = (await _get(server, http, path))["pdus"]
    assert [core.open_pdu(room.version, _bytes(pdu)).event.event_id for pdu in pdus] == [
        said[1].event_id,
        said[0].event_id,
    ]
    path = f"/federation/v1/state_ids/{room_path(room.room_id)}?event_id={room_path(said[0].event_id)}"
    ids = await _get(server, http, path)
    assert set(ids["pdu_ids"]) == {event.event_id for event in room.state.values()}


async def test_what_is_sent_to_the_stand_in_is_counted(
    standin: tuple[StandIn, aiohttp.ClientSession],
) -> None:
    server, http = standin
    async with http.put(
        f"https://{server.server_name}/_matrix/federation/v1/send/1", json={"pdus": [{}, {}]}
    ) as response:
        assert await response.json() == {"pdus": {}}
    await server.until_arrived(2)
    assert server.arrived == 2


def _result(scenario: str, server: str, cpu_s: float, seconds: float = 1.0) -> Result:
    return Result(scenario=scenario, server=server, operations=100, seconds=seconds, server_cpu_s=cpu_s)


def test_bars_are_judged_by_cpu_and_joins_by_time() -> None:
    results = [
        _result("received, one room", "timserver", 1.0),
        _result("received, one room", "synapse", 4.9),
        _result("sent, one by one", "timserver", 1.0),
        _result("sent, one by one", "synapse", 5.0),
        _result("join, 2,000 members", "timserver", 1.0, seconds=2.0),
        _result("join, 2,000 members", "synapse", 1.0, seconds=9.0),
        _result("pair, one by one", "timserver -> timserver", 9.0),
    ]
    received, join = bars.missed(results)
    assert received.startswith("received, one room: CPU per event 1/4.9")
    assert join.startswith("join, 2,000 members: 4.5 times")
    assert not list(bars.missed(results[:1]))


def test_the_loop_back_is_judged_by_the_way_alone() -> None:
    event = _result("event between tenants", "loop-back", 1.0)
    assert not list(bars.missed_by_loopback(Way(event, 0.1), Way(event, 1.0)))
    assert list(bars.missed_by_loopback(Way(event, 0.2), Way(event, 1.0)))


def test_every_scenario_can_be_asked_for() -> None:
    names = [*SCENARIOS, *OTHERS]
    asked = [option for name in names for option in ("--scenario", name)]
    assert parser().parse_args(asked).scenario == names
    assert set(SCENARIOS) >= NOT_QUICK


def _bytes(pdu: Any) -> bytes:
    return json.dumps(pdu).encode()
