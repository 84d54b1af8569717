from typing import Any

import pytest

from timserver.matrix import relations
from timserver.matrix.relations import Relation


def relates(rel_type: object, event_id: object, **more: object) -> Any:
    return {"m.relates_to": {"rel_type": rel_type, "event_id": event_id, **more}}


def test_relations_are_read() -> None:
    assert relations.read_relation(relates("m.annotation", "$e", key="👍")) == Relation(
        "m.annotation", "$e", "👍", False
    )
    threaded = relates("m.thread", "$root", is_falling_back=True, **{"m.in_reply_to": {"event_id": "$last"}})
    assert relations.read_relation(threaded) == Relation("m.thread", "$root", None, True)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"m.relates_to": None},
        {"m.relates_to": "$e"},
        {"m.relates_to": {}},
        {"m.relates_to": {"m.in_reply_to": {"event_id": "$e"}}},
        relates(5, "$e"),
        relates("", "$e"),
        relates("m" * 256, "$e"),
        relates("m.thread", None),
        relates("m.thread", "no event"),
        relates("m.thread", "$"),
        relates("m.thread", "$" + "ü" * 128),
    ],
)
def test_what_breaks_the_schema_is_no_relation(content: Any) -> None:
    assert relations.read_relation(content) is None
