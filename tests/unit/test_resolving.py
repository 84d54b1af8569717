"""What resolution brings in beyond the keys that differ."""

from timserver import core
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.store.snapshots import RoomState
from timserver.usecases.events import resolving


def stored(name: str, key: int, event_type: str) -> core.Stored:
    return core.Stored(EventID(name), key, b'{"type":"' + event_type.encode() + b'"}', (), ())


def test_newcomers_stand_among_members_or_others() -> None:
    newcomers = {
        31: stored("$levels", 1, "m.room.power_levels"),
        32: stored("$member", 2, "m.room.member"),
    }
    before = RoomState({3: 13}, {4: 14})
    state = resolving.with_newcomers(ROOM_VERSIONS["11"], before, newcomers)
    assert (state.others, state.members) == ({3: 13, 1: 31}, {4: 14, 2: 32})
