"""Who may see an event: the one decision that sync, messages, context, search, relations and push ask.

A reader is judged by what held *at the event*: the room's history visibility and the reader's membership there.
Two kinds of event change one of the two themselves, and count with what held before them or after them.
That the reader is still allowed into the room's history at all (has ever been joined, or the room is
world-readable now) is the endpoint's own rule; so is hiding ignored users.

Spec: https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from timserver.matrix.json_types import JsonObject


class Visibility(StrEnum):
    """The values of `m.room.history_visibility`."""

    WORLD_READABLE = "world_readable"
    SHARED = "shared"
    INVITED = "invited"
    JOINED = "joined"


_BY_NAME = {visibility.value: visibility for visibility in Visibility}


def read_visibility(content: JsonObject | None) -> Visibility:
    """The visibility that a state event's content sets; `shared` without an event and for what nobody knows."""
    value = content.get("history_visibility") if content else None
    return _BY_NAME.get(value, Visibility.SHARED) if isinstance(value, str) else Visibility.SHARED


class _Content(msgspec.Struct):
    history_visibility: object = None


class _Pdu(msgspec.Struct):
    content: _Content


_decode = msgspec.json.Decoder(_Pdu).decode


def visibility_of_pdu(pdu: bytes) -> Visibility:
    """The visibility that a stored `m.room.history_visibility` event sets."""
    return read_visibility({"history_visibility": _decode(pdu).content.history_visibility})  # type: ignore[dict-item]


def user_may_see(
    visibilities: Iterable[Visibility], memberships: Iterable[str], *, joined_later: bool
) -> bool:
    """Whether a user may see an event.

    `visibilities`: the one at the event, or those before and after an `m.room.history_visibility` event.
    `memberships`: the user's one at the event (`leave` if none), or those before and after the user's own
    `m.room.member` event. `joined_later`: the user joined at some point after the event, or is joined now.
    """
    memberships = tuple(memberships)
    return any(_allows(visibility, memberships, joined_later) for visibility in visibilities)


def _allows(visibility: Visibility, memberships: tuple[str, ...], joined_later: bool) -> bool:
    # 1. world_readable: allow.
    if visibility is Visibility.WORLD_READABLE:
        return True
    # 2. The user was joined: allow.
    if "join" in memberships:
        return True
    # 3. shared, and the user joined at any point after the event: allow.
    if visibility is Visibility.SHARED and joined_later:
        return True
    # 4. The user was invited, and invited: allow. 5. Otherwise deny.
    return visibility is Visibility.INVITED and "invite" in memberships


def server_may_see(visibilities: Iterable[Visibility], memberships: Iterable[str], *, in_room: bool) -> bool:
    """Whether a server may see an event: when at least one of its users may.

    `memberships`: those of the server's users at the event; for a member event of one of them, before and after.
    `in_room`: a user of the server is joined now. Who is not gets nothing but what is world-readable or was
    sent while one of its users was there.
    """
    return user_may_see(visibilities, memberships, joined_later=in_room)
