"""Relations between events: reading `m.relates_to`, which edits count, and what is bundled with the parent.

Who sends relations is not trusted: what breaks the schema is no relation. Annotations are counted by clients and
never bundled (since 1.7).

Spec: https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeGuard

import msgspec

from timserver.matrix.event import Event
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


def read_reply(content: JsonObject) -> str | None:
    """The id of the event that a content answers (`m.in_reply_to`), also inside a thread."""
    relates_to = content.get("m.relates_to")
    reply = relates_to.get("m.in_reply_to") if isinstance(relates_to, Mapping) else None
    event_id = reply.get("event_id") if isinstance(reply, Mapping) else None
    return event_id if _is_event_id(event_id) else None


def has_rel_type(content: JsonObject) -> bool:
    """Whether the content claims to relate, validly or not: no thread may begin at such an event."""
    relates_to = content.get("m.relates_to")
    return isinstance(relates_to, Mapping) and "rel_type" in relates_to


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _is_event_id(value: JsonValue) -> TypeGuard[str]:
    return isinstance(value, str) and value[:1] == "$" and 1 < _size(value) <= ID_LENGTH_MAX_BYTES


def is_valid_edit(original: Event, edit: Event) -> bool:
    """Whether an event may replace another one.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#validity-of-replacement-events
    """
    relation = read_relation(edit.content)
    original_relation = read_relation(original.content)
    return (
        relation is not None
        and relation.rel_type == REPLACE
        and relation.event_id == original.event_id
        and original.room_id == edit.room_id
        and original.sender == edit.sender
        and original.type == edit.type
        and original.state_key is None
        and edit.state_key is None
        and (original_relation is None or original_relation.rel_type != REPLACE)
        # In an encrypted event the new content is inside, where only clients can look.
        and (edit.type == "m.room.encrypted" or isinstance(edit.content.get("m.new_content"), Mapping))
    )


def latest_edit(original: Event, edits: Iterable[Event]) -> Event | None:
    """The edit to bundle: the newest valid one by `origin_server_ts`, then by event id.

    Leave out redacted edits, and do not ask for a redacted original: its edits are not bundled.
    """
    valid = (edit for edit in edits if is_valid_edit(original, edit))
    return max(valid, key=lambda edit: (edit.origin_server_ts, edit.event_id), default=None)


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


def bundle_references(event_ids: Iterable[str]) -> ReferenceBundle | None:
    """The bundle of the events that reference a parent, None if there are none."""
    chunk = [ReferencedBy(event_id) for event_id in event_ids]
    return ReferenceBundle(chunk) if chunk else None
