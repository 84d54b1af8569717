"""What a process remembers of events for state resolution."""

from timserver import core
from timserver.matrix.ids import EventID
from timserver.store.read_events import ReadEvents

PDU = b'{"content":{},"origin_server_ts":1,"sender":"@a:a.example","state_key":"","type":"m.room.topic"}'


def event(number: int) -> core.Stored:
    return core.read_stored(core.Placed(number, 1, 0, 0, None), EventID(f"${number:02}"), PDU, (), ())


def test_tenants_do_not_see_each_others() -> None:
    read = ReadEvents(1_000_000)
    mine, theirs = event(7), event(7)
    read.put(1, 0, mine)
    read.put(2, 4, theirs)
    assert read.of(1, [7, 8]) == {7: (0, mine)}
    assert read.of(2, [7]) == {7: (4, theirs)}
    assert read.of(3, [7]) == {}


def test_what_was_not_used_for_longest_goes_when_the_bytes_are_too_many() -> None:
    one = event(0).size_bytes
    read = ReadEvents(10 * one)
    for number in range(3):
        read.put(1, 0, event(number))
    kept = len(read)
    assert kept == 3
    number = 3
    while len(read) == kept:
        read.of(1, [0])
        read.put(1, 0, event(number))
        kept, number = kept + 1, number + 1
    assert 3 < number < 10
    assert read.of(1, [1]) == {}
    assert read.of(1, [0, number - 1]).keys() == {0, number - 1}


def test_an_event_that_is_read_again_is_counted_once() -> None:
    read = ReadEvents(10 * event(0).size_bytes)
    read.put(1, 0, event(1))
    for flags in range(50):
        read.put(1, flags, event(2))
    assert read.of(1, [1, 2]).keys() == {1, 2}
    assert read.of(1, [2])[2][0] == 49


def test_one_that_is_larger_than_all_is_not_kept() -> None:
    read = ReadEvents(10)
    read.put(1, 0, event(1))
    assert len(read) == 0
