"""Rooms of version 12 whose history forks between us and a server that tells only the end of it, and old state before.

The state of the room is then resolved by version 2.1 of the algorithm, from forks that no event joins.

Spec: https://spec.matrix.org/v1.19/rooms/v12/#state-resolution
"""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from tests.support.homeserver import Person
from tests.support.rooms_between import eventually
from tests.support.stranger import LearnedRoom, Stranger
from timserver.matrix.event import Event
from timserver.tenancy import Tenant

HISTORY = 36
"""More events than are told at once, and more auth events than are fetched one by one."""
TOLD = 5


async def room_of(alice: Person) -> str:
    body = {"preset": "public_chat", "room_version": "12"}
    room: str = (await alice.post("/createRoom", body)).must()["room_id"]
    return room


async def sets(person: Person, room: str, event_type: str, content: dict[str, Any]) -> str:
    reply = await person.put(f"/rooms/{room}/state/{event_type}/", content)
    event_id: str = reply.must()["event_id"]
    return event_id


async def gets(stranger: Stranger, event_id: str) -> Event:
    """The event, when it has come to the other server."""

    async def found() -> Event | None:
        events = (event for room in stranger.rooms.values() for event in room.events)
        return next((event for event in events if event.event_id == event_id), None)

    event: Event = await eventually(found, patience_s=5)
    return event


async def state_of(person: Person, room: str, event_type: str) -> Any:
    return (await person.get(f"/rooms/{room}/state/{event_type}")).must().body


async def sees(person: Person, room: str, event: Event) -> None:
    async def found() -> bool:
        return (await person.get(f"/rooms/{room}/event/{event.event_id}")).status == 200

    await eventually(found, patience_s=10)


def renames(room: LearnedRoom, user: str, start: Sequence[Event]) -> list[Event]:
    """Somebody changes their name very often, one event after the other."""
    before, names = list(start), []
    for number in range(HISTORY):
        content = {"membership": "join", "displayname": f"{number}"}
        event = room.event(user, "m.room.member", content, state_key=user, after=before)
        room.events.append(event)
        room.state[event.key] = event
        names.append(event)
        before = [event]
    return names


def tells(stranger: Stranger, names: Sequence[Event], state: Sequence[Event], chain: Sequence[Event]) -> None:
    """Five events before each are told, and of the time before them `state`, which is not what it was."""
    places: dict[str, int] = {event.event_id: place for place, event in enumerate(names)}
    stranger.kept |= {event.event_id: event for event in names}

    def missing(request: Any) -> Any:
        place = places[request.json["latest_events"][0]]
        return {"events": [json.loads(event.pdu) for event in names[place - TOLD : place]]}

    def parts(request: Any) -> tuple[list[Event], list[Event]]:
        place = places[unquote(request.uri.partition("event_id=")[2])]
        return [*state, names[place - 1]], [*chain, *names[: place - 1]]

    def state_ids(request: Any) -> Any:
        pdus, auth = parts(request)
        return {
            "pdu_ids": [event.event_id for event in pdus],
            "auth_chain_ids": [event.event_id for event in auth],
        }

    def whole_state(request: Any) -> Any:
        pdus, auth = parts(request)
        return {
            "pdus": [json.loads(event.pdu) for event in pdus],
            "auth_chain": [json.loads(event.pdu) for event in auth],
        }

    stranger.said |= {"get_missing_events": missing, "state_ids": state_ids, "state": whole_state}


async def test_a_creator_comes_before_whoever_has_more_than_a_hundred(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    room_id = await room_of(alice)
    room = await stranger.joins(tenant, room_id)
    charlie = stranger.user("charlie")
    levels = await gets(
        stranger, await sets(alice, room_id, "m.room.power_levels", {"users": {charlie: 9_493_420}})
    )
    await gets(stranger, await sets(alice, room_id, "m.room.join_rules", {"join_rule": "invite"}))
    rules = room.event(charlie, "m.room.join_rules", {"join_rule": "knock"}, state_key="", after=[levels])
    assert await stranger.sends(tenant, rules) == {rules.event_id: {}}
    await sees(alice, room_id, rules)
    assert await state_of(alice, room_id, "m.room.join_rules") == {"join_rule": "knock"}


async def test_resolution_begins_with_nothing(
    stranger: Stranger, tenant: Tenant, alice: Person, bob: Person
) -> None:
    """Alice has closed the room and left; the other server tells that it is open. It is not, and has a rule at all."""
    room_id = await room_of(alice)
    (await bob.post(f"/join/{room_id}")).must()
    room = await stranger.joins(tenant, room_id)
    charlie = stranger.user("charlie")
    is_open, alice_joined = room.state["m.room.join_rules", ""], room.state["m.room.member", alice.user_id]
    await gets(stranger, await sets(alice, room_id, "m.room.join_rules", {"join_rule": "invite"}))
    (await alice.post(f"/rooms/{room_id}/leave")).must()

    async def has_left() -> bool:
        return room.state["m.room.member", alice.user_id].membership == "leave"

    await eventually(has_left, patience_s=5)
    names = renames(room, charlie, room.events[-1:])
    kept = [
        ("m.room.create", ""),
        ("m.room.power_levels", ""),
        *(("m.room.member", p.user_id) for p in (alice, bob)),
    ]
    tells(stranger, names, [is_open, *(room.state[key] for key in kept)], [alice_joined])
    await stranger.sends(tenant, names[-1])
    await sees(bob, room_id, names[-1])
    assert stranger.asked("state_ids")
    assert await state_of(bob, room_id, "m.room.join_rules") == {"join_rule": "invite"}


async def test_resolution_takes_in_what_lies_between(
    stranger: Stranger, tenant: Tenant, alice: Person, bob: Person
) -> None:
    """The other server tells the first power levels; those by which they came to be the third are replayed, too."""
    room_id = await room_of(alice)
    (await bob.post(f"/join/{room_id}")).must()
    room = await stranger.joins(tenant, room_id)
    charlie, eve = stranger.user("charlie"), stranger.user("eve")
    first = room.state["m.room.power_levels", ""]
    users = {bob.user_id: 50}
    await sets(alice, room_id, "m.room.power_levels", {"users": users})
    third_id = await sets(bob, room_id, "m.room.power_levels", {"users": {**users, charlie: 50}})
    third = await gets(stranger, third_id)
    (await alice.put(f"/rooms/{room_id}/send/m.room.message/1", {"msgtype": "m.text", "body": "x"})).must()
    joined = room.event(eve, "m.room.member", {"membership": "join"}, state_key=eve, after=[third])
    room.events.append(joined)
    room.state[joined.key] = joined
    assert await stranger.sends(tenant, joined) == {joined.event_id: {}}
    names = renames(room, eve, [joined])
    kept = [
        ("m.room.create", ""),
        ("m.room.join_rules", ""),
        *(("m.room.member", user_id) for user_id in (alice.user_id, bob.user_id, charlie)),
    ]
    tells(stranger, names, [first, *(room.state[key] for key in kept)], [joined])
    await stranger.sends(tenant, names[-1])
    await sees(alice, room_id, names[-1])
    assert stranger.asked("state_ids")
    assert (await state_of(alice, room_id, "m.room.power_levels"))["users"] == {**users, charlie: 50}
