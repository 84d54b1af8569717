import pytest

from timserver.matrix import property_path
from timserver.matrix.json_types import JsonObject

EVENT: JsonObject = {
    "type": "m.room.message",
    "content": {"body": "hi", "m.relates_to": {"rel_type": "m.thread"}, "m\\foo": 1, "nothing": None},
}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("type", ("type",)),
        ("content.body", ("content", "body")),
        (r"content.m\.relates_to.rel_type", ("content", "m.relates_to", "rel_type")),
        (r"content.m\\foo", ("content", "m\\foo")),
        (r"content.\x", ("content", "\\x")),
        ("a..b", ("a", "", "b")),
        ("", ("",)),
        ("tail\\", ("tail\\",)),
        ("\\\\.a", ("\\", "a")),
    ],
)
def test_paths(text: str, path: tuple[str, ...]) -> None:
    assert property_path.parse(text) == path


def test_absent_is_not_null() -> None:
    assert property_path.look_up(EVENT, ("content", "nothing")) is None
    assert property_path.look_up(EVENT, ("content", "something")) is property_path.ABSENT
    assert property_path.look_up(EVENT, ("type", "length")) is property_path.ABSENT


def test_picking_keeps_the_shape_and_leaves_the_source_alone() -> None:
    paths = [("content", "body"), ("content", "m.relates_to", "rel_type"), ("sender",)]
    assert property_path.pick(EVENT, paths) == {
        "content": {"body": "hi", "m.relates_to": {"rel_type": "m.thread"}}
    }
    both = property_path.pick(EVENT, [("content",), ("content", "body")])
    assert both == {"content": EVENT["content"]}
