"""Relations between events: reading `m.relates_to`, which edits count, and what is bundled with the parent.

Who sends relations is not trusted: what breaks the schema is no relation. Annotations are counted by clients and
never bundled (since 1.7).

Spec: https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events
"""

from collections.abc import Mapping
from typing import Final, TypeGuard

import msgspec

from timserver.matrix.ids import ID_LENGTH_MAX_BYTES
from timserver.matrix.json_types import JsonObject, JsonValue

REPLACE: Final = "m.replace"
THREAD: Final = "m.thread"
REFERENCE: Final = "m.reference"
ANNOTATION: Final = "m.annotation"


class Relation(msgspec.Struct, frozen=True):
    """A valid `m.relates_to` with a `rel_type`. `key` only means something to annotations."""

    rel_type: str
    event_id: str
    key: str | None
    is_falling_back: bool


def read_relation(content: JsonObject) -> Relation | None:
    """The relation that a content declares; None without one and for a malformed one."""
    relates_to = content.get("m.relates_to")
    if not isinstance(relates_to, Mapping):
        return None
    rel_type, event_id, key = relates_to.get("rel_type"), relates_to.get("event_id"), relates_to.get("key")
    if not isinstance(rel_type, str) or not rel_type or _size(rel_type) > ID_LENGTH_MAX_BYTES:
        return None
    if not _is_event_id(event_id):
        return None
    return Relation(
        rel_type=rel_type,
        event_id=event_id,
        key=key if isinstance(key, str) else None,
        is_falling_back=relates_to.get("is_falling_back") is True,
    )


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _is_event_id(value: JsonValue) -> TypeGuard[str]:
    return isinstance(value, str) and value[:1] == "$" and 1 < _size(value) <= ID_LENGTH_MAX_BYTES


class _EditContent(msgspec.Struct):
    new_content: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="m.new_content")


class _Edit(msgspec.Struct):
    type: str
    content: _EditContent


_decode_edit = msgspec.json.Decoder(_Edit).decode


def has_new_content(pdu: bytes) -> bool:
    """Whether an edit says what is new; in an encrypted event that is inside, where only clients can look.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#validity-of-replacement-events
    """
    edit = _decode_edit(pdu)
    return edit.type == "m.room.encrypted" or bytes(edit.content.new_content)[:1] == b"{"


class ReferencedBy(msgspec.Struct, frozen=True):
    """One event that references the parent."""

    event_id: str


class ReferenceBundle(msgspec.Struct, frozen=True):
    """The bundle of `m.reference`."""

    chunk: list[ReferencedBy]


class ThreadBundle(msgspec.Struct, frozen=True):
    """The bundle of `m.thread`; `count` and `latest_event` leave out whom the reader ignores."""

    latest_event: msgspec.Raw
    count: int
    current_user_participated: bool


class Bundle(msgspec.Struct, frozen=True, omit_defaults=True):
    """`unsigned.m.relations` of one event for one reader. Not for state events."""

    replace: msgspec.Raw | None = msgspec.field(default=None, name=REPLACE)
    reference: ReferenceBundle | None = msgspec.field(default=None, name=REFERENCE)
    thread: ThreadBundle | None = msgspec.field(default=None, name=THREAD)
