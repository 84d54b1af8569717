"""RELIABILITY R5, R6: what is written on all sides of a broken network is the same everywhere when it works again.

One round of each; `./dev conformance partitions` plays hundreds.
"""

from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest

from conformance.partitions import agreement
from conformance.partitions.network import network
from conformance.partitions.round import play
from tests.support.homeserver import Person
from tests.support.postgres import Postgres
from tests.support.rooms_between import eventually, join, public_room
from timserver.config import Limits

ROUNDS = 1


@pytest.mark.parametrize(("servers", "seed"), [(2, 1), (3, 7)])
async def test_servers_agree_after_a_partition(
    postgres: Postgres, worker_id: str, tmp_path: Path, servers: int, seed: int
) -> None:
    databases = [f"timserver_{worker_id}_partition_{place}" for place in range(servers)]
    urls = [await postgres.create(database) for database in databases]
    async with network(urls, tmp_path, Random(seed)) as net:
        for number in range(ROUNDS):
            done = await play(net, seed + number, duration_s=1.0, pause_s=0.1)
            assert not done.wrong, done
            assert not done.lost, done
            print(agreement.summary(done.views))
    for database in databases:
        await postgres.drop(database)


async def test_a_gap_is_filled_when_somebody_pages_back(
    postgres: Postgres, worker_id: str, tmp_path: Path
) -> None:
    """More was said than a queue keeps for who is away: the newest comes, and the rest when it is looked for."""
    databases = [f"timserver_{worker_id}_gap_{place}" for place in range(2)]
    urls = [await postgres.create(database) for database in databases]
    limits = Limits(
        poll_interval_ms=100, outbox_events_per_destination_max=10, federation_missing_events_max=5
    )
    async with network(urls, tmp_path, Random(1), limits) as net:
        first, second = (server.anchor for server in net.servers)
        room = await public_room(first)
        await join(second, room, via=first)
        for link in net.links.values():
            link.cut()
        said = [await say(first, room, f"while you were away {number}") for number in range(60)]
        await net.heal()
        await eventually(lambda: sees(second, room, said[-1]))
        assert set(said) <= set(await pages(second, room))
    for database in databases:
        await postgres.drop(database)


async def say(person: Person, room: str, text: str) -> str:
    body = {"msgtype": "m.text", "body": text}
    event_id: str = (await person.put(f"/rooms/{room}/send/m.room.message/{quote(text)}", body)).must()[
        "event_id"
    ]
    return event_id


async def sees(person: Person, room: str, event_id: str) -> bool:
    return (await person.get(f"/rooms/{room}/event/{event_id}")).status == 200


async def pages(person: Person, room: str) -> list[str]:
    """Ids of everything that paging back shows, the newest first."""
    found: list[str] = []
    start: str | None = None
    while True:
        more = {"from": start} if start else {}
        page = (await person.get(f"/rooms/{room}/messages", dir="b", limit=20, **more)).must()
        found += [event["event_id"] for event in page["chunk"]]
        start = page.body.get("end")
        if start is None:
            return found
