"""A room with people of homeservers that a TI-M tenant may not talk to: the tenant's users see nothing of what they say."""

import pytest

from tests.support.homeserver import Homeserver, Person
from tests.support.rooms_between import eventually, join, public_room
from timserver.tenancy import Variant


async def says(person: Person, room: str, text: str) -> None:
    body = {"msgtype": "m.text", "body": text}
    (await person.put(f"/rooms/{room}/send/m.room.message/{text}", body)).must()


async def read(person: Person, room: str) -> list[str]:
    chunk = (await person.get(f"/rooms/{room}/messages", dir="b", limit=100)).must()["chunk"]
    return [event["content"]["body"] for event in chunk if event["type"] == "m.room.message"]


@pytest.mark.parametrize("variant", [Variant.PRO, Variant.EPA])
async def test_s19_history_is_judged_by_the_list_too(
    server: Homeserver, alice: Person, bob: Person, variant: Variant
) -> None:
    """Paging back fetches what was said before the join; bob's server is in nobody's list."""
    room = await public_room(alice)
    await join(bob, room, alice)
    await says(alice, room, "one")
    await says(bob, room, "two")

    async def has_come() -> bool:
        return await read(alice, room) == ["two", "one"]

    await eventually(has_come)
    await says(alice, room, "three")
    listed = await server.tenant(variant, allowed_servers=(alice.tenant.server_name,))
    eve = await server.person(listed, "eve")
    await join(eve, room, alice)
    assert await read(eve, room) == ["three", "one"]
    assert await read(eve, room) == ["three", "one"], "and it stays like that"
