"""The homeserver the clients talk to: timserver with its own PostgreSQL, or any by `TIM_TEST_HOMESERVER=URL`.

An external one must let anybody register (`m.login.dummy`) and must not limit rates.
"""

import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from tests.clients.person import Account
from tests.support import homeserver as support
from timserver.config import Listener
from timserver.tenancy import TenantSettings
from timserver.usecases.tenants.create_tenant import create_tenant

SERVER_NAME = "clients.example.org"


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
async def timserver(database_url: str) -> AsyncIterator[Homeserver]:
    """A timserver on a free port; whatever is asked there is for one tenant."""
    listener = Listener(port=0, tenant=SERVER_NAME)
    async with support.running(support.settings_for(database_url, listeners=(listener,))) as server:
        await create_tenant(server.ctx, SERVER_NAME, settings=TenantSettings(registration=True))
        yield Homeserver(server.url)
