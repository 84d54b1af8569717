"""Rooms with a fork, of signed PDUs: those of ruma's own benchmarks, and synthetic ones by size and difference."""

from collections.abc import Sequence

import msgspec

from timserver import core
from timserver.matrix import pdu, signing
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.room_versions import ROOM_VERSIONS

SERVER = ServerName("bench.example")
KEY = signing.make_signing_key("ed25519:1", bytes(range(32)))
ALICE = UserID("@alice:bench.example")
State = dict[StateKey, EventID]


class Fork(msgspec.Struct, frozen=True):
    """All events of a room, the state before it parted, and what each branch has changed since, in order."""

    name: str
    version: str
    events: dict[EventID, Event]
    base: State
    branches: list[list[EventID]]

    @property
    def difference(self) -> int:
        """In how many keys the branches differ, about."""
        return sum(map(len, self.branches))

    @property
    def states(self) -> list[State]:
        """The whole state of each branch."""
        return [
            {**self.base, **{self.events[event_id].key: event_id for event_id in branch}}
            for branch in self.branches
        ]


class Builder:
    """A room that grows; each event follows the last one and is authorized by the state."""

    def __init__(self, version: str) -> None:
        self.version = ROOM_VERSIONS[version]
        self.events: dict[EventID, Event] = {}
        self.state: State = {}
        self.head: tuple[EventID, ...] = ()
        self.clock = 1_700_000_000_000
        self.room_id: RoomID | None = None if self.version.room_id_is_create_hash else RoomID(f"!r:{SERVER}")
        content: JsonObject = {"room_version": version}
        if not self.version.creator_is_sender:
            content = {"creator": ALICE, **content}
        create = self.add(ALICE, "m.room.create", content)
        self.room_id = create.room_id
        self.join(ALICE)

    def add(self, sender: UserID, event_type: str, content: JsonObject, state_key: str = "") -> Event:
        """An event that sets state."""
        self.clock += 1_000
        keys = core.auth_keys(self.version, event_type, sender, state_key, content)
        template = pdu.PduTemplate(
            room_id=self.room_id,
            sender=sender,
            type=event_type,
            content=content,
            prev_events=self.head,
            auth_events=tuple(self.state[key] for key in keys if key in self.state),
            depth=len(self.events) + 1,
            origin_server_ts=self.clock,
            state_key=state_key,
        )
        event = core.seal(self.version, template, server_name=SERVER, signing_key=KEY)
        auth_state = {key: self.events[event_id] for key, event_id in self._asked(event).items()}
        assert core.check_auth(self.version, event, auth_state) is None
        self.events[event.event_id] = event
        self.state[event.key] = event.event_id
        self.head = (event.event_id,)
        return event

    def _asked(self, event: Event) -> State:
        keys = core.state_keys(self.version, event.type, event.sender, event.state_key, event.content)
        return {key: self.state[key] for key in keys if key in self.state}

    def join(self, user_id: UserID, name: str = "") -> Event:
        """A join, or another name of somebody who has joined."""
        content: JsonObject = {"membership": "join", **({"displayname": name} if name else {})}
        return self.add(user_id, "m.room.member", content, user_id)

    def levels(self, moderators: Sequence[UserID], topic: int = 50) -> Event:
        """Power levels by alice."""
        users: dict[str, object] = dict.fromkeys(moderators, 50)
        if not self.version.privileged_creators:
            users[ALICE] = 100
        content: JsonObject = {"users": users, "events": {"m.room.topic": topic}}  # type: ignore[dict-item]
        return self.add(ALICE, "m.room.power_levels", content)

    def fork(self, name: str, steps: Sequence[Sequence[tuple[UserID, str, JsonObject, str]]]) -> Fork:
        """Part here; each branch does its steps."""
        base, head, clock = self.state, self.head, self.clock
        branches = []
        for place, branch in enumerate(steps):
            self.state, self.head, self.clock = dict(base), head, clock + place
            branches.append([self.add(*step).event_id for step in branch])
        return Fork(name, self.version.identifier, self.events, base, branches)


def user(number: int, name: str = "member") -> UserID:
    """One of many."""
    return UserID(f"@{name}-{number:06d}:{SERVER}")


def synthetic(version: str, members: int, difference: int) -> Fork:
    """A public room most of whose members have changed their names since they joined, with 20 moderators. On one branch
    alice changes the power levels, on the other she bans somebody; on both, new members come and others change their
    names, so that the branches differ in `difference` keys.
    """
    room = Builder(version)
    moderators = [user(number) for number in range(min(20, members))]
    room.levels(moderators)
    room.add(ALICE, "m.room.join_rules", {"join_rule": "public"})
    room.add(ALICE, "m.room.history_visibility", {"history_visibility": "shared"})
    room.add(ALICE, "m.room.name", {"name": "Bench"})
    for number in range(members):
        room.join(user(number))
        if number % 5:
            room.join(user(number), f"Member {number}")
        if number % max(1, members // 20) == 0:
            room.levels(moderators, 50 + number % 7)
    half = difference // 2
    steps: list[list[tuple[UserID, str, JsonObject, str]]] = []
    for branch, first in enumerate(
        (
            (ALICE, "m.room.power_levels", _levels_content(room, moderators), ""),
            (ALICE, "m.room.member", {"membership": "ban"}, user(members - 1)),
        )
    ):
        changes: list[tuple[UserID, str, JsonObject, str]] = [first]
        for number in range(half - 1):
            changed = number % 2 and number < members // 3
            who = user(members // 2 * branch + number) if changed else user(number, f"new-{branch}")
            changes.append((who, "m.room.member", {"membership": "join", "displayname": f"B{branch}"}, who))
        steps.append(changes)
    return room.fork(f"{members:,} members, {difference:,} differ", steps)


def _levels_content(room: Builder, moderators: Sequence[UserID]) -> JsonObject:
    users: dict[str, object] = dict.fromkeys(moderators[1:], 50)
    if not room.version.privileged_creators:
        users[ALICE] = 100
    return {"users": users, "events": {"m.room.topic": 60}}  # type: ignore[dict-item]


def ruma_shapes(version: str) -> list[Fork]:
    """The rooms of ruma-state-res' benches: two joins beside each other, and a join beside a ban."""
    bob, charlie, zara = (UserID(f"@{name}:{SERVER}") for name in ("bob", "charlie", "zara"))
    users: dict[str, JsonValue] = {bob: 50}
    if not ROOM_VERSIONS[version].privileged_creators:
        users[ALICE] = 100
    found = []
    for name, steps in (
        ("ruma: 6 events, one fork", [[_joins(charlie)], [_joins(zara)]]),
        (
            "ruma: 10 events, 3 conflicting",
            [
                [_joins(zara)],
                [
                    (ALICE, "m.room.member", {"membership": "ban"}, zara),
                    (ALICE, "m.room.power_levels", {"users": users}, ""),
                ],
            ],
        ),
    ):
        room = Builder(version)
        room.levels([])
        room.add(ALICE, "m.room.join_rules", {"join_rule": "public"})
        room.add(ALICE, "m.room.history_visibility", {"history_visibility": "shared"})
        room.join(bob)
        found.append(room.fork(name, steps))  # type: ignore[arg-type]
    return found


def _joins(who: UserID) -> tuple[UserID, str, JsonObject, str]:
    return who, "m.room.member", {"membership": "join"}, who
