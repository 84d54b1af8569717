"""The corpus (`tests/corpus`): small rooms told as stories, each with what must come out of them by room version.

A file has one `room`, the events that its cases share, and its `cases`. One text serves all room versions: where a
version wants another form of the same thing, it is given that form here.

- `state_resolution`: several states, and what they resolve to. Both are told as changes to the room's own state: the
  name of an event puts it there, `-name` takes it away.
- `authorization`: an event, what is changed in the state before it, and the rejection's name or "allowed". An event
  that says what it cites (`auth`) is judged as one that was received.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypeVar, cast

import msgspec

from tests.support.random_rooms import with_pdu
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.json_types import JsonValue
from timserver.matrix.redaction import redact_content
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat, RoomVersion

CORPUS: Final = Path(__file__).parents[1] / "corpus"
CREATOR: Final = "@alice:a"
ALLOWED: Final = "allowed"
CREATE: Final = ("m.room.create", "")


class EventCase(msgspec.Struct, forbid_unknown_fields=True):
    """An event as the corpus writes it."""

    id: str
    sender: str
    type: str
    content: dict[str, object]
    state_key: str | None = None
    ts: int = 0
    depth: int | None = None  # else one more than those before
    prev: list[str] = []
    auth: list[str] | None = None
    redacts: str | None = None
    signed_by: list[str] = []
    rejected: bool = False
    redacted: bool = False
    other_room: bool = False
    bare: bool = False  # exactly as it is written, in every room version


class ResolutionCase(msgspec.Struct, forbid_unknown_fields=True):
    """States and their resolution, both as changes to the room's state."""

    name: str
    origin: Literal["known", "new"]  # re-told from what other servers test, or ours
    story: str
    events: list[EventCase]
    states: list[list[str]]
    results: dict[str, list[str]]  # by room versions, as "2-11"


class AuthorizationCase(msgspec.Struct, forbid_unknown_fields=True):
    """An event and the verdicts on it; `state` is put over the room's state, the events `without` are not in it."""

    name: str
    origin: Literal["known", "new"]
    story: str
    event: EventCase
    verdicts: dict[str, str]
    state: list[EventCase] = []
    without: list[str] = []


class CorpusFile(msgspec.Struct, forbid_unknown_fields=True):
    """A file of the corpus, with its cases still to be read."""

    about: str
    room: list[EventCase]
    cases: msgspec.Raw


class Resolution(msgspec.Struct, frozen=True):
    """A resolution case in one room version."""

    story: str  # the case's name
    version: RoomVersion
    events: Mapping[EventID, Event]
    states: Sequence[Mapping[StateKey, EventID]]
    resolved: Mapping[StateKey, EventID]


class Authorization(msgspec.Struct, frozen=True):
    """An authorization case in one room version."""

    story: str  # the case's name
    version: RoomVersion
    event: Event
    state: Mapping[StateKey, Event]
    cited: Sequence[Event] | None
    verdict: str


Case = TypeVar("Case", ResolutionCase, AuthorizationCase)


def resolution_cases() -> Iterator[tuple[CorpusFile, ResolutionCase]]:
    """All cases of state resolution."""
    return _cases("state_resolution", ResolutionCase)


def authorization_cases() -> Iterator[tuple[CorpusFile, AuthorizationCase]]:
    """All cases of authorization."""
    return _cases("authorization", AuthorizationCase)


def resolutions() -> Iterator[Resolution]:
    """All cases of state resolution, in each room version that they speak of."""
    for file, case in resolution_cases():
        for versions, result in case.results.items():
            for version in versions_of(versions):
                events = _events(version, [*file.room, *case.events])
                room = {event.key: event.event_id for event in _events(version, file.room).values()}
                yield Resolution(
                    case.name,
                    version,
                    events,
                    [_changed(room, events, changes) for changes in case.states],
                    _changed(room, events, result),
                )


def authorizations() -> Iterator[Authorization]:
    """All cases of authorization, in each room version that they speak of."""
    for file, case in authorization_cases():
        for versions, verdict in case.verdicts.items():
            for version in versions_of(versions):
                known = _events(version, [*file.room, *case.state])
                event = _event(version, case.event, _depth(known, case.event))
                without = {_id(name) for name in case.without}
                state = {other.key: other for other in known.values() if other.event_id not in without}
                cited = None if case.event.auth is None else [known[id_] for id_ in event.auth_events]
                yield Authorization(case.name, version, event, state, cited, verdict)


def versions_of(versions: str) -> list[RoomVersion]:
    """The room versions of "3" or "3-9"."""
    first, _, last = versions.partition("-")
    return [ROOM_VERSIONS[str(number)] for number in range(int(first), int(last or first) + 1)]


def _cases(folder: str, kind: type[Case]) -> Iterator[tuple[CorpusFile, Case]]:
    for path in sorted((CORPUS / folder).glob("*.json")):
        file = msgspec.json.decode(path.read_bytes(), type=CorpusFile)
        cases: list[Case] = msgspec.json.decode(file.cases, type=list[kind])  # type: ignore[valid-type]
        for case in cases:
            yield file, case


def _id(name: str) -> EventID:
    return EventID("$" + name)


def _changed(
    room: Mapping[StateKey, EventID], events: Mapping[EventID, Event], changes: Sequence[str]
) -> dict[StateKey, EventID]:
    state = dict(room)
    for change in changes:
        event = events[_id(change.removeprefix("-"))]
        if change.startswith("-"):
            del state[event.key]
        else:
            state[event.key] = event.event_id
    return state


def _events(version: RoomVersion, cases: Sequence[EventCase]) -> dict[EventID, Event]:
    events: dict[EventID, Event] = {}
    for case in cases:
        event = _event(version, case, _depth(events, case))
        events[event.event_id] = event
    return events


def _depth(known: Mapping[EventID, Event], case: EventCase) -> int:
    return case.depth or max((known[_id(name)].depth for name in case.prev), default=0) + 1


def _event(version: RoomVersion, case: EventCase, depth: int) -> Event:
    """The event in the form of a room version."""
    create_is_implied = version.room_id_is_create_hash
    room_id = "!create" if create_is_implied else "!room:a"
    cited = [name for name in case.auth or [] if case.bare or not (create_is_implied and name == "create")]
    event = Event(
        event_id=_id(case.id),
        room_id=RoomID("!other:a" if case.other_room else room_id),
        sender=UserID(case.sender),
        type=case.type,
        state_key=case.state_key,
        content=_content(version, case),
        origin_server_ts=case.ts,
        depth=depth,
        prev_events=tuple(_id(name) for name in case.prev),
        auth_events=tuple(_id(name) for name in cited),
        redacts=EventID(case.redacts)
        if case.redacts and version.event_id_format is EventIdFormat.GIVEN
        else None,
        hashes={},
        signatures={server: {"ed25519:1": "signature"} for server in case.signed_by},
        pdu=b"",
        rejected=case.rejected,
    )
    return with_pdu(event)


def _content(version: RoomVersion, case: EventCase) -> dict[str, JsonValue]:
    content = cast("dict[str, JsonValue]", dict(case.content))
    users = content.get("users")
    if case.bare:
        return content
    if case.type == "m.room.create" and not version.creator_is_sender:
        content.setdefault("creator", CREATOR)
    if case.type == "m.room.power_levels" and version.privileged_creators and isinstance(users, dict):
        content["users"] = {user_id: level for user_id, level in users.items() if user_id != CREATOR}
    return redact_content(version, case.type, content) if case.redacted else content
