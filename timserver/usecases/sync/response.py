"""The shape of a sync answer. Sections without content are left out.

Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync
"""

from typing import Any

import msgspec
from msgspec import Raw


class Events(msgspec.Struct):
    """`{"events": […]}`."""

    events: list[Raw]


class Timeline(msgspec.Struct):
    """Events of a room, the oldest first."""

    events: list[Raw]
    limited: bool
    prev_batch: str


class Summary(msgspec.Struct, omit_defaults=True):
    """Heroes and counts."""

    heroes: list[str] | None = msgspec.field(default=None, name="m.heroes")
    joined: int | None = msgspec.field(default=None, name="m.joined_member_count")
    invited: int | None = msgspec.field(default=None, name="m.invited_member_count")


class Unread(msgspec.Struct):
    """Unread notifications."""

    notification_count: int = 0
    highlight_count: int = 0


class JoinedRoom(msgspec.Struct, omit_defaults=True):
    """A room that the user is in."""

    timeline: Timeline
    state: Events | None = None
    state_after: Events | None = None
    ephemeral: Events | None = None
    account_data: Events | None = None
    summary: Summary | None = None
    unread_notifications: Unread | None = None
    unread_thread_notifications: dict[str, Unread] | None = None


class LeftRoom(msgspec.Struct, omit_defaults=True):
    """A room that the user has left, or was removed from."""

    timeline: Timeline
    state: Events | None = None
    state_after: Events | None = None
    account_data: Events | None = None


class InvitedRoom(msgspec.Struct):
    """A room that the user is invited to."""

    invite_state: Events


class KnockedRoom(msgspec.Struct):
    """A room on whose door the user has knocked."""

    knock_state: Events


class Rooms(msgspec.Struct, omit_defaults=True):
    """Rooms by membership."""

    join: dict[str, JoinedRoom] = {}
    invite: dict[str, InvitedRoom] = {}
    knock: dict[str, KnockedRoom] = {}
    leave: dict[str, LeftRoom] = {}


class DeviceLists(msgspec.Struct, omit_defaults=True):
    """Users whose devices changed, and users with whom nothing is shared any more."""

    changed: list[str] = []
    left: list[str] = []


class SyncResponse(msgspec.Struct, omit_defaults=True):
    """The answer."""

    next_batch: str
    rooms: Rooms | None = None
    account_data: Events | None = None
    presence: Events | None = None
    to_device: Events | None = None
    device_lists: DeviceLists | None = None
    device_one_time_keys_count: dict[str, int] | None = None
    device_unused_fallback_key_types: list[str] | None = None

    def tells_something(self) -> bool:
        """Is there anything in it beyond counts?"""
        parts = (self.rooms, self.account_data, self.presence, self.to_device, self.device_lists)
        return any(part is not None for part in parts)


def raw_event(event_type: str, content: Any) -> Raw:
    """An event without sender: account data, ephemeral. `content` may be `Raw`."""
    return Raw(msgspec.json.encode({"type": event_type, "content": content}))
