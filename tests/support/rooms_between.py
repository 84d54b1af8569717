"""Rooms between homeservers, as people see them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.homeserver import Person

VERSIONS = ("1", "2", "6", "10", "11", "12")
"""One of each kind of event format and of auth rules."""

_PATIENCE_S, _PAUSE_S = 20.0, 0.05


async def public_room(creator: Person, version: str = "10", **wanted: Any) -> str:
    """A room that everybody may join."""
    body = {"preset": "public_chat", "room_version": version, **wanted}
    room: str = (await creator.post("/createRoom", body)).must()["room_id"]
    return room


async def private_room(creator: Person, version: str = "10", **wanted: Any) -> str:
    """A room for the invited."""
    return await public_room(creator, version, **{"preset": "private_chat", **wanted})


async def join(person: Person, room: str, via: Person) -> None:
    """Join by way of another person's server."""
    (await person.call("POST", f"/join/{room}", {}, params={"via": via.tenant.server_name})).must()


async def membership(reader: Person, room: str, user: Person) -> str | None:
    """What a reader in the room sees of somebody's membership."""
    reply = await reader.get(f"/rooms/{room}/state/m.room.member/{user.user_id}")
    return reply["membership"] if reply.status == 200 else None


async def state_ids(reader: Person, room: str) -> set[str]:
    """Ids of the state events that a reader sees."""
    return {event["event_id"] for event in (await reader.get(f"/rooms/{room}/state")).must().body}


async def shown(person: Person, room: str, section: str) -> dict[str, Any] | None:
    """The room in one section of a first sync."""
    rooms = (await person.get("/sync")).must().body.get("rooms", {})
    found: dict[str, Any] | None = rooms.get(section, {}).get(room)
    return found


async def eventually(found: Callable[[], Awaitable[Any]], *, patience_s: float = _PATIENCE_S) -> Any:
    """Ask again and again until there is something."""
    for _ in range(int(patience_s / _PAUSE_S)):
        if value := await found():
            return value
        await asyncio.sleep(_PAUSE_S)
    raise AssertionError("it never came")
