"""Policy servers: which one a room uses, and whether it recommends an event.

Spec: https://spec.matrix.org/v1.19/server-server-api/#policy-servers
"""

from typing import Final

import msgspec

from timserver.matrix import pdu, signing
from timserver.matrix.event import Event, get_object, get_str
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import RoomVersion

KEY_ID: Final = "ed25519:policy_server"
_TYPE: Final = "m.room.policy"


class PolicyServer(msgspec.Struct, frozen=True):
    """Who must sign. Without a readable key nothing is signed: the room has to name another one."""

    server_name: ServerName
    public_key: bytes | None


def read(content: JsonObject) -> PolicyServer | None:
    """What `m.room.policy` names; None when it is not valid, and the room uses none."""
    server_name = get_str(content, "via")
    public_key = get_str(get_object(content, "public_keys") or {}, "ed25519")
    if server_name is None or public_key is None:
        return None
    try:
        key = signing.decode_base64(public_key)
    except ValueError:
        key = b""
    return PolicyServer(ServerName(server_name), key if len(key) == 32 else None)


def is_exempt(event: Event) -> bool:
    """The event that names the policy server is not asked for: else a room could never get rid of a dead one."""
    return event.type == _TYPE and event.state_key == ""


def is_recommended(version: RoomVersion, event: Event, server: PolicyServer) -> bool:
    """Does the event bear the policy server's signature, or need none?"""
    if is_exempt(event):
        return True
    if server.public_key is None or get_object(event.signatures, server.server_name) is None:
        return False
    value = pdu.to_object(version, event)
    return signing.verify_event(version, value, server.server_name, KEY_ID, server.public_key)


def with_signature(version: RoomVersion, event: Event, server: PolicyServer, answer: JsonObject) -> Event:
    """The event with the policy server's one signature from its answer, beside those that it has."""
    signature = get_str(get_object(answer, server.server_name) or {}, KEY_ID)
    if signature is None:
        return event
    own = get_object(event.signatures, server.server_name) or {}
    signatures = {**event.signatures, server.server_name: {**own, KEY_ID: signature}}
    return pdu.from_object(version, {**pdu.to_object(version, event), "signatures": signatures})
