"""Auth vectors: an event's whole auth chain in a few numbers, so that nobody has to walk it.

Every event that others can cite stands on a chain, at a position counted from 1, such that each event of a chain has
the one before in its auth chain. The auth chain of an event is then told by its *vector*: for each chain the highest
position that it reaches, itself included. Packed (`pack_state`), it is stored with the event; a new event's vector is
the maximum of those of its auth events. (DESIGN 3; the idea of chains is Synapse's chain cover.)

- *A* is in the auth chain of *B*, or is *B*: `reaches(vector of B, place of A)`.
- The auth difference of states is, on each chain, the positions above the lowest and up to the highest of what the
  states reach: `difference`.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from timserver.matrix.event import StateKey

Vector = Mapping[int, int]  # chain -> highest position reached; what is not listed is not reached
Place = tuple[int, int]  # chain, position


class Placed(msgspec.Struct, frozen=True):
    """An event on its chain."""

    key: StateKey
    place: Place
    vector: Vector


class Range(msgspec.Struct, frozen=True):
    """The positions of a chain above `after`, up to and with `upto`."""

    chain: int
    after: int
    upto: int


def place(
    key: StateKey, auth_events: Sequence[Placed], chain_ends: Mapping[int, int], new_chain: int
) -> Placed:
    """Place an event whose auth events are placed.

    It goes on with the chain of the auth event of its own key, if that is the chain's last; else it begins
    `new_chain`. `chain_ends` has the highest position taken on each chain of the auth events.
    """
    vector = dict(join(auth_event.vector for auth_event in auth_events))
    chain, position = new_chain, 1
    for auth_event in auth_events:
        own_chain, own_position = auth_event.place
        if auth_event.key == key and chain_ends[own_chain] == own_position:
            chain, position = own_chain, own_position + 1
    vector[chain] = position
    return Placed(key, (chain, position), vector)


def reaches(vector: Vector, target: Place) -> bool:
    """Whether the event at `target` is in the auth chain that the vector tells of, or its own."""
    chain, position = target
    return vector.get(chain, 0) >= position


def join(vectors: Iterable[Vector]) -> dict[int, int]:
    """What any of the events reaches."""
    joined: dict[int, int] = {}
    for vector in vectors:
        for chain, position in vector.items():
            if position > joined.get(chain, 0):
                joined[chain] = position
    return joined


def difference(reached: Sequence[Vector]) -> list[Range]:
    """The auth difference of states, each given by the joined vectors of its events.

    As in `auth_chain.auth_difference`, the events of a state count as part of its chain.
    """
    ranges = []
    for chain in sorted(set().union(*reached)):
        positions = [vector.get(chain, 0) for vector in reached]
        if min(positions) < max(positions):
            ranges.append(Range(chain, min(positions), max(positions)))
    return ranges


def subgraph(conflicted: Sequence[Placed], candidates: Iterable[Placed]) -> set[Place]:
    """The conflicted state subgraph: of the candidates, those between two conflicted events, and these themselves.

    Candidates can only be events that the conflicted ones reach: `difference([{}, join of their vectors])`.
    """
    reached = join(event.vector for event in conflicted)
    ends = [event.place for event in conflicted]
    between = {
        candidate.place
        for candidate in candidates
        if reaches(reached, candidate.place) and any(reaches(candidate.vector, end) for end in ends)
    }
    return between | set(ends)
