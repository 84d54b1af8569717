"""Auth vectors: an event's whole auth chain in a few numbers, so that nobody has to walk it.

Every event that others can cite stands on a chain, at a position counted from 1, such that each event of a chain has
the one before in its auth chain. The auth chain of an event is then told by its *vector*: for each chain the highest
position that it reaches, itself included. Packed (`pack_state`), it is stored with the event; a new event's vector is
the maximum of those of its auth events. (DESIGN 3; the idea of chains is Synapse's chain cover.)

- *A* is in the auth chain of *B*, or is *B*: `reaches(vector of B, place of A)`.
- What a whole state reaches is kept with its snapshot: for each chain the *top*, which is the highest position and how
  many of the state's events reach that far. The count tells whether a top survives when an event leaves the state.
- The auth difference of states is, on each chain, the positions above the lowest and up to the highest of what the
  states reach: `difference`.
- Between two conflicted events lies only what is above all that the lower ones reach: `between`.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

import msgspec

Vector = Mapping[int, int]  # chain -> highest position reached; what is not listed is not reached
Place = tuple[int, int]  # chain, position
Reach = Mapping[int, int]  # chain -> top

VECTOR_ENTRIES_MAX = (
    1_000  # an event with a longer vector has none, nor has what cites it: chains are walked then
)
_COUNT_BITS = 32


Range = tuple[int, int, int]
"""A chain, and its positions above the second number, up to and with the third."""


class Placed(msgspec.Struct, frozen=True):
    """An event and what it reaches; it has no place when no other event can cite it."""

    place: Place | None
    vector: Vector


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


def top(position: int, count: int) -> int:
    """The highest position that a state reaches on a chain, and how many of its events do, in one number."""
    return position << _COUNT_BITS | count


def position_of(top: int) -> int:
    """The position in a top; that of 0, no top, is 0."""
    return top >> _COUNT_BITS


def count_of(top: int) -> int:
    """The count in a top."""
    return top & (1 << _COUNT_BITS) - 1


def reach(vectors: Iterable[Vector]) -> dict[int, int]:
    """The reach of a state, from the vectors of all its events."""
    return {chain: found for chain, found in (reach_after({}, [], vectors) or {}).items() if found}


def reach_after(before: Reach, removed: Iterable[Vector], added: Iterable[Vector]) -> dict[int, int] | None:
    """The tops that change when events leave a state and others come; 0 for a chain that is not reached any more.

    None when it cannot be told: a chain's last event that reached so far is gone, and nobody knows how far the others
    reach. Then `reach` has to be asked anew.
    """
    tops: dict[int, int] = {}
    for vector in added:
        for chain, position in vector.items():
            known = tops.get(chain, before.get(chain, 0))
            if position > position_of(known):
                tops[chain] = top(position, 1)
            elif position == position_of(known):
                tops[chain] = known + 1
    for vector in removed:
        for chain, position in vector.items():
            known = tops.get(chain, before.get(chain, 0))
            if position == position_of(known):
                tops[chain] = known - 1
    for chain, found in tops.items():
        if count_of(found) == 0:
            if position_of(found) > 1:
                return None
            tops[chain] = 0
    return {chain: found for chain, found in sorted(tops.items()) if found != before.get(chain, 0)}


def difference(reached: Sequence[Vector]) -> list[Range]:
    """The auth difference of states, each given by the highest positions that its events reach.

    As in `auth_chain.auth_difference`, the events of a state count as part of its chain.
    """
    ranges = []
    for chain in sorted(set().union(*reached)):
        positions = [vector.get(chain, 0) for vector in reached]
        if min(positions) < max(positions):
            ranges.append((chain, min(positions), max(positions)))
    return ranges


def between(conflicted: Sequence[Placed]) -> list[Range]:
    """Where events between two conflicted ones can stand.

    Such an event is reached by a conflicted event that reaches another one, and reaches one that is reached by
    another; it stands above all that this one reaches, for nothing reaches what it is reached by. On a chain whose
    lowest conflicted event reaches no other, it stands above that: what is below reaches no more.
    """
    tops = reach(event.vector for event in conflicted)
    lowest = lowest_places(conflicted)
    places = {event.place for event in conflicted if event.place and not _reaches_another(event, lowest)}
    bottoms = {chain: position for chain, position in places if lowest[chain] == position}
    upper = [event.vector for event in conflicted if _reaches_another(event, lowest)]
    lower = [
        event.vector for event in conflicted if event.place and tops[event.place[0]] > top(event.place[1], 1)
    ]
    joined = join(upper)
    floors = {
        chain: max(min((vector.get(chain, 0) for vector in lower), default=0), bottoms.get(chain, 0))
        for chain in joined
    }
    return [(chain, floors[chain], upto) for chain, upto in sorted(joined.items()) if floors[chain] < upto]


def lowest_places(conflicted: Iterable[Placed]) -> dict[int, int]:
    """The lowest position of conflicted events on each chain that has some."""
    lowest: dict[int, int] = {}
    for event in conflicted:
        if event.place:
            chain, position = event.place
            lowest[chain] = min(position, lowest.get(chain, position))
    return lowest


def _reaches_another(event: Placed, lowest: Mapping[int, int]) -> bool:
    own_chain, own_position = event.place or (None, 0)
    return any(
        chain in lowest and lowest[chain] <= position and (chain != own_chain or lowest[chain] < own_position)
        for chain, position in event.vector.items()
    )


def reaches_any(vector: Vector, lowest: Mapping[int, int]) -> bool:
    """Whether the event reaches one of those whose `lowest_places` are given."""
    return any(chain in lowest and lowest[chain] <= position for chain, position in vector.items())


def unknown_in(stretch: Range, known: Container[Place]) -> Range | None:
    """What of a range lies between its first place and its last one that are not known."""
    chain, after, upto = stretch
    places = [position for position in range(after + 1, upto + 1) if (chain, position) not in known]
    return (chain, places[0] - 1, places[-1]) if places else None
