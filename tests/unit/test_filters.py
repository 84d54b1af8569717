import json
from typing import Any

import pytest

from timserver.matrix import errors, filters
from timserver.matrix.filters import EventFacts, RelatedBy

MESSAGE = EventFacts("m.room.message", "@alice:example.org", "!ward:example.org")


def asked(**fields: object) -> filters.RoomEventFilter:
    return filters.parse_room_event_filter(json.dumps(fields))


def test_the_spec_example_is_read() -> None:
    parsed = filters.parse_filter(
        json.dumps(
            {
                "room": {
                    "state": {"types": ["m.room.*"], "not_rooms": ["!726s6s6q:example.com"]},
                    "timeline": {
                        "limit": 10,
                        "types": ["m.room.message"],
                        "not_senders": ["@spam:example.com"],
                    },
                    "ephemeral": {"types": ["m.receipt", "m.typing"]},
                },
                "presence": {"types": ["m.presence"], "not_senders": ["@alice:example.com"]},
                "event_format": "federation",
                "event_fields": ["type", "content", "sender"],
                "org.example.unknown": {"limit": "many"},
            }
        )
    )
    assert parsed.room.timeline.limit == 10
    assert parsed.room.state.types == frozenset({"m.room.*"})
    assert parsed.presence.not_senders == frozenset({"@alice:example.com"})
    assert (parsed.event_format, parsed.event_fields) == ("federation", ["type", "content", "sender"])
    assert not parsed.room.include_leave


def test_an_empty_filter_wants_all() -> None:
    parsed = filters.parse_filter("{}")
    assert parsed == filters.Filter()
    assert filters.matches(parsed.room.timeline, MESSAGE)
    assert filters.matches(parsed.presence, EventFacts("m.presence", "@bob:example.org"))
    assert not filters.takes_none(parsed.room.timeline)


@pytest.mark.parametrize(
    "malformed",
    [
        [],
        "text",
        {"room": []},
        {"room": {"timeline": {"limit": -1}}},
        {"room": {"timeline": {"limit": "5"}}},
        {"room": {"timeline": {"limit": True}}},
        {"room": {"timeline": {"types": "m.room.message"}}},
        {"room": {"state": {"not_types": [5]}}},
        {"room": {"rooms": ["ward"]}},
        {"room": {"not_rooms": {"!ward:example.org": True}}},
        {"room": {"include_leave": "yes"}},
        {"room": {"timeline": {"contains_url": 1}}},
        {"room": {"timeline": {"lazy_load_members": "true"}}},
        {"presence": {"senders": ["alice"]}},
        {"account_data": {"not_senders": "@alice:example.org"}},
        {"event_format": "raw"},
        {"event_fields": [1]},
        {"room": {"timeline": {"types": [str(number) for number in range(filters.ENTRIES_MAX + 1)]}}},
    ],
)
def test_malformed_filters_are_refused(malformed: Any) -> None:
    with pytest.raises(errors.BadJson):
        filters.parse_filter(json.dumps(malformed))


@pytest.mark.parametrize("text", ["", "{", "nonsense", b"\xff", '{"a":' * 100_000])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(errors.NotJson):
        filters.parse_filter(text)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"types": ["m.room.message"]}, True),
        ({"types": ["m.room.*"]}, True),
        ({"types": ["*"]}, True),
        ({"types": ["m.*.message"]}, True),
        ({"types": ["m.room.messag?"]}, False),
        ({"types": ["m.room"]}, False),
        ({"types": []}, False),
        ({"types": ["m.room.message"], "not_types": ["m.room.*"]}, False),
        ({"not_types": []}, True),
        ({"not_types": ["m.room.member"]}, True),
        ({"senders": ["@alice:example.org"]}, True),
        ({"senders": ["@bob:example.org"]}, False),
        ({"senders": []}, False),
        ({"senders": ["@alice:example.org"], "not_senders": ["@alice:example.org"]}, False),
        ({"rooms": ["!ward:example.org"]}, True),
        ({"rooms": ["!other:example.org"]}, False),
        ({"rooms": ["!ward:example.org"], "not_rooms": ["!ward:example.org"]}, False),
        ({"contains_url": False}, True),
        ({"contains_url": True}, False),
        ({"related_by_rel_types": ["m.thread"]}, False),
        ({"limit": 0}, True),
    ],
)
def test_each_field_selects(fields: dict[str, object], expected: bool) -> None:
    assert filters.matches(asked(**fields), MESSAGE) is expected


def test_null_is_absent() -> None:
    assert (
        asked(types=None, not_types=None, not_senders=None, not_rooms=None, limit=None)
        == filters.RoomEventFilter()
    )


def test_urls() -> None:
    image = EventFacts("m.room.message", contains_url=filters.contains_url({"url": "mxc://a/b"}))
    assert filters.matches(asked(contains_url=True), image)
    assert not filters.matches(asked(contains_url=False), image)
    assert not filters.contains_url({"url": {"nested": 1}})


def test_children_have_to_be_by_the_same_one() -> None:
    root = EventFacts(
        "m.room.message",
        related_by=[
            RelatedBy("@bob:example.org", "m.thread"),
            RelatedBy("@carol:example.org", "m.annotation"),
        ],
    )
    wanted = asked(related_by_senders=["@bob:example.org"], related_by_rel_types=["m.thread"])
    assert filters.wants_children(wanted)
    assert filters.matches(wanted, root)
    assert not filters.matches(
        asked(related_by_senders=["@carol:example.org"], related_by_rel_types=["m.thread"]), root
    )
    assert filters.matches(asked(related_by_senders=["@carol:example.org"]), root)


@pytest.mark.parametrize(("limit", "expected"), [(None, 10), (3, 3), (0, 0), (1000, 100)])
def test_limits(limit: int | None, expected: int) -> None:
    fields = {} if limit is None else {"limit": limit}
    assert filters.limit_of(asked(**fields), default=10, maximum=100) == expected


@pytest.mark.parametrize("fields", [{"limit": 0}, {"types": []}, {"not_types": ["a", "*"]}])
def test_some_filters_take_nothing(fields: dict[str, object]) -> None:
    assert filters.takes_none(asked(**fields))


def test_rooms_are_left_out_before_their_sections() -> None:
    room = filters.parse_filter('{"room": {"rooms": ["!a:b", "!c:d"], "not_rooms": ["!c:d"]}}').room
    assert [room_id for room_id in ("!a:b", "!c:d", "!e:f") if filters.takes_room(room, room_id)] == ["!a:b"]


def test_fields_are_picked_by_path() -> None:
    paths = filters.parse_event_fields(["type", r"content.m\.relates_to.rel_type", "content.absent"])
    assert paths is not None
    event: dict[str, Any] = {
        "type": "t",
        "sender": "s",
        "content": {"m.relates_to": {"rel_type": "x"}, "body": "b"},
    }
    assert filters.pick_fields(event, paths) == {"type": "t", "content": {"m.relates_to": {"rel_type": "x"}}}
    assert filters.parse_event_fields(None) is None
