"""State resolution of room version 1.

Spec: https://spec.matrix.org/v1.19/rooms/v1/#state-resolution
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from timserver.core.definition.auth import check_auth
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import RoomVersion

_AUTH_TYPES = ("m.room.power_levels", "m.room.join_rules", "m.room.member")


def resolve(
    version: RoomVersion,
    states: Sequence[Mapping[StateKey, EventID]],
    events: Mapping[EventID, Event],
) -> dict[StateKey, EventID]:
    """The resolved state. A key that only some states have is no conflict. Rejected events do not count."""
    candidates: dict[StateKey, set[EventID]] = {}
    for state in states:
        for key, event_id in state.items():
            if not events[event_id].rejected:
                candidates.setdefault(key, set()).add(event_id)
    resolved = {key: events[min(ids)] for key, ids in candidates.items() if len(ids) == 1}
    conflicts = {
        key: [events[event_id] for event_id in ids] for key, ids in candidates.items() if len(ids) > 1
    }
    # Power levels, then join rules, then members
    for event_type in _AUTH_TYPES:
        # Differs from the spec, which does not say in which order members are taken: as other servers do, they do
        # not see each other's outcome.
        resolved |= {
            key: _resolve_auth_events(version, resolved, found)
            for key, found in conflicts.items()
            if key[0] == event_type
        }
    # All others
    resolved |= {
        key: _resolve_other_events(version, resolved, found)
        for key, found in conflicts.items()
        if key[0] not in _AUTH_TYPES
    }
    return {key: event.event_id for key, event in resolved.items()}


def _ordered(events: Iterable[Event]) -> list[Event]:
    """By ascending depth, then descending SHA-1 of the id."""
    by_hash = sorted(events, key=lambda event: hashlib.sha1(event.event_id.encode()).digest(), reverse=True)  # noqa: S324
    return sorted(by_hash, key=lambda event: event.depth)


def _resolve_auth_events(
    version: RoomVersion, resolved: Mapping[StateKey, Event], conflict: Iterable[Event]
) -> Event:
    """The first, and then each next one as long as it is allowed in the state that has the one before."""
    first, *others = _ordered(conflict)
    winner = first
    for event in others:
        if check_auth(version, event, {**resolved, winner.key: winner}) is not None:
            break
        winner = event
    return winner


def _resolve_other_events(
    version: RoomVersion, resolved: Mapping[StateKey, Event], conflict: Iterable[Event]
) -> Event:
    """The deepest one that is allowed.

    Differs from the spec's letter, as other servers do: when none is allowed, the least deep one is taken.
    """
    ordered = _ordered(conflict)
    for event in reversed(ordered):
        if check_auth(version, event, resolved) is None:
            return event
    return ordered[0]
