"""Invites by address: what an identity server signed, and the member event that comes of it.

Whether the signature is right is the auth rules' business: they look for the key in the room.

Spec: https://spec.matrix.org/v1.19/server-server-api/#third-party-invites
"""

import msgspec

from timserver.matrix import canonical_json, ids
from timserver.matrix.errors import InvalidParam
from timserver.matrix.event import Event, get_object, get_str
from timserver.matrix.ids import RoomID, UserID
from timserver.matrix.json_types import JsonObject, JsonValue


class ThirdPartyInvite(msgspec.Struct, frozen=True, kw_only=True):
    """An invite that has found the user whom it was for."""

    room_id: RoomID
    sender: UserID
    """Who invited the address."""
    invitee: UserID
    token: str
    signed: JsonObject


def of_binding(room_id: RoomID, sender: str, invitee: UserID, signed: JsonObject) -> ThirdPartyInvite:
    """As an identity server tells the invited user's server. Raises InvalidParam when it is about somebody else."""
    token = get_str(signed, "token")
    if token is None or get_str(signed, "mxid") != invitee or get_object(signed, "signatures") is None:
        raise InvalidParam("What the identity server signed is not about this user")
    if not ids.is_user_id(sender):
        raise InvalidParam("The sender is no user")
    return ThirdPartyInvite(
        room_id=room_id, sender=UserID(sender), invitee=invitee, token=token, signed=signed
    )


def of_exchange(room_id: RoomID, body: bytes) -> ThirdPartyInvite:
    """As the invited user's server asks the inviting one. Of what it proposes only these values are taken. Raises
    InvalidParam.
    """
    partial = canonical_json.decode_object(body, strict=False)
    content = get_object(partial, "content") or {}
    is_invite = partial.get("type") == "m.room.member" and content.get("membership") == "invite"
    if not is_invite or partial.get("room_id") != room_id:
        raise InvalidParam("Not an invite to this room")
    signed = get_object(get_object(content, "third_party_invite") or {}, "signed")
    invitee = get_str(partial, "state_key") or ""
    if signed is None or not ids.is_user_id(invitee):
        raise InvalidParam("Not an invite by address")
    return of_binding(room_id, get_str(partial, "sender") or "", UserID(invitee), signed)


def member_content(invite: ThirdPartyInvite, display_name: str) -> dict[str, JsonValue]:
    """The content of the member event."""
    return {
        "membership": "invite",
        "third_party_invite": {"display_name": display_name, "signed": invite.signed},
    }


def exchange_body(invite: ThirdPartyInvite) -> JsonObject:
    """What the inviting server is asked to send. How the address is shown only the room knows."""
    return {
        "type": "m.room.member",
        "room_id": invite.room_id,
        "sender": invite.sender,
        "state_key": invite.invitee,
        "content": member_content(invite, invite.invitee),
    }


def display_name(event: Event | None) -> str:
    """How the room's `m.room.third_party_invite` shows whom it invites."""
    return (get_str(event.content, "display_name") if event is not None else None) or ""
