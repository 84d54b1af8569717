"""Rooms for tests of the core: events as plain values, without signatures, told as a story."""

import itertools
from collections.abc import Sequence

import msgspec

from tests.support.random_rooms import with_pdu
from tests.support.rule_numbers import name_of
from timserver import core
from timserver.core import engine, resolution
from timserver.matrix import pdu
from timserver.matrix.errors import BadJson
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import ROOM_VERSIONS

ALICE, BOB, CAROL = UserID("@alice:a.example"), UserID("@bob:b.example"), UserID("@carol:c.example")
ALL = tuple(ROOM_VERSIONS)


def since(first: int) -> tuple[str, ...]:
    """All versions from `first`."""
    return tuple(identifier for identifier in ALL if int(identifier) >= first)


def before(first: int) -> tuple[str, ...]:
    """All versions before `first`."""
    return tuple(identifier for identifier in ALL if int(identifier) < first)


class Room:
    """A room's current state; alice has made the room, and every accepted event follows the one before."""

    def __init__(self, version: str, create_content: JsonObject | None = None) -> None:
        self.version = ROOM_VERSIONS[version]
        self.counter = itertools.count()
        self.state: dict[StateKey, Event] = {}
        self.head: tuple[EventID, ...] = ()
        self.room_id = RoomID("!room:a.example")
        content: JsonObject = {"room_version": version, **(create_content or {})}
        if not self.version.creator_is_sender:
            content = {"creator": ALICE, **content}
        create = self.event(ALICE, "m.room.create", content, state_key="")
        if self.version.room_id_is_create_hash:
            self.room_id = pdu.room_id_of(create.event_id)
            create = msgspec.structs.replace(create, room_id=self.room_id)
        self.accept(create)

    def event(
        self,
        sender: str,
        event_type: str,
        content: JsonObject | None = None,
        *,
        state_key: str | None = None,
        redacts: str | None = None,
        signed_by: Sequence[str] = (),
    ) -> Event:
        """An event that follows the head; not part of the room yet."""
        event_id = EventID(f"$event{next(self.counter)}:{sender.partition(':')[2]}")
        return Event(
            event_id=event_id,
            room_id=self.room_id,
            sender=UserID(sender),
            type=event_type,
            state_key=state_key,
            content=content or {},
            origin_server_ts=1000,
            depth=len(self.state) + 1,
            prev_events=self.head,
            auth_events=(),
            redacts=EventID(redacts) if redacts else None,
            hashes={},
            signatures={server: {"ed25519:1": "sig"} for server in signed_by},
            pdu=b"{}",
        )

    def member(self, sender: str, target: str, membership: str, **content: object) -> Event:
        """A membership event."""
        signers = content.pop("signed_by", ())
        assert isinstance(signers, tuple)
        whole: JsonObject = {"membership": membership, **content}  # type: ignore[dict-item]
        return self.event(sender, "m.room.member", whole, state_key=target, signed_by=signers)

    def levels(self, sender: str, content: JsonObject) -> Event:
        """A power levels event."""
        return self.event(sender, "m.room.power_levels", content, state_key="")

    def accept(self, event: Event) -> Event:
        """Make the event part of the room, without asking."""
        if event.is_state:
            self.state[event.key] = event
        self.head = (event.event_id,)
        return event

    def joined(self, *users: str) -> "Room":
        """Users who are in the room."""
        for user in users:
            self.accept(self.member(user, user, "join"))
        return self

    def with_member(self, user: str, membership: str) -> "Room":
        """A user with this membership, set by alice."""
        self.accept(self.member(ALICE, user, membership))
        return self

    def with_join_rule(self, join_rule: object) -> "Room":
        """A join rule."""
        content: JsonObject = {"join_rule": join_rule}  # type: ignore[dict-item]
        self.accept(self.event(ALICE, "m.room.join_rules", content, state_key=""))
        return self

    def with_levels(self, **content: object) -> "Room":
        """Power levels; alice has 100 where she can be listed, bob what is said."""
        self.accept(self.levels(ALICE, content))  # type: ignore[arg-type]
        return self

    def verdict(self, event: Event) -> str | None:
        """The name of the rejection, or None; the engine must say the same where it is asked."""
        name = name_of(core.check_auth(self.version, event, self.state))
        assert self._verdict_of_engine(event) in (name, "not asked")
        return name

    def _verdict_of_engine(self, event: Event) -> str | None:
        create = self.state["m.room.create", ""]
        if event.type == "m.room.create" or event.room_id != create.room_id:
            return "not asked"
        numbers = list(range(len(self.state)))
        try:
            raw: list[resolution.RawEvent] = [
                (known.event_id, with_pdu(known).pdu, only_prev_of(known), [], known.rejected)
                for known in [*self.state.values(), event]
            ]
            number_of_create = list(self.state).index(create.key)
            return engine.check_auth(resolution.rules(self.version), raw, number_of_create, numbers)
        except BadJson:  # NaN
            return "not asked"


def only_prev_of(event: Event) -> EventID | None:
    """The previous event, if it is the only one."""
    return event.prev_events[0] if len(event.prev_events) == 1 else None
