"""State resolution of what is too large for a story of the corpus, or cannot happen."""

import itertools

import msgspec
import pytest

from tests.support.random_rooms import State, with_pdu
from tests.support.rooms import ALICE, BOB, CAROL, Room, before, since
from timserver import core
from timserver.core.definition import state_resolution
from timserver.matrix import pdu, signing
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, ServerName
from timserver.matrix.json_types import JsonValue
from timserver.matrix.room_versions import ROOM_VERSIONS, RoomVersion

KEY = signing.make_signing_key("ed25519:1", bytes(range(32)))
LEVELS, TOPIC = ("m.room.power_levels", ""), ("m.room.topic", "")


def test_nothing_is_resolved_without_conflict() -> None:
    for resolve in (core.resolve, state_resolution.resolve):
        assert resolve(ROOM_VERSIONS["12"], [{}, {}], {}) == {}


class Forked:
    """A room's state and events that follow it side by side; each event cites what the state gives it."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.clock = itertools.count(1001)
        self.events: dict[EventID, Event] = {}
        state, room.state = room.state, {}
        for event in state.values():
            known = self.known(event)
            room.state[known.key] = known
        self.base: State = {key: event.event_id for key, event in room.state.items()}

    def known(self, event: Event) -> Event:
        room = self.room
        keys = core.auth_keys(room.version, event.type, event.sender, event.state_key, event.content)
        cited = tuple(room.state[key].event_id for key in keys if key in room.state)
        event = msgspec.structs.replace(event, auth_events=cited, origin_server_ts=next(self.clock))
        self.events[event.event_id] = with_pdu(event)
        return event

    def after(self, event: Event) -> State:
        known = self.known(event)
        return {**self.base, known.key: known.event_id}

    def resolved(self, states: list[State]) -> State:
        by_definition = state_resolution.resolve(self.room.version, states, self.events)
        assert core.resolve(self.room.version, states[::-1], self.events) == by_definition
        return by_definition


@pytest.mark.parametrize("version", ["2", "11", "12"])
def test_ten_thousand_forward_extremities(version: str) -> None:
    room = Room(version).joined(ALICE).with_levels(users={ALICE: 100, BOB: 50}).with_join_rule("public")
    forked = Forked(room.joined(BOB, CAROL))
    topics = [forked.after(room.event(user, TOPIC[0], {}, state_key="")) for user in [ALICE, BOB] * 5000]
    last_of_alice, last_of_bob = topics[-2], topics[-1]
    assert forked.resolved(topics)[TOPIC] == last_of_bob[TOPIC]
    banned = forked.after(room.member(ALICE, BOB, "ban"))
    resolved = forked.resolved([*topics, banned])
    assert resolved == {**banned, TOPIC: last_of_alice[TOPIC]}


@pytest.mark.parametrize("version", ["2", "11", "12"])
def test_huge_users_in_power_levels(version: str) -> None:
    users: dict[str, JsonValue] = {f"@user{number}:x.example": 10 for number in range(1500)}
    room = Room(version).joined(ALICE)
    listed: dict[str, JsonValue] = {} if version == "12" else {ALICE: 100}
    levels: dict[str, JsonValue] = {"users": {**listed, BOB: 50, **users}, "events": {LEVELS[0]: 50}}
    room.with_levels(**levels).with_join_rule("public").joined(BOB)
    one_up = {**users, "@user700:x.example": 50}
    too_far = {**users, "@user700:x.example": 51}
    promote = room.levels(BOB, {**levels, "users": {**listed, BOB: 50, **one_up}})
    assert room.verdict(promote) is None
    above = room.levels(BOB, {**levels, "users": {**listed, BOB: 50, **too_far}})
    assert room.verdict(above) == "power_levels.user_above_sender"
    forked = Forked(room)
    emptied = forked.after(room.levels(ALICE, {**levels, "users": listed}))
    promoted = forked.after(promote)
    assert forked.resolved([promoted, emptied])[LEVELS] == emptied[LEVELS]


def sealed(version: RoomVersion, room: Room, auth_events: tuple[EventID, ...]) -> Event:
    template = pdu.PduTemplate(
        room_id=room.room_id,
        sender=ALICE,
        type=LEVELS[0],
        state_key="",
        content={},
        prev_events=(),
        auth_events=auth_events,
        depth=5,
        origin_server_ts=1,
    )
    return core.seal(version, template, server_name=ServerName("a.example"), signing_key=KEY)


@pytest.mark.parametrize("version", since(3))
def test_no_event_can_cite_one_that_cites_it(version: str) -> None:
    """The id is the hash of what it cites: to cite the other, the one would have to be another."""
    room = Room(version)
    one = sealed(room.version, room, ())
    other = sealed(room.version, room, (one.event_id,))
    back = sealed(room.version, room, (other.event_id,))
    assert back.event_id != one.event_id
    forged = one.pdu.replace(b'"auth_events":[]', b'"auth_events":["' + other.event_id.encode() + b'"]')
    opened = core.open_pdu(room.version, forged)
    assert not opened.hash_matches
    assert opened.event.event_id != one.event_id


@pytest.mark.parametrize("version", before(3)[1:])
def test_ids_that_servers_give_may_run_in_circles(version: str) -> None:
    """Nothing hangs; what waits for itself never comes."""
    room = Room(version).joined(ALICE).with_levels(users={ALICE: 100})
    forked = Forked(room)
    states = [
        forked.after(room.levels(ALICE, {"users": {ALICE: 100}})),
        forked.after(room.levels(ALICE, {"users": {ALICE: 100}, "ban": 60})),
    ]
    one, other = (state[LEVELS] for state in states)
    for event_id, cited in ((one, other), (other, one)):
        circular = msgspec.structs.replace(forked.events[event_id], auth_events=(cited,))
        forked.events[event_id] = circular
    states.append(forked.after(room.event(ALICE, TOPIC[0], {}, state_key="")))
    topic = states[-1][TOPIC]
    forked.events[topic] = msgspec.structs.replace(forked.events[topic], auth_events=(one,))
    resolved = forked.resolved(states)
    assert resolved[LEVELS] == forked.base[LEVELS]
    assert resolved[TOPIC] == topic
    agreed = {**forked.base, LEVELS: one}
    assert forked.resolved([agreed, {**agreed, TOPIC: topic}]) == {**agreed, TOPIC: topic}


@pytest.mark.parametrize("version", ["1", "5"])
def test_times_beyond_2_to_the_53_are_told_apart_in_old_rooms(version: str) -> None:
    room = Room(version).joined(ALICE)
    sent = [room.event(ALICE, "m.room.topic", {"topic": text}, state_key="") for text in ("one", "two")]
    for late, early in (sent, sent[::-1]):
        times = {late.event_id: 2**60 + 1, early.event_id: 2**60}
        topics = [msgspec.structs.replace(event, origin_server_ts=times[event.event_id]) for event in sent]
        events = {event.event_id: with_pdu(event) for event in [*room.state.values(), *topics]}
        base = {key: event.event_id for key, event in room.state.items()}
        states = [base | {event.key: event.event_id} for event in topics]
        resolved = core.resolve(room.version, states, events)
        assert resolved == state_resolution.resolve(room.version, states, events)
        if version == "5":  # version 1 does not look at times
            assert resolved["m.room.topic", ""] == late.event_id
