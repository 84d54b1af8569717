"""What a client asks of a sync."""

import msgspec

from timserver.matrix.filters import Filter
from timserver.tenancy import Requester


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The request, decoded; `since` None is the first sync."""

    requester: Requester
    since: int | None
    filter: Filter
    full_state: bool
    state_after: bool
    timeout_ms: int

    @property
    def after(self) -> int:
        """Facts up to here are known to the client."""
        return self.since or 0


class Concern(msgspec.Struct, frozen=True):
    """What the tail of the log says has happened for the user, whose own memberships have not changed: only this need be
    read. `moves`: have those of others?
    """

    up_to: int
    kinds: frozenset[int]
    rooms: frozenset[int]
    moves: bool


class Window(msgspec.Struct, frozen=True):
    """The positions that an answer is about, and what is known to have happened in them (None: not known)."""

    after: int
    up_to: int
    concern: Concern | None

    def may_have(self, kind: int) -> bool:
        """Can facts of this kind be in the window?"""
        return self.concern is None or kind in self.concern.kinds

    def may_have_moves(self) -> bool:
        """Can somebody have entered or left a room in the window?"""
        return self.concern is None or self.concern.moves
