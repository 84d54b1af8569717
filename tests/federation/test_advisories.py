"""What brought other servers down or into wrong hands, tried on ours by way of `/send`: rows E4 to E8 of RELIABILITY 2.1.

Real: a server over HTTP, a room, and the events of another server's user, right but for what a test makes wrong.
"""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.federation.test_transactions import World, a_world
from tests.support.homeserver import Homeserver
from tests.support.talk import room_with
from timserver import core
from timserver.matrix import pdu
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import ROOM_VERSIONS

DEPTH_MAX = 2**53 - 1


async def visited(server: Homeserver, version: str = "10") -> World:
    """A room that bob of another server has joined."""
    world = await a_world(server, version=version)
    await world.join()
    return world


def resealed(world: World, version: str, event: Event, **changes: Any) -> Event:
    """The event with other parts, hashed and signed anew as bob's server would."""
    template = {
        "room_id": event.room_id,
        "sender": event.sender,
        "type": event.type,
        "content": event.content,
        "prev_events": event.prev_events,
        "auth_events": event.auth_events,
        "depth": event.depth,
        "origin_server_ts": event.origin_server_ts,
        "state_key": event.state_key,
    }
    return core.seal(
        ROOM_VERSIONS[version],
        pdu.PduTemplate(**{**template, **changes}),
        server_name=world.there.server_name,
        signing_key=world.there.key,
    )


async def is_refused(world: World, event: Event) -> str:
    """What the other server is told; nothing of it is in the room."""
    results = await world.results(event)
    error: str = results[event.event_id]["error"]
    assert (await world.alice.get(f"/rooms/{world.room}/event/{event.event_id}")).status == 404
    return error


@pytest.mark.parametrize("version", ["6", "10", "12"])
@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("depth", "-1"),
        ("depth", "9007199254740992"),
        ("depth", "9223372036854775808"),
        ("depth", "1.5"),
        ("origin_server_ts", "1e3"),
        ("content", '{"body":"x","msgtype":"m.text","n":9007199254740992}'),
        ("content", '{"body":"x","msgtype":"m.text","n":1.0}'),
    ],
)
async def test_e4_numbers_that_cannot_be_sent_on_are_not_stored(
    server: Homeserver, version: str, field: str, number: str
) -> None:
    """CVE-2020-26890, CVE-2025-30355."""
    world = await visited(server, version)
    value = json.loads((await world.message("bad")).pdu)
    value[field] = json.loads(number)
    good = await world.message("good")
    reply = (await world.put(value, good)).must()
    assert reply["pdus"].pop(good.event_id) == {}
    assert all(result["error"] for result in reply["pdus"].values())
    assert await world.texts() == ["good"]


async def test_e4_nan_and_infinity_are_no_json(server: Homeserver) -> None:
    world = await visited(server)
    value = json.loads((await world.message("bad")).pdu)
    for number in (float("nan"), float("inf"), -float("inf")):
        value["content"]["n"] = number
        body = json.dumps({"pdus": [value]}).encode()
        reply = await world.server.http.put(
            f"{world.server.url}/_matrix/federation/v1/send/nan",
            data=body,
            headers={
                "Host": world.here.server_name,
                **world.there.signed(world.here.server_name, "PUT", "/_matrix/federation/v1/send/nan", body),
            },
        )
        assert 400 <= reply.status < 500
    assert await world.texts() == []


@pytest.mark.parametrize("version", ["5", "10", "12"])
async def test_e4_the_deepest_event_does_not_stop_the_room(server: Homeserver, version: str) -> None:
    """CVE-2025-30355: what follows it must be no deeper, or nobody would take it."""
    world = await visited(server, version)
    deep = resealed(world, version, await world.message("deep"), depth=DEPTH_MAX)
    assert await world.results(deep) == {deep.event_id: {}}
    sent = await world.alice.put(
        f"/rooms/{world.room}/send/m.room.message/after", {"msgtype": "m.text", "body": "after"}
    )
    shown = (
        await world.there.get(world.here, f"/_matrix/federation/v1/event/{sent.must()['event_id']}")
    ).must()
    assert shown["pdus"][0]["depth"] == DEPTH_MAX
    assert sorted(await world.texts()) == ["after", "deep"]


async def test_e5_the_level_of_an_event_is_asked(server: Homeserver) -> None:
    """Dendrite 0.9.3: `events_default` was not."""
    world = await visited(server)
    path = f"/rooms/{world.room}/state/m.room.power_levels/"
    levels = (await world.alice.get(path)).must().body
    for name, content in (("events_default", 50), ("events", {"m.room.message": 50})):
        (await world.alice.put(path, {**levels, name: content})).must()
        assert "level" in await is_refused(world, await world.message(name))
    (await world.alice.put(path, levels)).must()
    fine = await world.message("fine")
    assert await world.results(fine) == {fine.event_id: {}}
    assert await world.texts() == ["fine"]


async def test_e5_auth_events_must_be_the_right_ones(server: Homeserver) -> None:
    """CVE-2022-31152: none twice, none that say nothing of the event, none that were rejected, and the create event."""
    world = await visited(server)
    right = await world.message("right")
    joined = await world.bob.event(world.room, "m.room.member", {"membership": "join"}, world.bob.user_id)
    rejected = await world.bob.event(
        world.room, "m.room.power_levels", {"users": {world.bob.user_id: 100}}, ""
    )
    await is_refused(world, rejected)
    unrelated = await world.results(right)
    assert unrelated == {right.event_id: {}}
    message = await world.message("wrong")
    wrong = {
        "twice": (*message.auth_events, message.auth_events[0]),
        "unrelated": (*message.auth_events, right.event_id),
        "rejected": (*message.auth_events[:1], rejected.event_id, *message.auth_events[2:]),
        "no create event": tuple(set(message.auth_events) - {joined.auth_events[0]}),
        "nothing": (),
    }
    for name, auth_events in wrong.items():
        event = resealed(world, "10", message, auth_events=auth_events, content={"body": name})
        assert await is_refused(world, event), name
    assert await world.texts() == ["right"]


