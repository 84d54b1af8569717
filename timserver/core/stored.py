"""What the core must know of events that are stored: numbers for ids, PDUs and vectors as bytes."""

import sys
from collections.abc import Sequence
from typing import Protocol

import msgspec

from timserver.matrix import canonical_json
from timserver.matrix.event import get_str
from timserver.matrix.ids import EventID


class Placed(msgspec.Struct, frozen=True):
    """A state event, where it stands among the auth chains, and what it reaches."""

    number: int
    key: int
    chain: int  # 0: on none, because no other event can cite it
    position: int
    vector: bytes | None  # packed; None when it would be too long, or that of an auth event is


class Stored(Protocol):
    """An event, as far as resolution asks for it; `core.read_stored` makes it. By the engine it holds no PDU, only what was
    read of it, and is worth keeping: forks that follow need not read it again.
    """

    @property
    def number(self) -> int:
        """Its own."""

    @property
    def key(self) -> int:
        """The number of its type and state key."""

    @property
    def event_id(self) -> EventID:
        """Its id."""

    @property
    def event_type(self) -> str:
        """Its type."""

    @property
    def auth(self) -> Sequence[int]:
        """Its auth events."""

    @property
    def size_bytes(self) -> int:
        """How much memory it takes, about."""


class StoredPdu(msgspec.Struct, frozen=True):
    """A `Stored` that the definition reads whenever it needs it."""

    placed: Placed
    event_id: EventID
    pdu: bytes
    prev: Sequence[int]
    auth: Sequence[int]
    rejected: bool = False

    @property
    def number(self) -> int:
        """Its own."""
        return self.placed.number

    @property
    def key(self) -> int:
        """The number of its type and state key."""
        return self.placed.key

    @property
    def event_type(self) -> str:
        """Its type."""
        return get_str(canonical_json.decode_object(self.pdu, strict=False), "type") or ""

    @property
    def size_bytes(self) -> int:
        """How much memory it takes, about."""
        return sys.getsizeof(self) + sys.getsizeof(self.pdu)
