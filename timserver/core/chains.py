"""Auth vectors of stored events and the reach of stored states, by numbers and packed (MAP 3.4, point 6).

What they are is said by `definition/auth_vector.py`. For the store:

- Each accepted state event gets a `Placed` when it is stored: `place`. Rejected ones need none, for no accepted event
  cites them; messages need none, for they are in no state.
- Each snapshot has a third body beside others and members, its reach: chain number -> top, in layers like the other
  two. `reach_after` gives what the next layer has to say; where it gives None (or a vector was None) the body is
  null, until `reach` of all events of a state makes it anew. Small numbers for chains make small bodies: count them per
  room.
"""

from collections.abc import Iterable, Mapping, Sequence

from timserver.core import choice, forks
from timserver.core.definition import auth_vector, layered_state
from timserver.core.definition.layered_state import Layers
from timserver.core.stored import Placed

if choice.HAS_ENGINE:
    from timserver.core import engine

CITABLE_TYPES = frozenset(
    {
        "m.room.create",
        "m.room.join_rules",
        "m.room.member",
        "m.room.power_levels",
        "m.room.third_party_invite",
    }
)
"""Types of events that `auth_keys` can name: these stand on chains."""


def place(
    number: int,
    key: int,
    auth_events: Sequence[Placed],
    chain_ends: Mapping[int, int],
    new_chain: int,
) -> Placed:
    """Place an accepted state event whose auth events are placed.

    It goes on with the chain of the auth event of its own key, if that event is the chain's last, else it begins
    `new_chain`; which of the two is told by `chain`. `chain_ends` must have the highest position that is taken on the
    chain of that auth event. `new_chain` is 0 for types that are not in `CITABLE_TYPES`.
    """
    chain, position = new_chain, min(new_chain, 1)
    for event in auth_events:
        if new_chain and event.key == key and chain_ends[event.chain] == event.position:
            chain, position = event.chain, event.position + 1
    vectors = _all_known(event.vector for event in auth_events)
    return Placed(number, key, chain, position, _vector(vectors, chain, position))


def _vector(cited: list[bytes] | None, chain: int, position: int) -> bytes | None:
    if cited is None:
        return None
    if choice.HAS_ENGINE:
        return engine.vector(cited, chain, position, auth_vector.VECTOR_ENTRIES_MAX)
    vector = auth_vector.join(map(choice.unpack_state, cited))
    if chain:
        vector[chain] = position
    return choice.pack_state(vector) if len(vector) <= auth_vector.VECTOR_ENTRIES_MAX else None


def reach(vectors: Iterable[bytes | None]) -> dict[int, int] | None:
    """The reach of a state, from the vectors of all its events; None when one of them has none."""
    known = _all_known(vectors)
    if known is None:
        return None
    if choice.HAS_ENGINE:
        return engine.reach(known)
    return auth_vector.reach(map(choice.unpack_state, known))


def reach_after(
    before: Layers | None, removed: Iterable[bytes | None], added: Iterable[bytes | None]
) -> dict[int, int] | None:
    """What changes in a state's reach when events leave it and others come (one replaced: both); 0 takes a chain away.

    None when the reach cannot be told from this alone.
    """
    gone, new = _all_known(removed), _all_known(added)
    if before is None or gone is None or new is None:
        return None
    if choice.HAS_ENGINE:
        return engine.reach_after(before, gone, new)
    whole = layered_state.merged(before)
    return auth_vector.reach_after(whole, map(choice.unpack_state, gone), map(choice.unpack_state, new))


def is_reached(reach: Layers, event: Placed) -> bool:
    """Is the event in a state with this reach, or in the auth chain of one that is? False for one on no chain."""
    if not event.chain:
        return False
    found = forks.values(reach, [event.chain]).get(event.chain, 0)
    return auth_vector.position_of(found) >= event.position


def _all_known(vectors: Iterable[bytes | None]) -> list[bytes] | None:
    known: list[bytes] = []
    for vector in vectors:
        if vector is None:
            return None
        known.append(vector)
    return known
