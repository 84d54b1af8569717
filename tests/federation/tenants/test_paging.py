"""Who pages back in a room of another server gets all of it, in pages of any size."""

import pytest

from tests.federation.tenants.conftest import LOOPBACK
from tests.support.homeserver import Person

pytestmark = pytest.mark.parametrize("server", [LOOPBACK], indirect=True)

MESSAGES = 60


async def _pages(reader: Person, room: str, limit: int) -> list[str]:
    found: list[str] = []
    query: dict[str, object] = {"dir": "b", "limit": limit}
    while True:
        page = (await reader.get(f"/rooms/{room}/messages", **query)).must()
        found += [event["event_id"] for event in page["chunk"]]
        if "end" not in page.body:
            return found
        query["from"] = page["end"]


@pytest.mark.parametrize("limit", [1, 7])
async def test_history_is_fetched_when_a_page_ends_where_it_begins(
    alice: Person, bob: Person, carol: Person, limit: int
) -> None:
    room = (await alice.post("/createRoom", {"preset": "public_chat"})).must()["room_id"]
    sent = [
        (
            await alice.put(f"/rooms/{room}/send/m.room.message/{n}", {"msgtype": "m.text", "body": "x"})
        ).must()["event_id"]
        for n in range(MESSAGES)
    ]
    via = {"server_name": alice.tenant.server_name}
    (await bob.call("POST", f"/join/{room}", {}, params=via)).must()
    found = await _pages(bob, room, limit)
    assert len(found) == len(set(found))
    assert [event_id for event_id in found if event_id in set(sent)] == sent[::-1]
    (await carol.get(f"/rooms/{room}/messages", dir="b")).must(403)
