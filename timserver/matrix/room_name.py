"""Heroes: the members by whom a client names a room that has no name.

Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync_response-200_roomsummary
"""

from collections.abc import Iterable
from heapq import nsmallest
from typing import Final

import msgspec

from timserver.matrix.json_types import JsonObject

HEROES_COUNT: Final = 5


class Member(msgspec.Struct, frozen=True):
    """A member event as the choice of heroes needs it; `position` is where it stands in the stream."""

    user_id: str
    membership: str
    position: int


def has_name(name: JsonObject | None, canonical_alias: JsonObject | None) -> bool:
    """Whether name or canonical alias (contents of the state events) name the room, so that heroes may be left out."""
    texts = (name and name.get("name"), canonical_alias and canonical_alias.get("alias"))
    return any(isinstance(text, str) and text for text in texts)


def choose_heroes(members: Iterable[Member], reader: str) -> list[str]:
    """The first five joined or invited in stream order, never the reader; if there are none, the left and banned."""
    others = [member for member in members if member.user_id != reader]
    present = [member for member in others if member.membership in {"join", "invite"}]
    gone = [member for member in others if member.membership in {"leave", "ban"}]
    chosen = nsmallest(HEROES_COUNT, present or gone, key=lambda member: (member.position, member.user_id))
    return [member.user_id for member in chosen]
