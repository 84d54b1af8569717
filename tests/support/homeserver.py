"""A homeserver in the test's own process: real sockets, real PostgreSQL, two tenants; and who talks to it."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from pydantic import SecretStr

from timserver import app
from timserver.config import Api, Database, Limits, Listener, PasswordHash, RateLimits, Registration, Settings
from timserver.context import Context
from timserver.tenancy import Tenant, TenantSettings, Variant
from timserver.usecases.accounts.create_user import create_user
from timserver.usecases.tenants import create_tenant

MASTER_KEY = bytes(range(32))
PASSWORD = "a password for tests"
SHARED_SECRET = "shared"

_numbers = itertools.count(1)


def settings_for(url: str, **changes: Any) -> Settings:
    """Settings of a test server: a free port, cheap passwords, no rate limits."""
    defaults: dict[str, Any] = {
        "database": Database(url=SecretStr(url), pool_max=5),
        "listeners": (Listener(port=0),),
        "password_hash": PasswordHash(time_cost=1, memory_kib=8),
        "rate_limits": RateLimits(enabled=False),
        "registration": Registration(open=True, shared_secret=SecretStr(SHARED_SECRET)),
        "limits": Limits(poll_interval_ms=300),
        "drain_s": 1,
    }
    return Settings(**{**defaults, **changes})


class Reply:
    """An answer: its status, headers and JSON."""

    def __init__(self, status: int, headers: Any, raw: bytes, body: Any) -> None:
        self.status, self.headers, self.raw, self.body = status, headers, raw, body

    def __getitem__(self, key: str) -> Any:
        return self.body[key]

    def must(self, status: int = 200, errcode: str | None = None) -> "Reply":
        """Assert status and errcode; the reply, for chaining."""
        assert self.status == status, (self.status, self.raw)
        assert errcode is None or self.body["errcode"] == errcode, self.body
        return self


class Person:
    """Somebody with a token (or without one: `token` None) at one tenant."""

    def __init__(
        self, server: "Homeserver", tenant: Tenant, user_id: str, token: str | None, device_id: str
    ) -> None:
        self.server, self.tenant, self.user_id, self.token, self.device_id = (
            server,
            tenant,
            user_id,
            token,
            device_id,
        )

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        """One request; a path that does not begin with /_ stands below /_matrix/client/v3."""
        headers = {"Host": self.tenant.server_name, **options.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None and "data" not in options:
            options["json"] = body
        url = self.server.url + (path if path.startswith(("/_", "/.")) else f"/_matrix/client/v3{path}")
        async with self.server.http.request(method, url, headers=headers, **options) as response:
            raw = await response.read()
            is_json = response.content_type == "application/json" and raw
            return Reply(response.status, response.headers, raw, await response.json() if is_json else None)

    async def get(self, path: str, **params: Any) -> Reply:
        """GET with query parameters."""
        return await self.call("GET", path, params={key: str(value) for key, value in params.items()})

    async def post(self, path: str, body: Any = None) -> Reply:
        """POST JSON."""
        return await self.call("POST", path, {} if body is None else body)

    async def put(self, path: str, body: Any = None) -> Reply:
        """PUT JSON."""
        return await self.call("PUT", path, {} if body is None else body)

    async def delete(self, path: str, body: Any = None) -> Reply:
        """DELETE, with JSON when given."""
        return await self.call("DELETE", path, body)


class Homeserver:
    """A running server and its context."""

    def __init__(self, url: str, http: aiohttp.ClientSession, ctx: Context) -> None:
        self.url, self.http, self.ctx = url, http, ctx
        self.federation_port: int | None = None
        """A TLS listener for other servers; then it is part of the names of new tenants."""

    async def tenant(self, variant: Variant = Variant.OFF, **settings: Any) -> Tenant:
        """A tenant of its own for a test."""
        values = TenantSettings(**{"registration": True, **settings})
        port = f":{self.federation_port}" if self.federation_port else ""
        server_name = f"t{next(_numbers)}.example.org{port}"
        return await create_tenant(self.ctx, server_name, variant, settings=values)

    async def person(self, tenant: Tenant, name: str | None = None, *, is_admin: bool = False) -> Person:
        """A new user who is logged in."""
        localpart = name or f"user{next(_numbers)}"
        await create_user(self.ctx, tenant, localpart, PASSWORD, is_admin=is_admin)
        return await self.logged_in(tenant, localpart)

    async def logged_in(self, tenant: Tenant, localpart: str, device_id: str | None = None) -> Person:
        """A further session of a user."""
        nobody = self.nobody(tenant)
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": localpart},
            "password": PASSWORD,
        }
        reply = (
            await nobody.post("/login", {**body, **({"device_id": device_id} if device_id else {})})
        ).must()
        return Person(self, tenant, reply["user_id"], reply["access_token"], reply["device_id"])

    def nobody(self, tenant: Tenant) -> Person:
        """Somebody without a token."""
        return Person(self, tenant, "", None, "")


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Homeserver]:
    """Serve on a free port; a second context on the same database is for the test's own use."""
    sockets = app.bind_all(settings)
    stop, ready = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(app.serve(settings, MASTER_KEY, sockets, stop, ready.set))
        await ready.wait()
        url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        async with app.open_context(settings, MASTER_KEY) as ctx, aiohttp.ClientSession() as http:
            homeserver = Homeserver(url, http, ctx)
            if len(settings.listeners) > 1 and Api.FEDERATION in settings.listeners[1].apis:
                homeserver.federation_port = sockets[1].getsockname()[1]
            yield homeserver
        stop.set()
