"""Member events that another server submits (`/send_join`, `/send_leave`, `/send_knock`, `/invite`): is it what it must be?

What is asked here keeps us from accepting, and above all from signing, anything but the one event that the request
is about (RELIABILITY E2, E3). Hashes, signatures and authorization are others' business.

Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_joinroomideventid and
https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2inviteroomideventid
"""

from typing import Final

import msgspec

from timserver.matrix import ids, pdu, signing
from timserver.matrix.errors import BadJson, InvalidParam
from timserver.matrix.event import Event, get_object
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import RoomVersion
from timserver.matrix.signing import SigningKey

_KEYS_PER_SIGNER_MAX: Final = 10


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """What the request around the event says."""

    origin: ServerName
    room_id: RoomID
    event_id: EventID
    membership: str


def check_own_membership(event: Event, submitted: Submitted) -> None:
    """A join, leave or knock by a user of the asking server. Raises InvalidParam."""
    _check(event, submitted)
    if event.state_key != event.sender:
        raise InvalidParam("The event is about another user than its sender")


def check_invite(event: Event, submitted: Submitted, server_name: ServerName) -> None:
    """An invite of one of `server_name`'s users by one of the asking server's. Raises InvalidParam."""
    _check(event, submitted)
    state_key = event.state_key or ""
    if not ids.is_user_id(state_key) or ids.server_name_of(UserID(state_key)) != server_name:
        raise InvalidParam("The invited user is not of this server")


def _check(event: Event, submitted: Submitted) -> None:
    if event.type != "m.room.member" or event.state_key is None:
        raise InvalidParam("Not a member event")
    if event.membership != submitted.membership:
        raise InvalidParam(f"Not a {submitted.membership} event")
    if ids.server_name_of(event.sender) != submitted.origin:
        raise InvalidParam("The sender is not of the asking server")
    if event.room_id != submitted.room_id:
        raise InvalidParam("The event belongs to another room")
    if event.event_id != submitted.event_id:
        raise InvalidParam("The event has another id")


def co_signed(version: RoomVersion, event: Event, server_name: ServerName, key: SigningKey) -> Event:
    """The event with our signature added; all else as it was."""
    return pdu.from_object(
        version, signing.sign_event(version, pdu.to_object(version, event), server_name, key)
    )


def with_signature_of(version: RoomVersion, ours: Event, answer: JsonObject, signer: ServerName) -> Event:
    """Our event with the signatures by `signer` that the answer's event bears; nothing else is taken from there.

    Whether they are right is for the caller to verify. Raises BadJson when there are none.
    """
    assert ids.server_name_of(ours.sender) != signer, "our own signatures come from nobody else"
    theirs = get_object(get_object(answer, "signatures") or {}, signer)
    if not theirs or len(theirs) > _KEYS_PER_SIGNER_MAX:
        raise BadJson("The event came back without a signature")
    signatures = {**ours.signatures, signer: theirs}
    return pdu.from_object(version, {**pdu.to_object(version, ours), "signatures": signatures})
