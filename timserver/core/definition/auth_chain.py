"""Auth chains, and what several states do not have in common of them.

Spec: https://spec.matrix.org/v1.19/rooms/v12/#definitions
"""

from collections.abc import Hashable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol, TypeVar

Id = TypeVar("Id", bound=Hashable)
Cited_co = TypeVar("Cited_co", bound=Hashable, covariant=True)


class Citing(Protocol[Cited_co]):
    """An event, of which only the auth events matter here."""

    @property
    def auth_events(self) -> Iterable[Cited_co]:
        """Their ids."""


def auth_chain(event_ids: Iterable[Id], events: Mapping[Id, Citing[Id]]) -> set[Id]:
    """The auth events of these events, the auth events of those, and so on."""
    chain: set[Id] = set()
    pending = list(event_ids)
    while pending:
        for event_id in events[pending.pop()].auth_events:
            if event_id not in chain:
                chain.add(event_id)
                pending.append(event_id)
    return chain


def auth_difference(states: Iterable[Iterable[Id]], events: Mapping[Id, Citing[Id]]) -> set[Id]:
    """The events that are in the auth chain of some state, but not of every one.

    Differs from the spec's letter, as other servers do: the events of a state count as part of its chain. An event
    that all states have is in no difference, even if only some cite it.
    """
    chains = [_with_chain(set(state), events) for state in states]
    common = chains[0].intersection(*chains[1:])
    return chains[0].union(*chains[1:]) - common


def _with_chain(state: set[Id], events: Mapping[Id, Citing[Id]]) -> set[Id]:
    return state | auth_chain(state, events)


def conflicted_subgraph(conflicted: AbstractSet[Id], events: Mapping[Id, Citing[Id]]) -> set[Id]:
    """The events on auth paths from one conflicted event to another, both ends included."""
    reachable = auth_chain(conflicted, events) | conflicted
    # Backwards, from what is cited to who cites it, within what conflicted events reach.
    citing: dict[Id, list[Id]] = {event_id: [] for event_id in reachable}
    for event_id in reachable:
        for auth_event_id in events[event_id].auth_events:
            citing[auth_event_id].append(event_id)
    subgraph = set(conflicted)
    pending = list(conflicted)
    while pending:
        for event_id in citing[pending.pop()]:
            if event_id not in subgraph:
                subgraph.add(event_id)
                pending.append(event_id)
    return subgraph
