"""Requests and answers that joins, knocks, leaves and invites share; not an OpenAPI file of its own.

Spec: https://spec.matrix.org/v1.19/server-server-api/#joining-rooms
"""

from typing import Annotated, Any

import msgspec

from timserver.api.endpoint import BodyBytes, Path, Request
from timserver.matrix.ids import EventID, RoomID, ServerName
from timserver.matrix.membership_request import Submitted


class TemplateResponse(msgspec.Struct, frozen=True):
    """An event that nobody has signed."""

    room_version: str
    event: dict[str, Any]


class SubmitRequest(Request, frozen=True, kw_only=True):
    """The signed event."""

    room_id: Annotated[RoomID, Path("roomId")]
    event_id: Annotated[EventID, Path("eventId")]
    event: Annotated[bytes, BodyBytes()]


def submitted(origin: ServerName, request: SubmitRequest, membership: str) -> Submitted:
    """What the request around the event says."""
    return Submitted(origin=origin, room_id=request.room_id, event_id=request.event_id, membership=membership)
