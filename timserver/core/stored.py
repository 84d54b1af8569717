"""What the core must know of events that are stored: numbers for ids, PDUs and vectors as bytes."""

from collections.abc import Mapping, Sequence

import msgspec

from timserver.core.definition.auth_vector import Range
from timserver.matrix.ids import EventID


class Placed(msgspec.Struct, frozen=True):
    """A state event, where it stands among the auth chains, and what it reaches."""

    number: int
    key: int
    chain: int  # 0: on none, because no other event can cite it
    position: int
    vector: bytes | None  # packed; None when it would be too long, or that of an auth event is


class Stored(msgspec.Struct, frozen=True):
    """An event, as far as resolution asks for it."""

    event_id: EventID
    key: int
    pdu: bytes
    prev: Sequence[int]
    auth: Sequence[int]
    rejected: bool = False


class Conflict(msgspec.Struct, frozen=True):
    """Where the full conflicted set stands, beside the events that differ."""

    difference: Sequence[Range]  # the auth difference: all events there
    between: Sequence[Range]  # from room version 12: those that lie between conflicted events
    lowest: Mapping[int, int]  # what these must reach

    @property
    def ranges(self) -> list[Range]:
        """What to read from the store: all placed events of these positions. Ranges may overlap."""
        return [*self.difference, *self.between]
