"""What resolution brings in beyond the keys that differ."""

from timserver import core
from timserver.matrix.ids import EventID
from timserver.store.snapshots import RoomState
from timserver.usecases.events import resolving


def stored(number: int, name: str, key: int, event_type: str) -> core.Stored:
    pdu = b'{"origin_server_ts":1,"sender":"@a:a.example","type":"' + event_type.encode() + b'"}'
    return core.read_stored(core.Placed(number, key, 0, 0, None), EventID(name), pdu, (), ())


def test_newcomers_stand_among_members_or_others() -> None:
    newcomers = {
        31: stored(31, "$levels", 1, "m.room.power_levels"),
        32: stored(32, "$member", 2, "m.room.member"),
    }
    before = RoomState({3: 13}, {4: 14})
    state = resolving.with_newcomers(before, newcomers)
    assert (state.others, state.members) == ({3: 13, 1: 31}, {4: 14, 2: 32})
