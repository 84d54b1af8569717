"""`PUT /invite`: a user of another server is invited to a room of ours.

Spec: https://spec.matrix.org/v1.19/server-server-api/#inviting-to-a-room
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import EventIdFormat, RoomVersion
from timserver.remote.client import FederationClient
from timserver.remote.errors import RemoteError
from timserver.remote.federation.reading import read_answer
from timserver.remote.paths import path
from timserver.tenancy import Tenant


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: the signed event, and state that tells the invited what room it is."""

    room_id: RoomID
    event_id: EventID
    event: JsonObject
    invite_room_state: Sequence[JsonObject]


class _Answer(msgspec.Struct, frozen=True):
    event: dict[str, Any]


class _AnswerV1(msgspec.Struct, frozen=True, array_like=True):
    status: int
    answer: _Answer


async def send_invite(
    client: FederationClient,
    tenant: Tenant,
    destination: ServerName,
    version: RoomVersion,
    invitation: Invitation,
) -> dict[str, Any]:
    """The event as it came back; nothing of it was checked. Raises RemoteError.

    The first version of the endpoint is only for servers that do not have the second one, and for the room versions
    that it can tell.
    """
    place = (invitation.room_id, invitation.event_id)
    content: JsonObject = {
        "room_version": version.identifier,
        "event": invitation.event,
        "invite_room_state": invitation.invite_room_state,
    }
    where = path("/_matrix/federation/v2/invite/{}/{}", *place)
    try:
        data = await client.request(tenant, destination, "PUT", where, content=content)
    except RemoteError as error:
        if not _is_unknown_endpoint(error) or version.event_id_format is not EventIdFormat.GIVEN:
            raise
    else:
        return _read(data, is_v1=False)
    unsigned = {"invite_room_state": invitation.invite_room_state}
    where = path("/_matrix/federation/v1/invite/{}/{}", *place)
    data = await client.request(
        tenant, destination, "PUT", where, content={**invitation.event, "unsigned": unsigned}
    )
    return _read(data, is_v1=True)


def _is_unknown_endpoint(error: RemoteError) -> bool:
    if error.errcode == "M_UNRECOGNIZED":
        return True
    return error.errcode is None and error.status in (400, 404, 405)


def _read(data: bytes, *, is_v1: bool) -> dict[str, Any]:
    return read_answer(data, _AnswerV1).answer.event if is_v1 else read_answer(data, _Answer).event
