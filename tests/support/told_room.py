"""A room of another server, told event by event: real PDUs, in a straight line, each authorized by the state before it."""

from typing import Any

from tests.support.sealed_rooms import key_of
from timserver import core
from timserver.matrix import pdu, signing
from timserver.matrix.event import Event, StateKey
from timserver.matrix.ids import EventID, RoomID, UserID, server_name_of
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat


class ToldRoom:
    """`creator` has made the room; whoever joins it, joins a public room unless told otherwise."""

    def __init__(
        self, version: str, creator: str, join_rule: dict[str, Any] | None = None, name: str = "told"
    ) -> None:
        self.version = ROOM_VERSIONS[version]
        self.creator = UserID(creator)
        self.room_id = RoomID(f"!{name}{version}:{server_name_of(self.creator)}")
        self.state: dict[StateKey, Event] = {}
        self.events: list[Event] = []
        content: dict[str, Any] = {"room_version": version}
        if not self.version.creator_is_sender:
            content["creator"] = creator
        create = self.says(creator, "m.room.create", content, state_key="")
        self.room_id = create.room_id
        self.says(creator, "m.room.member", {"membership": "join"}, state_key=creator)
        users = {} if self.version.privileged_creators else {creator: 100}
        self.says(creator, "m.room.power_levels", {"users": users}, state_key="")
        self.says(creator, "m.room.join_rules", join_rule or {"join_rule": "public"}, state_key="")

    def says(
        self, sender: str, event_type: str, content: dict[str, Any], *, state_key: str | None = None
    ) -> Event:
        """An event that becomes part of the room."""
        event = self.event(sender, event_type, content, state_key=state_key)
        self.events.append(event)
        if event.is_state:
            self.state[event.key] = event
        return event

    def event(
        self,
        sender: str,
        event_type: str,
        content: dict[str, Any],
        *,
        state_key: str | None = None,
        auth: list[Event] | None = None,
        after: list[Event] | None = None,
    ) -> Event:
        """An event that would come next (or after others), signed by the sender's server; it is not part of the room."""
        server_name = server_name_of(UserID(sender))
        return core.seal(
            self.version,
            self.template(sender, event_type, content, state_key=state_key, auth=auth, after=after),
            server_name=server_name,
            signing_key=key_of(server_name),
        )

    def template(
        self,
        sender: str,
        event_type: str,
        content: dict[str, Any],
        *,
        state_key: str | None = None,
        auth: list[Event] | None = None,
        after: list[Event] | None = None,
    ) -> pdu.PduTemplate:
        """The same before it is signed."""
        version = self.version
        keys = core.auth_keys(version, event_type, sender, state_key, content)
        cited = auth if auth is not None else [self.state[key] for key in keys if key in self.state]
        followed = self.events[-1:] if after is None else after
        given = version.event_id_format is EventIdFormat.GIVEN
        unnamed = version.room_id_is_create_hash and event_type == "m.room.create"
        return pdu.PduTemplate(
            room_id=None if unnamed else self.room_id,
            sender=UserID(sender),
            type=event_type,
            content=content,
            prev_events=tuple(event.event_id for event in followed),
            auth_events=tuple(event.event_id for event in cited),
            depth=1 + max((event.depth for event in self.events), default=0),
            origin_server_ts=1_700_000_000_000 + len(self.events),
            state_key=state_key,
            event_id=EventID(f"${len(self.events)}-{event_type}-{len(content)}-{sender[1:]}")
            if given
            else None,
            reference_hashes={event.event_id: self._hash(event) for event in (*followed, *cited)}
            if given
            else {},
        )

    def _hash(self, event: Event) -> str:
        value = pdu.to_object(self.version, event)
        return signing.encode_base64(signing.reference_hash(self.version, value))

    def auth_chain(self) -> list[Event]:
        """All that the state cites, and so on."""
        known = {event.event_id: event for event in self.events}
        found: dict[EventID, Event] = {}
        pending = [*self.state.values()]
        while pending:
            for event_id in pending.pop().auth_events:
                if event_id not in found:
                    found[event_id] = known[event_id]
                    pending.append(known[event_id])
        return list(found.values())
