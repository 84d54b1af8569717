"""How much of rooms a process keeps in memory."""

import msgspec

from tests.support.rooms import ALICE, Room
from timserver.matrix.event import Event
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.store.live_rooms import JOIN, LiveRoom, LiveRooms, Member


def live_room(nid: int = 1) -> LiveRoom:
    return LiveRoom(nid, Room("11").room_id, ROOM_VERSIONS["11"])


def event_of(size_bytes: int) -> Event:
    return msgspec.structs.replace(Room("11").event(ALICE, "m.room.topic"), pdu=b"x" * size_bytes)


def test_rooms_are_kept_by_tenant_and_number() -> None:
    rooms = LiveRooms(10, 1_000_000)
    mine, theirs, other = live_room(7), live_room(7), live_room(8)
    for tenant_id, room in ((1, mine), (2, theirs), (1, other)):
        assert rooms.put((tenant_id, room.room_nid), room) is room
    assert rooms.get((1, 7)) is mine
    assert rooms.get((2, 7)) is theirs
    assert rooms.get((3, 7)) is None
    assert {id(room) for room in rooms.of(1)} == {id(mine), id(other)}
    rooms.drop((1, 7))
    rooms.drop((1, 7))
    assert rooms.get((1, 7)) is None
    assert rooms.get((2, 7)) is theirs


def test_there_are_so_many_rooms_at_most() -> None:
    rooms = LiveRooms(3, 1_000_000)
    for nid in range(3):
        rooms.put((1, nid), live_room(nid))
    rooms.get((1, 0))
    rooms.put((1, 3), live_room(3))
    assert len(rooms) == 3
    assert rooms.get((1, 1)) is None
    assert rooms.get((1, 0)) is not None


def test_a_room_that_has_grown_drives_out_the_ones_not_used_for_longest() -> None:
    rooms = LiveRooms(100, 185_000)
    for nid in range(5):
        rooms.put((1, nid), live_room(nid))
    growing = rooms.get((1, 4))
    assert growing is not None
    growing.keep(1, event_of(50_000))
    assert len(rooms) == 5  # it is looked at when it is used
    rooms.get((1, 0))
    assert rooms.get((1, 4)) is growing
    assert [room.room_nid for room in rooms.of(1)] == [2, 3, 0, 4]


def test_forgotten_rooms_take_no_space() -> None:
    rooms = LiveRooms(100, 30_000)
    kept = rooms.put((2, 0), live_room())
    for nid in range(50):
        rooms.put((1, nid), live_room(nid))
        rooms.drop((1, nid))
    assert rooms.get((2, 0)) is kept


def test_a_room_that_is_too_large_stays_alone() -> None:
    rooms = LiveRooms(100, 10)
    first, second = live_room(1), live_room(2)
    rooms.put((1, 1), first)
    rooms.put((1, 2), second)
    assert rooms.of(1) == [second]


def test_large_events_of_a_room_are_forgotten_earlier() -> None:
    room = live_room()
    for nid in range(1, 200):
        room.keep(nid, event_of(65_000))
        room.keep(nid, event_of(65_000))
        assert room.size_bytes < 5_000_000
    assert len(room.events) > 5
    assert 199 in room.events


def test_a_forgotten_event_takes_no_space() -> None:
    room = live_room()
    before = room.size_bytes
    room.keep(1, event_of(1_000))
    room.forget(1)
    room.forget(1)
    assert room.size_bytes == before
    assert not room.events


def test_members_count() -> None:
    room = live_room()
    before = room.size_bytes
    room.change_members({nid: Member(JOIN, nid, local=False) for nid in range(1_000)})
    grown = room.size_bytes - before
    assert 100_000 < grown < 1_000_000
