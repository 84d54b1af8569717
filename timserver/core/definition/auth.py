"""The authorization rules of all room versions, in the steps and with the numbers of version 12.

Spec: https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
"""

from collections.abc import Mapping

from timserver.core.definition import facts as facts_
from timserver.core.definition import membership, power_levels_event
from timserver.core.definition.facts import Facts
from timserver.core.rejected import Rejected
from timserver.matrix import ids, pdu, power_levels
from timserver.matrix.event import Event, StateKey, get_bool, get_str
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat, RoomVersion


def check_auth(version: RoomVersion, event: Event, auth_state: Mapping[StateKey, Event]) -> Rejected | None:
    """Whether the state before the event allows it.

    `auth_state` is that state, or the part of it named by `state_keys`; it always holds the create event, also
    from room version 12 (where events do not name it). Rule 3, on the events named in `auth_events`, is
    `check_auth_events`. Signatures are verified before: here they only have to be there.
    """
    # 1. m.room.create
    if event.type == "m.room.create":
        return _check_create(version, event)
    # 2. The room's create event is there and accepted
    create = auth_state.get(("m.room.create", ""))
    if create is None or create.rejected or create.room_id != event.room_id:
        return Rejected("room.no_create", "2")
    facts = facts_.of(version, event, auth_state, create)
    # 4. m.federate
    if get_bool(create.content, "m.federate") is False and not _same_server(event, create):
        return Rejected("room.not_federated", "4")
    # v1.4. m.room.aliases, before version 6
    if event.type == "m.room.aliases" and version.special_aliases_auth:
        return _check_aliases(event)
    # 5. m.room.member
    if event.type == "m.room.member":
        return membership.check(facts)
    # 6. The sender is in the room
    if facts.membership(event.sender) != "join":
        return Rejected("sender.not_joined", "6")
    # 7. m.room.third_party_invite
    if event.type == "m.room.third_party_invite":
        return None if facts.sender_reaches("invite") else Rejected("third_party_invite.level", "7.1")
    return _check_levels(facts)


def _check_levels(facts: Facts) -> Rejected | None:
    event = facts.event
    # 8. The level that the type requires
    if not power_levels.may_send(facts.levels, event.sender, event.type, is_state=event.is_state):
        return Rejected("sender.level", "8")
    # 9. State keys that are user ids belong to the user
    if event.state_key is not None and event.state_key.startswith("@") and event.state_key != event.sender:
        return Rejected("state_key.other_user", "9")
    # 10. m.room.power_levels
    if event.type == "m.room.power_levels":
        return power_levels_event.check(facts)
    # v1.11. m.room.redaction, before version 3
    if event.type == "m.room.redaction" and facts.version.redaction_auth:
        return _check_redaction(facts)
    # 11. Otherwise, allow
    return None


def _check_create(version: RoomVersion, event: Event) -> Rejected | None:
    # 1.1. It has previous events
    if event.prev_events:
        return Rejected("create.prev_events", "1.1")
    # 1.2. The room id
    if version.room_id_is_create_hash:
        if event.room_id != pdu.room_id_of(event.event_id):
            return Rejected("create.room_id", "1.2")
    elif event.room_id.partition(":")[2] != ids.server_name_of(event.sender):
        return Rejected("create.room_id_domain", "v11.1.2")
    # 1.3. The room version is known
    content = event.content
    if "room_version" in content and get_str(content, "room_version") not in ROOM_VERSIONS:
        return Rejected("create.room_version", "1.3")
    # v10.1.4. There is a creator, before version 11
    if not version.creator_is_sender and "creator" not in content:
        return Rejected("create.no_creator", "v10.1.4")
    # 1.4. Additional creators are user ids
    if version.privileged_creators and not _are_user_ids(content.get("additional_creators", [])):
        return Rejected("create.additional_creators", "1.4")
    # 1.5. Otherwise, allow
    return None


def _are_user_ids(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and ids.is_user_id(item) for item in value)


def _check_aliases(event: Event) -> Rejected | None:
    # v1.4.1. No state key
    if event.state_key is None:
        return Rejected("aliases.no_state_key", "v1.4.1")
    # v1.4.2. Another server's aliases
    if event.state_key != ids.server_name_of(event.sender):
        return Rejected("aliases.other_server", "v1.4.2")
    return None


def _check_redaction(facts: Facts) -> Rejected | None:
    assert facts.version.event_id_format is EventIdFormat.GIVEN
    event = facts.event
    # v1.11.1. The redact level
    if facts.sender_reaches("redact"):
        return None
    # v1.11.2. Both event ids are of one domain
    if event.redacts is not None and event.redacts.partition(":")[2] == event.event_id.partition(":")[2]:
        return None
    return Rejected("redaction.other_server", "v1.11.3")


def _same_server(event: Event, other: Event) -> bool:
    return ids.server_name_of(event.sender) == ids.server_name_of(other.sender)
