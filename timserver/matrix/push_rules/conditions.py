"""The conditions of push rules: parsed once, asked of many events.

What nobody knows, and what is malformed, never matches.

Spec: https://spec.matrix.org/v1.19/client-server-api/#conditions-1
"""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from timserver.matrix import globs, property_path
from timserver.matrix.ids import UserID, localpart_of
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.property_path import ABSENT, Absent, Path
from timserver.matrix.push_rules.defaults import ME, MY_LOCALPART
from timserver.matrix.push_rules.rules import ConditionJson

BODY: Final[Path] = ("content", "body")
_MENTIONS: Final[Path] = ("content", "m.mentions")
_NOTIFY_LEVEL_DEFAULT: Final = 50
_MEMBER_COUNT = re.compile(r"(==|<=|>=|<|>)?([0-9]{1,15})\Z")


class RoomFacts(msgspec.Struct, frozen=True):
    """What conditions ask of the room.

    `sender_level` is `math.inf` for creators since room version 12; `notification_levels` is `notifications` of
    the power levels.
    """

    member_count: int
    sender_level: float
    notification_levels: JsonObject


class Reader(msgspec.Struct, frozen=True):
    """Who might be notified, with the display name in the room. With an empty id it is nobody in particular:
    no condition about the reader holds.
    """

    user_id: UserID
    display_name: str | None = None


class EventFacts:
    """An event as conditions ask it; remembers what was looked up, since all readers ask the same."""

    __slots__ = ("_found", "_lowered", "event", "has_mentions", "held", "room")

    def __init__(self, event: JsonObject, room: RoomFacts) -> None:
        self.event = event
        self.room = room
        self._found: dict[Path, JsonValue | Absent] = {}
        self._lowered: dict[Path, str | None] = {}
        self.held: dict[str, bool] = {}
        """Which default rules hold, whoever reads, by rule id."""
        self.has_mentions = self.value(_MENTIONS) is not ABSENT

    def value(self, path: Path) -> JsonValue | Absent:
        """What stands at a path."""
        if path not in self._found:
            self._found[path] = property_path.look_up(self.event, path)
        return self._found[path]

    def lowered(self, path: Path) -> str | None:
        """The text at a path in lower case; None if there is no text."""
        if path not in self._lowered:
            value = self.value(path)
            self._lowered[path] = value.lower() if isinstance(value, str) else None
        return self._lowered[path]

    def body_has_word(self, word: str) -> bool:
        """Whether the body contains a text, case aside, between word boundaries."""
        body = self.lowered(BODY)
        word = word.lower()
        if not body or not word or word not in body:
            return False
        return globs.matches_words(globs.Glob((globs.Piece(word, None),)), body)


Scalar: TypeAlias = str | int | bool | None


class EventMatch(msgspec.Struct, frozen=True):
    """`event_match`."""

    path: Path
    glob: globs.Glob

    def holds(self, event: EventFacts, _reader: Reader) -> bool:
        """Whether the text matches, the body by words."""
        text = event.lowered(self.path)
        if text is None:
            return False
        return globs.matches_words(self.glob, text) if self.path == BODY else globs.matches(self.glob, text)


class TextIs(msgspec.Struct, frozen=True):
    """`event_match` without wildcards, not of the body."""

    path: Path
    lowered: str

    def holds(self, event: EventFacts, _reader: Reader) -> bool:
        """Whether it is this text, case aside."""
        return event.lowered(self.path) == self.lowered


class PropertyIsMe(msgspec.Struct, frozen=True):
    """`event_match` of a default rule with the reader's own id."""

    path: Path

    def holds(self, event: EventFacts, reader: Reader) -> bool:
        """Whether it is the reader's id."""
        return bool(reader.user_id) and event.value(self.path) == reader.user_id


class PropertyIs(msgspec.Struct, frozen=True):
    """`event_property_is`."""

    path: Path
    value: Scalar

    def holds(self, event: EventFacts, _reader: Reader) -> bool:
        """Whether it is exactly this value."""
        return _is_exactly(event.value(self.path), self.value)


class PropertyContains(msgspec.Struct, frozen=True):
    """`event_property_contains`; the value `ME` is the reader's id."""

    path: Path
    value: Scalar

    def holds(self, event: EventFacts, reader: Reader) -> bool:
        """Whether the array holds exactly this value."""
        array = event.value(self.path)
        if not isinstance(array, Sequence) or isinstance(array, str):
            return False
        if self.value == ME:
            return bool(reader.user_id) and reader.user_id in array
        return any(_is_exactly(value, self.value) for value in array)


