"""What a server tells of a room at our join: believed when it is whole and of this room, else not (E1, E3, E8, E15)."""

import msgspec
import pytest

from tests.support.told_room import ToldRoom
from timserver.matrix.errors import BadJson
from timserver.matrix.event import Event
from timserver.matrix.ids import RoomID
from timserver.usecases.federation.received_room import ReceivedRoom, check_received

ALICE, BOB, CAROL = "@alice:resident.example", "@bob:joining.example", "@carol:third.example"
VERSIONS = ("1", "2", "6", "10", "11", "12")


def room_of(version: str) -> ToldRoom:
    room = ToldRoom(version, ALICE)
    room.says(CAROL, "m.room.member", {"membership": "join"}, state_key=CAROL)
    room.says(ALICE, "m.room.name", {"name": "Praxis"}, state_key="")
    return room


def join_of(room: ToldRoom) -> Event:
    return room.event(BOB, "m.room.member", {"membership": "join"}, state_key=BOB)


def received(
    room: ToldRoom, state: list[Event] | None = None, chain: list[Event] | None = None
) -> ReceivedRoom:
    told = list(room.state.values()) if state is None else state
    return check_received(room.version, join_of(room), told, room.auth_chain() if chain is None else chain)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_whole_answer_is_taken_whole(version: str) -> None:
    room = room_of(version)
    found = received(room)
    assert {event.event_id for event in found.state} == {event.event_id for event in room.state.values()}
    assert found.left_out == 0
    ids = {event.event_id for event in (*found.state, *found.auth_chain)}
    assert all(ids.issuperset(event.auth_events) for event in (*found.state, *found.auth_chain))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_auth_chain_may_be_in_the_state_alone(version: str) -> None:
    assert received(room_of(version), chain=[]).left_out == 0


def test_what_has_no_whole_auth_chain_is_left_out_with_all_that_cite_it() -> None:
    room = room_of("10")
    first = room.state["m.room.member", CAROL]
    room.says(CAROL, "m.room.member", {"membership": "join", "displayname": "C"}, state_key=CAROL)
    again = room.state["m.room.member", CAROL]
    chain = [event for event in room.auth_chain() if event is not first]
    found = received(room, chain=chain)
    assert again.event_id not in {event.event_id for event in found.state}
    assert found.left_out == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_e1_without_what_authorizes_the_join_nothing_is_believed(version: str) -> None:
    room = room_of(version)
    for key in (("m.room.create", ""), ("m.room.power_levels", ""), ("m.room.join_rules", "")):
        left = [event for event in room.state.values() if event.key != key]
        with pytest.raises(BadJson):
            received(room, left, [])


def test_e1_a_state_that_does_not_allow_the_join_is_not_believed() -> None:
    room = room_of("10")
    join = join_of(room)
    room.says(ALICE, "m.room.member", {"membership": "ban"}, state_key=BOB)
    with pytest.raises(BadJson):
        check_received(room.version, join, room.state.values(), [*room.auth_chain(), *room.events])


def test_two_events_for_one_key_and_what_is_no_state_are_refused() -> None:
    room = room_of("10")
    rename = room.event(ALICE, "m.room.name", {"name": "Other"}, state_key="")
    message = room.event(ALICE, "m.room.message", {"body": "x"})
    for event in (rename, message):
        with pytest.raises(BadJson):
            received(room, [*room.state.values(), event])


@pytest.mark.parametrize("version", VERSIONS)
def test_e7_a_state_with_two_create_events_is_not_believed(version: str) -> None:
    """Before version 12 the creator's server can make two rooms of one id; from then on the second is another room."""
    room, twin = room_of(version), ToldRoom(version, "@twin:resident.example")
    second = twin.state["m.room.create", ""]
    if room.version.room_id_is_create_hash:
        assert received(room, [*room.state.values(), second]).left_out == 1
        return
    for state in ([*room.state.values(), second], [second, *room.state.values()]):
        with pytest.raises(BadJson):
            received(room, state)


@pytest.mark.parametrize("version", VERSIONS)
def test_e8_events_of_another_room_are_left_out(version: str) -> None:
    room = room_of(version)
    strange = msgspec.structs.replace(room.state["m.room.name", ""], room_id=RoomID("!other:x.example"))
    state = [strange if event.type == "m.room.name" else event for event in room.state.values()]
    assert strange.event_id not in {event.event_id for event in received(room, state, []).state}


def test_e15_the_create_event_says_the_version() -> None:
    room = room_of("10")
    with pytest.raises(BadJson):
        check_received(
            msgspec.structs.replace(room.version, identifier="9"), join_of(room), room.state.values(), []
        )


def test_events_that_cite_each_other_are_left_out() -> None:
    """In rooms of version 1 and 2 ids are given, so circles can be made."""
    room = room_of("1")
    name = room.state["m.room.name", ""]
    member = room.state["m.room.member", CAROL]
    circle = [
        msgspec.structs.replace(name, auth_events=(member.event_id,)),
        msgspec.structs.replace(member, auth_events=(name.event_id,)),
    ]
    state = [event for event in room.state.values() if event not in (name, member)]
    found = received(room, [*state, *circle], [])
    assert found.left_out == 2
