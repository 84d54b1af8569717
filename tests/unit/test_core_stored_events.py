"""Stored events as the definition's algorithms take them."""

import msgspec
import pytest

from timserver import core
from timserver.core.definition import stored_events
from timserver.core.stored import Placed, StoredPdu
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID, UserID

PLACED = Placed(3, 1, 0, 0, None)
fields_of = msgspec.structs.asdict


def test_all_that_a_rule_may_ask_for_is_read() -> None:
    pdu = (
        b'{"content":{"a":1.5},"depth":7,"origin_server_ts":5,"redacts":"$r","sender":"@a:a.example",'
        b'"signatures":{"a.example":{"ed25519:1":"x"}},"state_key":"k","type":"t"}'
    )
    stored = StoredPdu(PLACED, EventID("$e"), pdu, (1, 2), (1, 9), True)
    assert fields_of(stored_events.event_of(stored, {1: EventID("$one")})) == fields_of(
        Event(
            event_id=EventID("$e"),
            room_id=RoomID(""),
            sender=UserID("@a:a.example"),
            type="t",
            state_key="k",
            content={"a": 1.5},
            origin_server_ts=5,
            depth=7,
            prev_events=(EventID("$one"), EventID("$2")),
            auth_events=(EventID("$one"),),
            redacts=EventID("$r"),
            hashes={},
            signatures={"a.example": {"ed25519:1": "x"}},
            pdu=pdu,
            rejected=True,
        )
    )


def test_what_a_pdu_does_not_say_is_nothing() -> None:
    stored = StoredPdu(PLACED, EventID("$e"), b"{}", (), ())
    assert fields_of(stored_events.event_of(stored, {})) == fields_of(
        Event(
            event_id=EventID("$e"),
            room_id=RoomID(""),
            sender=UserID(""),
            type="",
            state_key=None,
            content={},
            origin_server_ts=0,
            depth=0,
            prev_events=(),
            auth_events=(),
            redacts=None,
            hashes={},
            signatures={},
            pdu=b"{}",
        )
    )


def test_the_engine_reads_no_event_without_a_time() -> None:
    for time in (b"1.5", b'"1"', b"null"):
        pdu = b'{"content":{},"origin_server_ts":%b,"sender":"@a:a.example","type":"t"}' % time
        with pytest.raises(ValueError, match="not_json"):
            core.read_stored(PLACED, EventID("$e"), pdu, (), ())


@pytest.mark.parametrize("content", [b"", b",{}", b":{}", b"}", b"]", b"{", b"[", b"[,", b'"', b"{}{}"])
def test_the_engine_reads_no_event_with_a_hole(content: bytes) -> None:
    """What was stored has passed the format checks. Were it otherwise, it must not bring the process down."""
    pdu = b'{"content":%b,"origin_server_ts":1,"sender":"@a:a.example","type":"t"}' % content
    with pytest.raises(ValueError, match="not_json"):
        core.read_stored(PLACED, EventID("$e"), pdu, (), ())
    with pytest.raises(ValueError, match="not_json"):
        core.read_stored(PLACED, EventID("$e"), b'{"unsigned":%b,' % content + pdu[1:], (), ())


@pytest.mark.parametrize("event_type", ["m.room.member", "m.room.message"])
@pytest.mark.parametrize("content", [b"1", b"[]", b'"x"', b"null", b"{}"])
def test_a_content_that_is_no_object_says_nothing(event_type: str, content: bytes) -> None:
    pdu = b'{"content":%b,"origin_server_ts":1,"sender":"@a:a.example","type":"%b"}'
    stored = core.read_stored(PLACED, EventID("$e"), pdu % (content, event_type.encode()), (), ())
    assert stored.event_type == event_type
