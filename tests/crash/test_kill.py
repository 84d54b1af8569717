"""RELIABILITY R1, R2, R4: kill -9 of server or database at random moments under load, nothing acknowledged is lost.

`--kills` says how often (a few in every run of the tests; `./dev test crash --kills 50` is the figure of issue 2).
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.crash.served import SERVER_NAME, Served
from tests.support.homeserver import MASTER_KEY, PASSWORD, settings_for
from timserver import app
from timserver.store.embedded import EmbeddedPostgres
from timserver.store.migrate import migrate
from timserver.tenancy import TenantSettings
from timserver.usecases.accounts.create_user import create_user
from timserver.usecases.tenants import create_tenant

SENDERS = 8
READY_AGAIN_S_MAX = 10.0


class Load:
    """Senders that go on through every outage, each retrying with the same transaction id until it is acknowledged."""

    def __init__(self, served: Served, token: str, room_id: str, seed: int) -> None:
        self._served, self._token, self._room_id = served, token, room_id
        self._random = random.Random(seed)
        self.acknowledged: dict[str, str] = {}
        self.unknown = 0
        self.stopping = False
        self.progress = asyncio.Event()

    async def run(self) -> None:
        """Until `stopping`; every message that was begun is finished."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
            asyncio.TaskGroup() as group,
        ):
            for number in range(SENDERS):
                group.create_task(self._sender(http, number))

    async def _sender(self, http: aiohttp.ClientSession, number: int) -> None:
        count = 0
        while not self.stopping:
            await self._send(http, f"s{number}-{count}")
            count += 1
            await asyncio.sleep(self._random.random() * 0.02)

    async def _send(self, http: aiohttp.ClientSession, txn_id: str) -> None:
        url = f"{self._served.url}/_matrix/client/v3/rooms/{self._room_id}/send/m.room.message/{txn_id}"
        headers = {"Authorization": f"Bearer {self._token}"}
        body = {"msgtype": "m.text", "body": txn_id}
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with http.put(url, json=body, headers=headers) as reply:
                    if reply.status == 200:
                        self.acknowledged[txn_id] = (await reply.json())["event_id"]
                        self.progress.set()
                        return
                    assert reply.status == 503, (reply.status, await reply.text())
                    assert "Retry-After" in reply.headers
            self.unknown += 1
            await asyncio.sleep(0.05)


async def everything_in(served: Served, token: str, room_id: str) -> list[tuple[str, str]]:
    """(text, event id) of every message, read page by page as a client does."""
    found: list[tuple[str, str]] = []
    headers = {"Authorization": f"Bearer {token}"}
    start: str | None = None
    async with aiohttp.ClientSession(headers=headers) as http:
        while True:
            params = {"dir": "b", "limit": "500", **({"from": start} if start else {})}
            async with http.get(
                f"{served.url}/_matrix/client/v3/rooms/{room_id}/messages", params=params
            ) as reply:
                page = await reply.json()
            found += [
                (e["content"]["body"], e["event_id"]) for e in page["chunk"] if e["type"] == "m.room.message"
            ]
            start = page.get("end")
            if start is None:
                return found


async def prepare(database_url: str, served: Served) -> tuple[str, str]:
    """A tenant, a user, a room; token and room id."""
    await migrate(database_url)
    async with app.open_context(settings_for(database_url), MASTER_KEY) as ctx:
        tenant = await create_tenant(ctx, SERVER_NAME, settings=TenantSettings())
        await create_user(ctx, tenant, "alice", PASSWORD)
    await served.start()
    async with aiohttp.ClientSession() as http:
        login = {"type": "m.login.password", "user": "alice", "password": PASSWORD}
        async with http.post(f"{served.url}/_matrix/client/v3/login", json=login) as reply:
            token: str = (await reply.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        async with http.post(f"{served.url}/_matrix/client/v3/createRoom", json={}, headers=headers) as reply:
            room_id: str = (await reply.json())["room_id"]
    return token, room_id


async def invariants(database_url: str) -> None:
    """No torn writes: one event per position, a head that points at the newest, state that has its events."""
    connection = await asyncpg.connect(database_url)
    try:
        doubled = await connection.fetchval(
            "select count(*) from (select 1 from event group by tenant_id, position having count(*) > 1) x"
        )
        behind = await connection.fetchval(
            "select count(*) from room_head h where h.position <> (select max(position) from event e"
            " where e.tenant_id = h.tenant_id and e.room_nid = h.room_nid)"
        )
        homeless = await connection.fetchval(
            "select count(*) from current_state c left join event e on e.tenant_id = c.tenant_id"
            " and e.event_nid = c.event_nid where e.event_nid is null"
        )
        ahead = await connection.fetchval(
            "select count(*) from log_position l where l.position < (select max(position) from event e"
            " where e.tenant_id = l.tenant_id)"
        )
    finally:
        await connection.close()
    assert (doubled, behind, homeless, ahead) == (0, 0, 0, 0)


async def test_nothing_acknowledged_is_lost_or_doubled(
    durable_postgres: EmbeddedPostgres, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    kills = pytestconfig.getoption("--kills")
    chance = random.Random(20261123)
    database_url = durable_postgres.url()
    served = Served(database_url, tmp_path)
    token, room_id = await prepare(database_url, served)
    load = Load(served, token, room_id, seed=1)
    waits: list[float] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        for number in range(kills):
            await asyncio.sleep(0.3 + chance.random())
            began = time.monotonic()
            if number % 2:
                await asyncio.to_thread(durable_postgres.kill)
                await asyncio.to_thread(durable_postgres.start)
            else:
                await served.kill()
                await served.start()
            load.progress.clear()
            await asyncio.wait_for(load.progress.wait(), 60)
            waits.append(time.monotonic() - began)
        load.stopping = True
    found = await everything_in(served, token, room_id)
    await served.kill()
    await invariants(database_url)
    times = Counter(text for text, _ in found)
    assert dict(found) == load.acknowledged
    assert not [text for text, count in times.items() if count != 1]
    print(
        f"{kills} kills, {len(load.acknowledged)} messages acknowledged, {load.unknown} answers lost or refused,"
        f" served again after {max(waits):.1f} s at most"
    )