class MemberCount(msgspec.Struct, frozen=True):
    """`room_member_count`: between two numbers, both included."""

    least: int
    most: float

    def holds(self, event: EventFacts, _reader: Reader) -> bool:
        """Whether the room has that many members."""
        return self.least <= event.room.member_count <= self.most


class SenderMayNotify(msgspec.Struct, frozen=True):
    """`sender_notification_permission`."""

    key: str

    def holds(self, event: EventFacts, _reader: Reader) -> bool:
        """Whether the sender has the level for this kind of notification."""
        return event.room.sender_level >= _level(event.room.notification_levels.get(self.key))


class BodyHasDisplayName(msgspec.Struct, frozen=True):
    """`contains_display_name`."""

    def holds(self, event: EventFacts, reader: Reader) -> bool:
        """Whether the body has the reader's display name as a word."""
        return bool(reader.display_name) and event.body_has_word(reader.display_name or "")


class BodyHasLocalpart(msgspec.Struct, frozen=True):
    """The pattern of `.m.rule.contains_user_name`."""

    def holds(self, event: EventFacts, reader: Reader) -> bool:
        """Whether the body has the reader's localpart as a word."""
        return event.body_has_word(localpart_of(reader.user_id))


class Never(msgspec.Struct, frozen=True):
    """A condition that nobody knows."""

    def holds(self, _event: EventFacts, _reader: Reader) -> bool:
        """Never."""
        return False


Condition: TypeAlias = (
    EventMatch
    | TextIs
    | PropertyIsMe
    | PropertyIs
    | PropertyContains
    | MemberCount
    | SenderMayNotify
    | BodyHasDisplayName
    | BodyHasLocalpart
    | Never
)


def parse_condition(condition: ConditionJson) -> Condition:
    """Read one condition."""
    kind, key = condition.get("kind"), condition.get("key")
    if kind == "contains_display_name":
        return BodyHasDisplayName()
    if kind == "room_member_count":
        return _parse_member_count(condition.get("is"))
    if not isinstance(key, str):
        return Never()
    if kind == "sender_notification_permission":
        return SenderMayNotify(key)
    path = property_path.parse(key)
    if kind == "event_match":
        return _parse_event_match(path, condition.get("pattern"))
    if "value" not in condition or not _is_scalar(condition["value"]):
        return Never()
    if kind == "event_property_is":
        return PropertyIs(path, condition["value"])
    if kind == "event_property_contains":
        return PropertyContains(path, condition["value"])
    return Never()


def is_about_reader(condition: Condition) -> bool:
    """Whether the answer may differ from reader to reader."""
    if isinstance(condition, PropertyContains):
        return condition.value == ME
    return isinstance(condition, PropertyIsMe | BodyHasDisplayName | BodyHasLocalpart)


def parse_body_pattern(pattern: str | None) -> Condition:
    """The condition of a content rule."""
    return BodyHasLocalpart() if pattern == MY_LOCALPART else _parse_event_match(BODY, pattern)


def _parse_event_match(path: Path, pattern: object) -> Condition:
    if not isinstance(pattern, str):
        return Never()
    if pattern == ME:
        return PropertyIsMe(path)
    pattern = pattern.lower()
    if path == BODY or "*" in pattern or "?" in pattern:
        return EventMatch(path, globs.parse(pattern))
    return TextIs(path, pattern)


def _parse_member_count(text: object) -> Condition:
    parsed = _MEMBER_COUNT.match(text) if isinstance(text, str) else None
    if parsed is None:
        return Never()
    count = int(parsed[2])
    least, most = {
        "==": (count, count),
        "<": (0, count - 1),
        "<=": (0, count),
        ">": (count + 1, float("inf")),
        ">=": (count, float("inf")),
    }[parsed[1] or "=="]
    return MemberCount(int(least), most)


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | bool | int)


def _is_exactly(value: JsonValue | Absent, wanted: Scalar) -> bool:
    """Equal and of the same JSON type: `true` is not `1`."""
    return type(value) is type(wanted) and value == wanted


def _level(value: JsonValue) -> int:
    """A level of the power levels; older rooms have texts, as `"50"`."""
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return _NOTIFY_LEVEL_DEFAULT
    return int(value) if isinstance(value, int | float) else _NOTIFY_LEVEL_DEFAULT


def mentioned_users(event: JsonObject) -> frozenset[str]:
    """The user ids in `m.mentions`."""
    user_ids = property_path.look_up(event, (*_MENTIONS, "user_ids"))
    if not isinstance(user_ids, Sequence) or isinstance(user_ids, str):
        return frozenset()
    return frozenset(user_id for user_id in user_ids if isinstance(user_id, str))
