"""What resolution lays over a state."""

from timserver import core
from timserver.matrix.ids import EventID
from timserver.store.snapshots import RoomState
from timserver.usecases.events import resolving


def stored(number: int, name: str, key: int, event_type: str) -> core.Stored:
    pdu = b'{"origin_server_ts":1,"sender":"@a:a.example","type":"' + event_type.encode() + b'"}'
    return core.read_stored(core.Placed(number, key, 0, 0, None), EventID(name), pdu, (), ())


def test_it_stands_among_members_or_others() -> None:
    rows = {
        31: stored(31, "$levels", 1, "m.room.power_levels"),
        32: stored(32, "$member", 2, "m.room.member"),
        14: stored(14, "$left", 4, "m.room.member"),
        15: stored(15, "$topic", 5, "m.room.topic"),
    }
    before = RoomState.whole({3: 13}, {4: 14, 6: 16})
    state = resolving.laid_over(before, {4: (14, 0), 5: (0, 15)}, {1: 31, 2: 32, 4: 0, 5: 15}, rows)
    assert (state.others, state.members) == ({3: 13, 1: 31, 5: 15}, {2: 32, 6: 16})
    gone = resolving.laid_over(state, {5: (15, 0)}, {5: 0}, rows)
    assert (gone.others, gone.members) == ({3: 13, 1: 31}, state.members)
