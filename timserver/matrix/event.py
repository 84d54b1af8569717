"""`Event`: a PDU that passed the format checks, and readers for content that anybody may have written.

Made only by `timserver.matrix.pdu`. Content stays JSON; the readers below give a value of the wanted type or
None, and never raise.
"""

from typing import cast

import msgspec

from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.json_types import JsonObject, JsonValue

StateKey = tuple[str, str]  # (type, state_key)


class Event(msgspec.Struct, frozen=True, eq=False):
    """One event of a room. Timestamps are milliseconds, as the sender's server claims them."""

    event_id: EventID
    room_id: RoomID
    sender: UserID
    type: str
    state_key: str | None
    content: JsonObject
    origin_server_ts: int
    depth: int
    prev_events: tuple[EventID, ...]
    auth_events: tuple[EventID, ...]
    redacts: EventID | None
    hashes: JsonObject
    signatures: JsonObject  # signer -> key id -> signature; not verified by being here
    pdu: bytes  # the whole PDU as canonical JSON, without `unsigned`
    rejected: bool = False

    def __repr__(self) -> str:
        return f"Event({self.event_id}, {self.type!r})"

    @property
    def is_state(self) -> bool:
        """Whether it sets state."""
        return self.state_key is not None

    @property
    def key(self) -> StateKey:
        """(type, state key) of a state event."""
        assert self.state_key is not None
        return self.type, self.state_key

    @property
    def membership(self) -> str | None:
        """`content.membership`, when it is text."""
        return get_str(self.content, "membership")


def get_str(content: JsonObject, name: str) -> str | None:
    """The member, if it is text."""
    value = content.get(name)
    return value if isinstance(value, str) else None


def get_int(content: JsonObject, name: str) -> int | None:
    """The member, if it is an integer (true and false are none)."""
    value = content.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def get_bool(content: JsonObject, name: str) -> bool | None:
    """The member, if it is true or false."""
    value = content.get(name)
    return value if isinstance(value, bool) else None


def get_object(content: JsonObject, name: str) -> JsonObject | None:
    """The member, if it is an object."""
    value = content.get(name)
    return value if isinstance(value, dict) else None


def get_list(content: JsonObject, name: str) -> list[JsonValue] | None:
    """The member, if it is a list."""
    value = content.get(name)
    return cast("list[JsonValue]", value) if isinstance(value, list) else None
