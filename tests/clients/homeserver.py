"""The homeserver the clients talk to: `timserver serve` on PostgreSQL, or any other by `TIM_TEST_HOMESERVER=URL`.

An external one must let anybody register (`m.login.dummy`) and must not limit rates.
"""

import asyncio
import base64
import itertools
import json
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.clients.person import Account
from tests.support import homeserver as support
from timserver import app
from timserver.tenancy import TenantSettings
from timserver.usecases.tenants import create_tenant

SERVER_NAME = "clients.example.org"
READY_SECONDS_MAX = 60
END_SECONDS_MAX = 30


@dataclass
class Homeserver:
    """A running server and new accounts on it."""

    url: str
    _suffix: str = field(default_factory=lambda: secrets.token_hex(3))
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def registers(self, name: str) -> Account:
        """A new user whose localpart begins with the name, with a password of its own."""
        localpart = f"{name}-{self._suffix}-{next(self._numbers)}"
        password = secrets.token_urlsafe(16)
        body = {
            "username": localpart,
            "password": password,
            "inhibit_login": True,
            "auth": {"type": "m.login.dummy"},
        }
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.url}/_matrix/client/v3/register", json=body) as response,
        ):
            answer = await response.json()
            assert response.status == 200, f"register: {response.status} {answer}"
        return Account(self.url, answer["user_id"], password)


@asynccontextmanager
async def timserver(database_url: str, workers: int, folder: Path, log: Path) -> AsyncIterator[Homeserver]:
    """`timserver serve --workers N` with defaults, except: one tenant's port, open registration, no rate limits."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with app.open_context(support.settings_for(database_url), support.MASTER_KEY) as ctx:
        await create_tenant(ctx, SERVER_NAME, client_url=url, settings=TenantSettings(registration=True))
    environment = {
        **os.environ,
        "NOTIFY_SOCKET": str(folder / "notify"),
        "TIM_STATE_DIR": str(folder / "state"),
        "TIM_DATABASE__URL": database_url,
        "TIM_MASTER_KEY": base64.b64encode(support.MASTER_KEY).decode(),
        "TIM_LISTENERS": json.dumps([{"port": port, "tenant": SERVER_NAME}]),
        "TIM_REGISTRATION__OPEN": "true",
        "TIM_RATE_LIMITS__ENABLED": "false",
        "TIM_PASSWORD_HASH__TIME_COST": "1",
        "TIM_PASSWORD_HASH__MEMORY_KIB": "8",
    }
    command = [sys.executable, "-m", "timserver", "serve", "--workers", str(workers)]
    with (
        log.open("wb") as output,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager,
    ):
        manager.bind(environment["NOTIFY_SOCKET"])
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=output, stderr=output
        )
        try:
            said = asyncio.get_running_loop().sock_recv(manager, 64)
            assert await asyncio.wait_for(said, READY_SECONDS_MAX) == b"READY=1", f"see {log}"
            yield Homeserver(url)
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), END_SECONDS_MAX)
    assert process.returncode == 0, f"it ended with {process.returncode}, see {log}"
