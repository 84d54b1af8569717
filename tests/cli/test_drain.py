"""The server is stopped while clients wait for news; they come back at once, and that holds nothing up."""

import asyncio
import time
from pathlib import Path

import aiohttp

from tests.clients.homeserver import Homeserver, timserver
from tests.support.postgres import Postgres

CLIENTS = 20
STOP_SECONDS_MAX = 5
"""Well below `drain_s`: nothing but long polls is running."""


async def polls(homeserver: Homeserver, polling: asyncio.Event) -> None:
    """Sync for ever, the next poll as soon as one is answered, until the server is gone."""
    account = await homeserver.registers("alice")
    identifier = {"type": "m.id.user", "user": account.user_id}
    body = {"type": "m.login.password", "identifier": identifier, "password": account.password}
    async with aiohttp.ClientSession(f"{homeserver.url}/_matrix/client/v3/") as http:
        login = await (await http.post("login", json=body)).json()
        headers = {"Authorization": f"Bearer {login['access_token']}"}
        parameters = {"timeout": "0"}
        try:
            while True:
                async with http.get("sync", params=parameters, headers=headers) as answer:
                    parameters = {"timeout": "30000", "since": (await answer.json())["next_batch"]}
                polling.set()
        except aiohttp.ClientError:
            return


async def test_clients_that_poll_do_not_hold_up_a_stop(
    postgres: Postgres, worker_id: str, tmp_path: Path
) -> None:
    database_url = await postgres.create(f"timserver_{worker_id}_drain")
    polling = asyncio.Event()
    async with timserver(database_url, 1, tmp_path, tmp_path / "log") as homeserver:
        clients = [asyncio.create_task(polls(homeserver, polling)) for _ in range(CLIENTS)]
        await polling.wait()
        await asyncio.sleep(2)
        stopped_at = time.monotonic()

    assert time.monotonic() - stopped_at < STOP_SECONDS_MAX
    await asyncio.gather(*clients)
