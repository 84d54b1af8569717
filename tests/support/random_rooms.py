"""Rooms that grow by chance on several servers, some of which lie.

Each event follows some others and is judged as a server judges what it receives: by rule 3, by its own auth events,
and by the resolution of the states after those that it follows. What fails is rejected and stays in the room's
history.

An honest server builds on what was accepted lately, names the auth events that the state gives, and mostly sends what
is allowed. A liar may follow anything (long past, rejected, or both an event and its own ancestor), claim any time
and depth, name outdated, rejected, too few or unfit auth events, and grab power.
"""

import random
from typing import Final

import msgspec

from timserver import core
from timserver.matrix import canonical_json, pdu
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.ids import server_name_of as server_of
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.room_versions import ROOM_VERSIONS, RoomVersion

State = dict[StateKey, EventID]
Action = tuple[str, str | None, JsonObject]  # type, state key, content

NAMES: Final = ("alice", "bob", "carol", "dora", "emil", "frida", "anna", "ben")
JOIN_RULES: Final = ("public", "public", "invite", "knock", "restricted", "knock_restricted")
_CREATE: Final = ("m.room.create", "")


class RandomRoom:
    """A room of a version, grown from a seed; `states` are the states after each event."""

    def __init__(self, version: str, seed: int) -> None:
        self.version: RoomVersion = ROOM_VERSIONS[version]
        self.random = random.Random(seed)
        self.events: dict[EventID, Event] = {}
        self.states: dict[EventID, State] = {}
        servers = [ServerName(f"{letter}.example") for letter in "abcdef"[: self.random.randint(2, 6)]]
        named = [UserID(f"@{name}:{name[0]}.example") for name in NAMES]
        self.users = [user_id for user_id in named if server_of(user_id) in servers]
        self.liars = set(self.random.sample(servers, self.random.randint(0, len(servers) // 2)))
        self.changes_join_rules = self.random.random() < 0.6
        self.room_id = RoomID("!r:a.example")
        self._begin()

    @property
    def creator(self) -> UserID:
        """Who made the room."""
        return self.users[0]

    def grow(self, count: int) -> "RandomRoom":
        """Add events."""
        for _ in range(count):
            sender = self.random.choice(self.users)
            if server_of(sender) in self.liars and self.random.random() < 0.6:
                self._add(*self._lie(sender))
            else:
                self._add(*self._contribution(sender))
        return self

    def rejection(self, event: Event, before: State) -> core.Rejected | None:
        """What a server finds wrong with an event that it receives, if anything; `before` is the state before it."""
        auth_events = [self.events[event_id] for event_id in event.auth_events]
        if event.type == "m.room.create":
            return core.check_auth(self.version, event, {})
        claimed = {auth_event.key: auth_event for auth_event in auth_events if auth_event.is_state}
        create = self.events[before[_CREATE]]
        keys = core.state_keys(self.version, event.type, event.sender, event.state_key, event.content)
        actual = {key: self.events[before[key]] for key in keys if key in before}
        return (
            core.check_auth_events(self.version, event, auth_events)
            or core.check_auth(self.version, event, {_CREATE: create, **claimed})
            or core.check_auth(self.version, event, actual)
        )

    def _begin(self) -> None:
        content: dict[str, JsonValue] = {"room_version": self.version.identifier}
        if not self.version.creator_is_sender:
            content["creator"] = self.creator
        if self.version.privileged_creators and self.random.random() < 0.3:
            content["additional_creators"] = [self.users[1]]
        create = self._event(self.creator, ("m.room.create", "", content), [], {})
        if self.version.room_id_is_create_hash:
            self.room_id = pdu.room_id_of(create.event_id)
            create = msgspec.structs.replace(create, room_id=self.room_id)
        self._add(create, {})
        levels: JsonObject = {"users": {} if self.version.privileged_creators else {self.creator: 100}}
        starts: list[Action] = [
            ("m.room.member", self.creator, {"membership": "join"}),
            ("m.room.power_levels", "", levels),
            ("m.room.join_rules", "", {"join_rule": "public"}),
        ]
        for action in starts:
            previous = [next(reversed(self.events))]
            before = self._resolved(previous)
            self._add(self._event(self.creator, action, previous, before), before)

    def _contribution(self, sender: UserID) -> tuple[Event, State]:
        """What an honest server says: the first of a few wishes that is allowed, or the last."""
        accepted = [event_id for event_id, event in self.events.items() if not event.rejected]
        recent = accepted[-self.random.choice([1, 3, 6, 12]) :]
        previous = self.random.sample(recent, min(len(recent), self.random.choice([1, 1, 1, 2, 3])))
        before = self._resolved(previous)
        for _ in range(3):
            event = self._event(sender, self._action(sender), previous, before)
            if self.rejection(event, before) is None:
                break
        return event, before

    def _lie(self, sender: UserID) -> tuple[Event, State]:
        chance = self.random.random
        known = list(self.events)
        recent = known if chance() < 0.4 else known[-12:]
        previous = self.random.sample(recent, min(len(recent), self.random.choice([1, 1, 2, 3, 5])))
        before = self._resolved(previous)
        action = self._power_grab(sender) if chance() < 0.25 else self._action(sender)
        event = self._event(sender, action, previous, before)
        if chance() < 0.5:
            event = msgspec.structs.replace(event, origin_server_ts=self.random.randint(0, event.depth))
        if chance() < 0.2:
            event = msgspec.structs.replace(event, depth=self.random.randint(1, 2 * event.depth))
        if chance() < 0.5:
            auth_events = tuple(self._false_auth_events(event))
            event = msgspec.structs.replace(event, auth_events=auth_events)
        return event, before

    def _false_auth_events(self, event: Event) -> list[EventID]:
        """Some of the auth events exchanged for others of their key, at times one too few or one unfit."""
        named = list(event.auth_events)
        for place, event_id in enumerate(named):
            key = self.events[event_id].key
            others = [other.event_id for other in self.events.values() if other.is_state and other.key == key]
            if self.random.random() < 0.5:
                named[place] = self.random.choice(others)
        if named and self.random.random() < 0.15:
            del named[self.random.randrange(len(named))]
        if self.random.random() < 0.05:
            named.append(
                self.random.choice([other.event_id for other in self.events.values() if other.is_state])
            )
        return named

    def _action(self, sender: UserID) -> Action:
        choose = self.random.choice
        kinds = ["join", "leave", "other", "levels", "topic", "message", "aliases", "rules"]
        weights = (6, 2, 5, 4, 3, 1, 1, 2 * self.changes_join_rules)
        match self.random.choices(kinds, weights)[0]:
            case "join":
                return "m.room.member", sender, {"membership": "join", **self._authoriser()}
            case "leave":
                return "m.room.member", sender, {"membership": "leave"}
            case "other":
                membership = choose(["join", "leave", "ban", "invite", "knock"])
                return "m.room.member", choose(self.users), {"membership": membership}
            case "levels":
                return "m.room.power_levels", "", self._levels()
            case "topic":
                return "m.room.topic", "", {"topic": choose([True, False])}
            case "aliases":
                return "m.room.aliases", server_of(sender), {}
            case "rules":
                return "m.room.join_rules", "", {"join_rule": choose(JOIN_RULES)}
        return "m.room.message", None, {}

    def _power_grab(self, sender: UserID) -> Action:
        users: dict[str, JsonValue] = {user_id: 0 for user_id in self.users if self.random.random() < 0.3}
        return "m.room.power_levels", "", {"users": {**users, sender: 100}, "users_default": 0}

    def _authoriser(self) -> JsonObject:
        if self.random.random() < 0.8:
            return {}
        return {"join_authorised_via_users_server": self.random.choice(self.users)}

    def _levels(self) -> JsonObject:
        choose = self.random.choice
        listed = self.users
        if self.version.privileged_creators and self.random.random() < 0.9:
            listed = self.users[2:]
        users: dict[str, JsonValue] = {
            user: choose([0, 50, 50, 100]) for user in listed if choose([True, False])
        }
        if self.creator in listed and self.random.random() < 0.9:
            users[self.creator] = 100
        content: dict[str, JsonValue] = {"users": users}
        odd = [] if self.version.strict_canonical_json else [49.9, -1e300, 2**60, 2**70]
        for name in ("users_default", "events_default", "state_default", "ban", "kick", "invite"):
            if self.random.random() < 0.15:
                content[name] = choose([0, 0, 50, 100, "50", *odd])
        if self.random.random() < 0.3:
            content["events"] = {"m.room.topic": choose([0, 50, 100])}
        return content

    def _resolved(self, previous: list[EventID]) -> State:
        return core.resolve(self.version, [self.states[event_id] for event_id in previous], self.events)

    def _add(self, event: Event, before: State) -> None:
        rejected = self.rejection(event, before) is not None
        event = with_pdu(msgspec.structs.replace(event, rejected=rejected))
        self.events[event.event_id] = event
        changes = event.is_state and not rejected
        self.states[event.event_id] = {**before, event.key: event.event_id} if changes else before

    def _event(self, sender: UserID, action: Action, previous: list[EventID], before: State) -> Event:
        event_type, state_key, content = action
        own_server = f":{server_of(sender)}" if self.version.redaction_auth else ""
        depth = max((self.events[event_id].depth for event_id in previous), default=0) + 1
        authoriser = content.get("join_authorised_via_users_server")
        signer = server_of(UserID(authoriser)) if isinstance(authoriser, str) else "x.example"
        keys = core.auth_keys(self.version, event_type, sender, state_key, content)
        return Event(
            event_id=EventID(f"${self.random.getrandbits(64):016x}{own_server}"),
            room_id=self.room_id,
            sender=sender,
            type=event_type,
            state_key=state_key,
            content=content,
            # Clocks differ, and lie.
            origin_server_ts=depth + self.random.choice([0, 0, 1, -3, 5, -100]),
            depth=depth,
            prev_events=tuple(previous),
            auth_events=tuple(before[key] for key in keys if key in before),
            redacts=None,
            hashes={},
            signatures={signer: {"ed25519:1": "s"}},
            pdu=b"",
        )


def with_pdu(event: Event) -> Event:
    """The event with the bytes that the engine reads."""
    fields: dict[str, JsonValue] = {
        "type": event.type,
        "sender": event.sender,
        "content": event.content,
        "depth": event.depth,
        "origin_server_ts": event.origin_server_ts,
        **({"signatures": event.signatures} if event.signatures else {}),
        **({"state_key": event.state_key} if event.state_key is not None else {}),
        **({"redacts": event.redacts} if event.redacts is not None else {}),
    }
    return msgspec.structs.replace(event, pdu=canonical_json.encode(fields, strict=False))
