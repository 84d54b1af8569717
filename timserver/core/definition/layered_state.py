"""States in layers, as the store keeps them: a full one first, then what changed since, each one packed or a dict.

The event number 0 takes a key away. What holds for states holds for the reach of states (`auth_vector`): chains take
the place of keys, tops that of events.
"""

from collections.abc import Iterable, Mapping, Sequence

from timserver.core.definition.state_pack import unpack_state

Layer = bytes | Mapping[int, int]
Layers = Sequence[Layer]


def merged(layers: Layers) -> dict[int, int]:
    """The state that the layers make."""
    state: dict[int, int] = {}
    for layer in layers:
        state |= unpack_state(layer) if isinstance(layer, bytes) else layer
    return {key: event for key, event in state.items() if event}


def differing(states: Sequence[Layers]) -> dict[int, tuple[int, ...]]:
    """The keys in which states differ, in ascending order, each with its event in each state: 0 where there is none."""
    whole = [merged(layers) for layers in states]
    events_by_key = {key: tuple(state.get(key, 0) for state in whole) for key in sorted(set().union(*whole))}
    return {key: events for key, events in events_by_key.items() if len(set(events)) > 1}


def changes(before: Layers, after: Layers) -> dict[int, int]:
    """What must be laid over one state to make it the other, by key in ascending order: 0 takes a key away."""
    return {key: new for key, (_, new) in differing([before, after]).items()}


def values(layers: Layers, keys: Iterable[int]) -> dict[int, int]:
    """The events of some keys, as far as the state has them."""
    whole = merged(layers)
    return {key: whole[key] for key in keys if key in whole}
