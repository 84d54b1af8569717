"""Random rooms whose events are real PDUs: hashed, signed, with the ids that follow from it."""

import hashlib
import random

import msgspec

from tests.support.random_rooms import RandomRoom, State
from timserver import core
from timserver.matrix import pdu, signing
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, ServerName, server_name_of
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import EventIdFormat


def key_of(server_name: str) -> signing.SigningKey:
    """The signing key of a server of the tests."""
    return signing.make_signing_key("ed25519:1", hashlib.sha256(server_name.encode()).digest())


class SealedRoom(RandomRoom):
    """As `RandomRoom`; `events` are what the servers would send each other."""

    def _add(self, event: Event, before: State) -> None:
        sealed = self._seal(event)
        if event.type == "m.room.create":
            self.room_id = sealed.room_id
        rejected = self.rejection(sealed, before) is not None
        sealed = msgspec.structs.replace(sealed, rejected=rejected)
        self.events[sealed.event_id] = sealed
        changes = sealed.is_state and not rejected
        self.states[sealed.event_id] = {**before, sealed.key: sealed.event_id} if changes else before

    def _seal(self, event: Event) -> Event:
        version = self.version
        unnamed = version.room_id_is_create_hash and event.type == "m.room.create"
        given = version.event_id_format is EventIdFormat.GIVEN
        template = pdu.PduTemplate(
            room_id=None if unnamed else self.room_id,
            sender=event.sender,
            type=event.type,
            content=event.content,
            prev_events=event.prev_events,
            auth_events=event.auth_events,
            depth=event.depth,
            origin_server_ts=event.origin_server_ts,
            state_key=event.state_key,
            redacts=event.redacts,
            event_id=EventID(f"{event.event_id.partition(':')[0]}:{server_name_of(event.sender)}")
            if given
            else None,
            reference_hashes={
                name: signing.encode_base64(
                    signing.reference_hash(version, pdu.decode(version, self.events[name].pdu))
                )
                for name in (*event.prev_events, *event.auth_events)
            }
            if given
            else {},
        )
        sealed = core.seal(
            version,
            template,
            server_name=server_name_of(event.sender),
            signing_key=key_of(server_name_of(event.sender)),
        )
        authoriser = pdu.authorising_user_of(version, sealed)
        if authoriser is None:
            return sealed
        server_name = ServerName(authoriser.partition(":")[2])
        return pdu.from_object(version, self.co_signed(pdu.to_object(version, sealed), server_name))

    def co_signed(self, value: JsonObject, server_name: ServerName) -> JsonObject:
        """With the signature of a further server."""
        return signing.sign_event(self.version, value, server_name, key_of(server_name))

    def shuffled(self, seed: int) -> list[Event]:
        """All events, each behind those that it follows and cites, otherwise in any order."""
        chance = random.Random(seed)
        left = dict(self.events)
        done: set[EventID] = set()
        order: list[Event] = []
        while left:
            ready = [
                event for event in left.values() if done.issuperset((*event.prev_events, *event.auth_events))
            ]
            event = chance.choice(ready)
            del left[event.event_id]
            done.add(event.event_id)
            order.append(event)
        return order
