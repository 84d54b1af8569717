"""Rooms that grow by chance on several servers, some of which send what is not allowed.

Each event follows one to three others, is authorized against the resolution of the states after them, and is
rejected when it fails, as a server would do.
"""

import random

import msgspec

from timserver import core
from timserver.matrix import canonical_json, pdu
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.room_versions import ROOM_VERSIONS, RoomVersion

State = dict[StateKey, EventID]
USERS = [UserID(f"@{name}:{name[0]}.example") for name in ("alice", "bob", "carol", "dora", "emil")]


class RandomRoom:
    """A room of a version, grown from a seed; `states` are the states after each event."""

    def __init__(self, version: str, seed: int) -> None:
        self.version: RoomVersion = ROOM_VERSIONS[version]
        self.random = random.Random(seed)
        self.events: dict[EventID, Event] = {}
        self.states: dict[EventID, State] = {}
        self.room_id = RoomID("!r:a.example")
        content: dict[str, JsonValue] = {"room_version": version}
        if not self.version.creator_is_sender:
            content["creator"] = USERS[0]
        if self.version.privileged_creators and self.random.random() < 0.3:
            content["additional_creators"] = [USERS[1]]
        create = self._event(USERS[0], "m.room.create", "", content, ())
        if self.version.room_id_is_create_hash:
            self.room_id = pdu.room_id_of(create.event_id)
            create = msgspec.structs.replace(create, room_id=self.room_id)
        self._add(with_pdu(create), {})
        self._begin()

    def _begin(self) -> None:
        levels: JsonObject = {"users": {} if self.version.privileged_creators else {USERS[0]: 100}}
        starts: list[tuple[str, str, JsonObject]] = [
            ("m.room.member", USERS[0], {"membership": "join"}),
            ("m.room.power_levels", "", levels),
            ("m.room.join_rules", "", {"join_rule": "public"}),
        ]
        for event_type, state_key, content in starts:
            self._append(USERS[0], event_type, state_key, content, [next(reversed(self.events))])

    def grow(self, count: int) -> "RandomRoom":
        """Add events."""
        for _ in range(count):
            known = list(self.events)
            recent = known[-self.random.choice([1, 3, 6, 12]) :]
            previous = self.random.sample(recent, min(len(recent), self.random.choice([1, 1, 1, 2, 3])))
            sender = self.random.choice(USERS)
            event_type, state_key, content = self._action(sender)
            self._append(sender, event_type, state_key, content, previous)
        return self

    def _action(self, sender: UserID) -> tuple[str, str | None, JsonObject]:
        other = self.random.choice(USERS)
        membership = self.random.choice(["join", "leave", "ban", "invite", "knock"])
        actions: list[tuple[int, tuple[str, str | None, JsonObject]]] = [
            (5, ("m.room.member", sender, {"membership": "join", **self._authoriser()})),
            (2, ("m.room.member", sender, {"membership": "leave"})),
            (6, ("m.room.member", other, {"membership": membership})),
            (4, ("m.room.power_levels", "", self._levels())),
            (2, ("m.room.join_rules", "", {"join_rule": self.random.choice(JOIN_RULES)})),
            (2, ("m.room.topic", "", {"topic": self.random.random() < 0.5})),
            (1, ("m.room.message", None, {})),
            (1, ("m.room.aliases", sender.partition(":")[2], {})),
        ]
        weights = [weight for weight, _ in actions]
        return self.random.choices([action for _, action in actions], weights)[0]

    def _authoriser(self) -> JsonObject:
        if self.random.random() < 0.8:
            return {}
        return {"join_authorised_via_users_server": self.random.choice(USERS)}

    def _levels(self) -> JsonObject:
        choose = self.random.choice
        listed = USERS[2:] if self.version.privileged_creators and self.random.random() < 0.9 else USERS
        users: dict[str, JsonValue] = {
            user: choose([0, 50, 50, 100]) for user in listed if choose([True, False])
        }
        if USERS[0] in listed and self.random.random() < 0.9:
            users[USERS[0]] = 100
        content: dict[str, JsonValue] = {"users": users}
        odd = [] if self.version.strict_canonical_json else [49.9, -1e300, 2**60, 2**70]
        for name in ("users_default", "events_default", "state_default", "ban", "kick", "invite"):
            if self.random.random() < 0.15:
                content[name] = choose([0, 0, 50, 100, "50", *odd])
        if self.random.random() < 0.3:
            content["events"] = {"m.room.topic": choose([0, 50, 100])}
        return content

    def _append(
        self,
        sender: UserID,
        event_type: str,
        state_key: str | None,
        content: JsonObject,
        previous: list[EventID],
    ) -> None:
        state = core.resolve(self.version, [self.states[event_id] for event_id in previous], self.events)
        event = self._event(sender, event_type, state_key, content, tuple(previous))
        keys = core.auth_keys(self.version, event_type, sender, state_key, content)
        event = msgspec.structs.replace(event, auth_events=tuple(state[key] for key in keys if key in state))
        auth_state = {key: self.events[event_id] for key, event_id in state.items()}
        if core.check_auth(self.version, event, auth_state) is not None:
            event = msgspec.structs.replace(event, rejected=True)
        self._add(with_pdu(event), state)

    def _add(self, event: Event, before: State) -> None:
        self.events[event.event_id] = event
        changes = event.is_state and not event.rejected
        self.states[event.event_id] = {**before, event.key: event.event_id} if changes else before

    def _event(
        self,
        sender: UserID,
        event_type: str,
        state_key: str | None,
        content: JsonObject,
        previous: tuple[EventID, ...],
    ) -> Event:
        own_server = ":a.example" if self.version.redaction_auth else ""
        depth = max((self.events[event_id].depth for event_id in previous), default=0) + 1
        authoriser = content.get("join_authorised_via_users_server")
        signer = authoriser.partition(":")[2] if isinstance(authoriser, str) else "x.example"
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
            prev_events=previous,
            auth_events=(),
            redacts=None,
            hashes={},
            signatures={signer: {"ed25519:1": "s"}},
            pdu=b"",
        )


JOIN_RULES = ["public", "public", "invite", "knock", "restricted", "knock_restricted"]


def with_pdu(event: Event) -> Event:
    """The event with the bytes that the engine reads."""
    fields: dict[str, JsonValue] = {
        "type": event.type,
        "sender": event.sender,
        "content": event.content,
        "depth": event.depth,
        "origin_server_ts": event.origin_server_ts,
        "signatures": event.signatures,
        **({"state_key": event.state_key} if event.state_key is not None else {}),
        **({"redacts": event.redacts} if event.redacts is not None else {}),
    }
    return msgspec.structs.replace(event, pdu=canonical_json.encode(fields, strict=False))
