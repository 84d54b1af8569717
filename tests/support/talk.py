"""What people do in rooms, and what they see."""

from typing import Any

from tests.support.homeserver import Person, Reply


async def room_with(creator: Person, *others: Person, **wanted: Any) -> str:
    """A room that the creator has made and the others have joined."""
    body = {"preset": "private_chat", "invite": [other.user_id for other in others], **wanted}
    room: str = (await creator.post("/createRoom", body)).must()["room_id"]
    for other in others:
        (await other.post(f"/rooms/{room}/join")).must()
    return room


def events_of(synced: Reply, room: str) -> list[dict[str, Any]]:
    """The timeline of a joined room."""
    events: list[dict[str, Any]] = synced["rooms"]["join"][room]["timeline"]["events"]
    return events


def message_bodies(synced: Reply, room: str) -> list[str]:
    """Texts of the messages in the timeline."""
    return [
        event["content"]["body"] for event in events_of(synced, room) if event["type"] == "m.room.message"
    ]
