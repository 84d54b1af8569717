"""What another server tells of a room that we join: is it whole, and of this room (RELIABILITY E1, E3, E8, E15)?

All events were opened before: format, hash and signatures of each are right. One that was refused then, or whose auth
chain is not here, is left out, and so is all that cites it: a single bad event of long ago must keep nobody out. What
our join itself stands on must be there, or the server is not believed.

Spec: https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from timserver import core
from timserver.matrix.errors import BadJson
from timserver.matrix.event import Event, StateKey, get_str
from timserver.matrix.ids import EventID, RoomID
from timserver.matrix.room_versions import RoomVersion

_CREATE: StateKey = ("m.room.create", "")


class ReceivedRoom(msgspec.Struct, frozen=True):
    """The state before our join and the auth chains, each event with its whole auth chain."""

    state: Sequence[Event]
    auth_chain: Sequence[Event]
    left_out: int


def check_received(
    version: RoomVersion, join: Event, state: Iterable[Event], auth_chain: Iterable[Event]
) -> ReceivedRoom:
    """What of the answer can be used. Raises BadJson when it is not the state of the room that we joined."""
    given_state = {event.event_id: event for event in state}
    given = {event.event_id: event for event in auth_chain} | given_state
    whole = _with_whole_chains(given, join.room_id)
    current = _by_key(event for event_id, event in given_state.items() if event_id in whole)
    _check_create(version, join.room_id, current)
    missing = [event_id for event_id in join.auth_events if event_id not in whole]
    if missing:
        raise BadJson("The answer does not have what authorizes the join")
    refused = core.check_auth(version, join, current)
    if refused is not None:
        raise BadJson("The state in the answer does not allow the join", inner=refused.name)
    rest = [given[event_id] for event_id in whole if event_id not in given_state]
    return ReceivedRoom(list(current.values()), rest, len(given) - len(whole))


def _by_key(events: Iterable[Event]) -> dict[StateKey, Event]:
    current: dict[StateKey, Event] = {}
    for event in events:
        if not event.is_state:
            raise BadJson("The state in the answer has an event that is no state")
        if event.key in current:
            raise BadJson("The state in the answer has two events of one type and state key")
        current[event.key] = event
    return current


def _check_create(version: RoomVersion, room_id: RoomID, current: Mapping[StateKey, Event]) -> None:
    create = current.get(_CREATE)
    if create is None:
        raise BadJson("The state in the answer has no create event")
    if (get_str(create.content, "room_version") or "1") != version.identifier:
        raise BadJson("The room is of another version than the template said")
    assert create.room_id == room_id
    refused = core.check_auth(version, create, {})
    if refused is not None:
        raise BadJson("The create event in the answer is not valid", inner=refused.name)


def _with_whole_chains(given: Mapping[EventID, Event], room_id: RoomID) -> set[EventID]:
    """Ids of the events of the room of which all auth events are given, and theirs, and so on. Cycles are not whole."""
    whole: set[EventID] = set()
    broken = {event_id for event_id, event in given.items() if event.room_id != room_id}
    for start in given:
        if start in whole or start in broken:
            continue
        path: dict[EventID, Iterator[EventID]] = {start: iter(given[start].auth_events)}
        while path:
            event_id = next(reversed(path))
            cited = next(path[event_id], None)
            if cited is None:
                whole.add(event_id)
                del path[event_id]
            elif cited in broken or cited in path or cited not in given:
                broken.update(path)
                path.clear()
            elif cited not in whole:
                path[cited] = iter(given[cited].auth_events)
    return whole
