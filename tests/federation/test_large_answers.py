"""Answers with very many PDUs go out in pieces; whoever gets them sees no difference, on the wire and over the loop-back."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import quote

import pytest

from tests.support.federation import Server, as_server
from tests.support.guests import Guest
from tests.support.homeserver import Homeserver, Person, Reply, running, settings_for
from tests.support.rooms_between import join, public_room, state_ids
from timserver.config import Limits
from timserver.matrix import signing
from timserver.matrix.event import Event
from timserver.matrix.room_versions import ROOM_VERSIONS

AT_ONCE = 3
V1, V2 = "/_matrix/federation/v1", "/_matrix/federation/v2"


@pytest.fixture
async def server(fresh_database: Callable[[], Awaitable[str]]) -> AsyncIterator[Homeserver]:
    limits = Limits(served_pdus_at_once=AT_ONCE)
    async with running(settings_for(await fresh_database(), limits=limits)) as homeserver:
        yield homeserver


@pytest.fixture
async def alice(server: Homeserver) -> Person:
    return await server.person(await server.tenant(), "alice")


@pytest.fixture
async def there(server: Homeserver) -> Server:
    return await as_server(server, await server.tenant())


async def joins(there: Server, alice: Person, room: str, endpoint: str) -> tuple[Event, Reply]:
    """A user of `there` joins: the event and the answer."""
    guest = Guest(alice.server.ctx, alice.tenant, f"@bob:{there.server_name}", there.key)
    event = await guest.event(room, "m.room.member", {"membership": "join"}, guest.user_id)
    uri = f"{endpoint}/{quote(room, safe='')}/{quote(event.event_id, safe='')}"
    return event, (await there.put(alice.tenant, uri, json.loads(event.pdu))).must()


async def test_a_join_is_answered_in_pieces(alice: Person, there: Server) -> None:
    room = await public_room(alice, name="Praxis", topic="Befunde")
    expected = await state_ids(alice, room)
    event, joined = await joins(there, alice, room, f"{V2}/send_join")
    assert joined.headers.get("Transfer-Encoding") == "chunked"
    answer = joined.body
    version = ROOM_VERSIONS["10"]
    assert {signing.event_id(version, pdu) for pdu in answer["state"]} == expected
    assert {signing.event_id(version, pdu) for pdu in answer["auth_chain"]} <= expected
    assert answer["event"] == json.loads(event.pdu)
    assert set(answer) == {"state", "auth_chain", "event"}
    uri = f"{V1}/state/{quote(room, safe='')}?event_id={quote(event.event_id, safe='')}"
    reply = (await there.get(alice.tenant, uri)).must()
    assert reply.headers.get("Transfer-Encoding") == "chunked"
    assert {signing.event_id(version, pdu) for pdu in reply["pdus"]} == expected
    chain = {signing.event_id(version, pdu) for pdu in reply["auth_chain"]}
    assert chain <= {signing.event_id(version, pdu) for pdu in answer["auth_chain"]}


async def test_the_old_answer_to_a_join_is_the_same_in_an_array(alice: Person, there: Server) -> None:
    room = await public_room(alice)
    expected = await state_ids(alice, room)
    _, joined = await joins(there, alice, room, f"{V1}/send_join")
    status, answer = joined.body
    assert status == 200
    assert len(answer["state"]) == len(expected)


async def test_short_answers_have_a_length(server: Homeserver, alice: Person, there: Server) -> None:
    room = await public_room(alice)
    event, _ = await joins(there, alice, room, f"{V2}/send_join")
    uri = f"{V1}/event_auth/{quote(room, safe='')}/{quote(event.event_id, safe='')}"
    reply = (await there.get(alice.tenant, uri)).must()
    assert "Content-Length" in reply.headers


async def test_over_the_loop_back_they_come_whole(server: Homeserver, alice: Person) -> None:
    room = await public_room(alice, name="Praxis")
    bob = await server.person(await server.tenant(), "bob")
    await join(bob, room, alice)
    assert await state_ids(bob, room) == await state_ids(alice, room)
