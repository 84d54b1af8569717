"""Filters: what a client wants of sync, messages, context and search.

Unknown fields are ignored (the stored definition is kept as it came), known ones must have the right shape.

Spec: https://spec.matrix.org/v1.19/client-server-api/#filtering
"""

from collections.abc import Collection
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from timserver.matrix import errors, globs, property_path
from timserver.matrix.json_types import JsonObject, JsonValue

ENTRIES_MAX: Final = 1000
"""Entries of one list. Types with a star are tried one by one."""

_Types: TypeAlias = Annotated[frozenset[str], Meta(max_length=ENTRIES_MAX)]
_Senders: TypeAlias = Annotated[frozenset[Annotated[str, Meta(pattern="^@")]], Meta(max_length=ENTRIES_MAX)]
_Rooms: TypeAlias = Annotated[frozenset[Annotated[str, Meta(pattern="^!")]], Meta(max_length=ENTRIES_MAX)]
_Count: TypeAlias = Annotated[int, Meta(ge=0)]


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What to take of presence and global account data. An absent list (or null) takes all, an empty one nothing.

    `limit` is 0 in filters of existing clients that want no events, though the spec begins at 1.
    """

    limit: _Count | None = None
    types: _Types | None = None
    not_types: _Types | None = None
    senders: _Senders | None = None
    not_senders: _Senders | None = None


class RoomEventFilter(EventFilter, frozen=True, kw_only=True):
    """What to take of a room. `related_by_*` look at the event's children, as filters of `/messages` may ask."""

    rooms: _Rooms | None = None
    not_rooms: _Rooms | None = None
    contains_url: bool | None = None
    lazy_load_members: bool = False
    include_redundant_members: bool = False
    unread_thread_notifications: bool = False
    related_by_senders: _Senders | None = None
    related_by_rel_types: _Types | None = None


class RoomFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which rooms, and what of them. `rooms` and `not_rooms` come before those of the sections."""

    rooms: _Rooms | None = None
    not_rooms: _Rooms | None = None
    include_leave: bool = False
    ephemeral: RoomEventFilter = RoomEventFilter()
    state: RoomEventFilter = RoomEventFilter()
    timeline: RoomEventFilter = RoomEventFilter()
    account_data: RoomEventFilter = RoomEventFilter()


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """The filter of `/sync`."""

    event_fields: Annotated[list[str], Meta(max_length=ENTRIES_MAX)] | None = None
    event_format: Literal["client", "federation"] = "client"
    presence: EventFilter = EventFilter()
    account_data: EventFilter = EventFilter()
    room: RoomFilter = RoomFilter()


class RelatedBy(msgspec.Struct, frozen=True):
    """A child of an event: who related to it, and how."""

    sender: str
    rel_type: str


class EventFacts(msgspec.Struct, frozen=True):
    """What a filter asks of an event. Global data has no room, account data no sender.

    `related_by` only needs to be known for filters with `wants_children`.
    """

    type: str
    sender: str | None = None
    room_id: str | None = None
    contains_url: bool = False
    related_by: Collection[RelatedBy] = ()


_Shape = TypeVar("_Shape", Filter, RoomEventFilter)


def parse_filter(body: bytes | str) -> Filter:
    """A sync filter, stored or inline. Raises `NotJson` or `BadJson`."""
    return _parse(body, Filter)


def parse_room_event_filter(body: bytes | str) -> RoomEventFilter:
    """The filter of `/messages`, `/context` and search. Raises `NotJson` or `BadJson`."""
    return _parse(body, RoomEventFilter)


def _parse(body: bytes | str, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise errors.BadJson("Malformed filter", inner=str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise errors.NotJson("Filter is not JSON") from None


def limit_of(asked: EventFilter, default: int, maximum: int) -> int:
    """How many events to give: what was asked for, the default, never above our maximum."""
    return min(default if asked.limit is None else asked.limit, maximum)


def wants_children(asked: RoomEventFilter) -> bool:
    """Whether the filter asks for the events that relate to an event."""
    return asked.related_by_senders is not None or asked.related_by_rel_types is not None


def takes_none(asked: EventFilter) -> bool:
    """Whether no event can match, so that nobody needs to look for any."""
    return asked.limit == 0 or asked.types == frozenset() or "*" in (asked.not_types or ())


def takes_room(asked: RoomFilter | RoomEventFilter, room_id: str) -> bool:
    """Whether a room is wanted at all. Exclusion wins."""
    return room_id not in (asked.not_rooms or ()) and (asked.rooms is None or room_id in asked.rooms)


def matches(asked: EventFilter, event: EventFacts) -> bool:
    """Whether an event is wanted. Exclusion wins over inclusion in every pair of lists."""
    return (
        takes_type(asked, event.type)
        and (asked.senders is None or event.sender in asked.senders)
        and event.sender not in (asked.not_senders or ())
        and (not isinstance(asked, RoomEventFilter) or _matches_in_room(asked, event))
    )


def takes_type(asked: EventFilter, event_type: str) -> bool:
    """Whether events of a type are wanted."""
    if asked.not_types and _names(asked.not_types, event_type):
        return False
    return asked.types is None or _names(asked.types, event_type)


def _names(types: frozenset[str], event_type: str) -> bool:
    if event_type in types:
        return True
    return any("*" in pattern and globs.matches(globs.parse_stars(pattern), event_type) for pattern in types)


def _matches_in_room(asked: RoomEventFilter, event: EventFacts) -> bool:
    if event.room_id is not None and not takes_room(asked, event.room_id):
        return False
    if asked.contains_url is not None and asked.contains_url is not event.contains_url:
        return False
    return not wants_children(asked) or any(_is_wanted_child(asked, child) for child in event.related_by)


def _is_wanted_child(asked: RoomEventFilter, child: RelatedBy) -> bool:
    senders, rel_types = asked.related_by_senders, asked.related_by_rel_types
    return (senders is None or child.sender in senders) and (rel_types is None or child.rel_type in rel_types)


def contains_url(content: JsonObject) -> bool:
    """Whether a content has a `url`, the fact behind `contains_url`."""
    return isinstance(content.get("url"), str)


def parse_event_fields(event_fields: list[str] | None) -> list[property_path.Path] | None:
    """The paths to keep, None to keep all."""
    return None if event_fields is None else [property_path.parse(text) for text in event_fields]


def pick_fields(event: JsonObject, paths: list[property_path.Path]) -> dict[str, JsonValue]:
    """Only the wanted fields of an event in client form."""
    return property_path.pick(event, paths)
