"""The resolution of a fork whose states are in the store: by numbers, from what differs alone (MAP 3.4, point 7).

A `Fork` is asked step by step; between the steps the caller reads from the store what the last one asked for:

1. `fork` compares the parents' snapshots; `numbers` are the events that differ. None does: that is the state. (No other
   shortcut is right: when one state has only gone on from the other, an older event may still win, by its timestamp.)
2. `ranges`, given these as `Stored` and the reach of each parent, says on which ranges of chains more of the full
   conflicted set may stand. Room version 1 has no more. None when there are no vectors: `walk` finds the full set from
   the auth events of everything.
3. `full_set`, given the `Placed` of all events in these ranges, is what the full conflicted set has beyond those that
   differ.
4. `asked_keys`, given this as `Stored`, names the part of the unconflicted state that matters: look the events up in
   any parent with `values`.
5. `cited`, given that part as `Stored`, are the other events that the full set cites.
6. `resolve`, given these as `Stored`, and of the power levels which one cites which, gives the layer that the resolved
   state is over the first parent's, and at times `newcomers`: events of keys in which no states differ, which the auth
   difference brings in. Where the states have such a key they agree on it, and what they agree on stays. Where none
   has it, as when all have lost what it was, the event becomes state.
7. `reach_after` is the layer over the first parent's reach. Remembering outcomes by the parents' sorted snapshot numbers
   is the caller's business.

The create event never differs: whoever lets events in sees to it that a room has one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from timserver.core import choice
from timserver.core.definition import auth_chain, layered_state
from timserver.core.definition import fork as by_definition
from timserver.core.definition.auth_vector import Range
from timserver.core.definition.layered_state import Layers
from timserver.core.resolution import RULES
from timserver.core.stored import Placed, Stored, StoredPdu
from timserver.matrix.event import StateKey
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import RoomVersion, StateResolution

if choice.HAS_ENGINE:
    from timserver.core import engine


class Fork(Protocol):
    """A resolution that goes on; its steps are told above, and taken in that order."""

    @property
    def differing(self) -> Mapping[int, Sequence[int]]:
        """The keys in which states differ, in ascending order, each with its event in each state: 0 for none.

        Of layers that all states share, only the upper ones are looked through.
        """

    @property
    def numbers(self) -> list[int]:
        """The events that differ."""

    def ranges(self, reached: Sequence[Layers | None], differing: Sequence[Stored]) -> list[Range] | None:
        """What to read from the store: all placed events there, beyond those that are given. Ranges may overlap."""

    def full_set(self, found: Sequence[Placed]) -> list[int]:
        """The rest of the full conflicted set; `found` are the events that stand in the ranges."""

    def asked_keys(self, more: Sequence[Stored]) -> set[StateKey]:
        """The keys whose events are to be looked up; the create event always. None of them differs."""

    def cited(self, unconflicted: Sequence[Stored]) -> list[int]:
        """What must be read yet."""

    def resolve(
        self, cited: Sequence[Stored], older_levels: Mapping[int, int]
    ) -> tuple[dict[int, int], dict[int, int]]:
        """Layer and newcomers, by key; in the layer, 0 takes a key away.

        `older_levels` says of each power levels event to which `cited` and the full set lead, by auth events that are
        power levels, which one it cites, if any. The engine works on many events without the interpreter lock.
        """

    def reach_after(self, before: Layers, newcomers: set[int]) -> dict[int, int] | None:
        """What changes in the first parent's reach, by the layer and those of the newcomers that become state.

        None when the reach cannot be told from this alone.
        """


def fork(version: RoomVersion, states: Sequence[Layers]) -> Fork:
    """The resolution of some states begins."""
    if choice.HAS_ENGINE:
        return engine.Fork(RULES[version.identifier], states)
    return by_definition.Fork(version, states)


def read_stored(
    placed: Placed,
    event_id: EventID,
    pdu: bytes,
    prev: Sequence[int],
    auth: Sequence[int],
    rejected: bool = False,
) -> Stored:
    """An event that is stored, with what resolution must know of its PDU, which has passed the format checks."""
    if choice.HAS_ENGINE:
        return engine.read_stored(placed, event_id, pdu, prev, auth, rejected)
    return StoredPdu(placed, event_id, pdu, prev, auth, rejected)


def values(layers: Layers, keys: Iterable[int]) -> dict[int, int]:
    """The events of some keys, as far as the state has them."""
    return engine.values(layers, [*keys]) if choice.HAS_ENGINE else layered_state.values(layers, keys)


def changes(before: Layers, after: Layers) -> dict[int, int]:
    """What must be laid over one state to make it the other, by key in ascending order: 0 takes a key away.

    Of layers that both share, only the upper ones are looked through.
    """
    return engine.changes(before, after) if choice.HAS_ENGINE else layered_state.changes(before, after)


def merged(layers: Layers) -> dict[int, int]:
    """The whole state."""
    return engine.merged(layers) if choice.HAS_ENGINE else layered_state.merged(layers)


class _Links(NamedTuple):
    auth_events: Sequence[int]


def walk(
    version: RoomVersion,
    states: Sequence[Collection[int]],
    differing_events: Iterable[int],
    auth: Mapping[int, Sequence[int]],
) -> set[int]:
    """The full conflicted set without vectors. `states` are all events of each state, `auth` the auth events of these,
    of those, and so on.
    """
    conflicted = set(differing_events)
    if version.state_resolution is StateResolution.V1:
        return conflicted
    links = {number: _Links(cited) for number, cited in auth.items()}
    full = conflicted | auth_chain.auth_difference(states, links)
    if version.state_resolution is StateResolution.V2_1:
        full |= auth_chain.conflicted_subgraph(conflicted, links)
    return full