@pytest.mark.parametrize("version", ["6", "10", "11", "12"])
async def test_e6_what_was_rejected_does_not_come_back(server: Homeserver, version: str) -> None:
    """CVE-2022-39374: not by being cited, not by being followed, not by a fork that is resolved."""
    world = await visited(server, version)
    levels = (await world.alice.get(f"/rooms/{world.room}/state/m.room.power_levels/")).must().body
    seized = await world.bob.event(
        world.room, "m.room.power_levels", {**levels, "users": {world.bob.user_id: 100}}, ""
    )
    await is_refused(world, seized)
    await is_refused(world, seized)
    name = await world.bob.event(world.room, "m.room.name", {"name": "mine"}, "")
    cites = resealed(world, version, name, auth_events=(*name.auth_events[:1], seized.event_id))
    assert await is_refused(world, cites)
    follows = resealed(world, version, await world.message("follows"), prev_events=(seized.event_id,))
    assert await world.results(follows) == {follows.event_id: {}}
    beside = await world.message("beside")
    merged = resealed(world, version, beside, prev_events=(follows.event_id, *beside.prev_events))
    await world.results(merged)
    after = await world.bob.event(world.room, "m.room.name", {"name": "mine"}, "")
    assert await is_refused(world, after)
    assert (await world.alice.get(f"/rooms/{world.room}/state/m.room.power_levels/")).must().body == levels
    assert (await world.alice.get(f"/rooms/{world.room}/state/m.room.name/")).status == 404


@pytest.mark.parametrize("step", ["v2/send_join", "v1/send_knock"])
async def test_e6_who_was_refused_gets_nothing_by_asking_again(server: Homeserver, step: str) -> None:
    """The event is here by then: as one that was rejected."""
    world = await a_world(server)
    private = await room_with(world.alice, preset="private_chat", room_version="10")
    membership = {"membership": step.partition("_")[2]}
    event = await world.bob.event(private, "m.room.member", membership, world.bob.user_id)
    uri = f"/_matrix/federation/{step}/{quote(private)}/{quote(event.event_id)}"
    for _ in range(3):
        reply = (await world.there.put(world.here, uri, json.loads(event.pdu))).must(403, "M_FORBIDDEN")
        assert reply.body.keys() <= {"errcode", "error"}
    state = await world.there.get(
        world.here, f"/_matrix/federation/v1/state_ids/{quote(private)}?event_id={quote(event.event_id)}"
    )
    assert state.status in (403, 404)


async def test_e7_creators_whom_nobody_demotes(server: Homeserver) -> None:
    """MSC4289, MSC4291: the id of a room of version 12 is that of its create event, and its creators have no level.

    It is not the default version of new rooms: TI-M services have the versions of Matrix 1.11 (`default_room_version`).
    """
    there, here = await server.tenant(), await server.tenant()
    alice, bob = await server.person(here, "alice"), await server.person(there, "bob")
    room = await room_with(alice, preset="public_chat", room_version="12")
    (create,) = [
        event
        for event in (await alice.get(f"/rooms/{room}/state")).must().body
        if event["type"] == "m.room.create"
    ]
    assert create["content"]["room_version"] == "12"
    assert create["event_id"][1:] == room[1:]
    (await bob.call("POST", f"/join/{room}", {}, params={"via": here.server_name})).must()
    path = f"/rooms/{room}/state/m.room.power_levels/"
    levels = (await alice.get(path)).must().body
    assert alice.user_id not in levels.get("users", {})
    assert (await alice.put(path, {**levels, "users": {alice.user_id: 100}})).status in (400, 403)
    (await alice.put(path, {**levels, "users": {bob.user_id: 2**53 - 1}})).must()
    kick = await bob.post(f"/rooms/{room}/kick", {"user_id": alice.user_id})
    assert kick.status == 403
    assert (await bob.put(path, {**levels, "users": {bob.user_id: 2**53 - 1, alice.user_id: 0}})).status in (
        400,
        403,
    )


async def test_e8_auth_events_of_another_room(server: Homeserver) -> None:
    """MSC4307: bob is an admin in a room of his own liking, and cites that."""
    world = await visited(server)
    elsewhere = await room_with(world.alice, preset="public_chat", room_version="10")
    join = await world.bob.event(elsewhere, "m.room.member", {"membership": "join"}, world.bob.user_id)
    assert await world.results(join) == {join.event_id: {}}
    there = await world.bob.event(elsewhere, "m.room.message", {"body": "there", "msgtype": "m.text"})
    message = await world.message("wrong")
    for auth_events in (
        there.auth_events,
        (*message.auth_events[:-1], EventID(join.event_id)),
        (*message.auth_events, EventID(join.event_id)),
    ):
        event = resealed(
            world, "10", message, auth_events=auth_events, content={"body": str(len(auth_events))}
        )
        results = await world.results(event)
        assert results == {event.event_id: {}} or results[event.event_id]["error"]
        assert (await world.alice.get(f"/rooms/{world.room}/event/{event.event_id}")).status == 404
    assert await world.texts() == []
