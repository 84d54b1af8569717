"""A server with its default limits, in a process of its own, and who lives on it."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from conformance.bench import database, timserver
from conformance.bench.client import Client
from conformance.bench.server import Server, started
from conformance.floods.requests import Flooder, Visitor
from tests.support.guests import Guest
from timserver import app, config
from timserver.clock import SystemIds
from timserver.context import Context
from timserver.tenancy import Tenant
from timserver.usecases.tenants import create_tenant
from timserver.usecases.tenants.signing_key import signing_key

TENANT_QUOTA = 50
"""Requests per second of a tenant. The default is ten times as much; a load generator beside the server on the same two
cores could not ask ten times that."""


@contextmanager
def running(folder: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    """The server, and the settings to look into its database. Limits are the default ones but for registration and the
    tenants' quota.
    """
    with database.fresh(folder / "postgres") as db:
        port = database.free_port()
        settings = timserver.settings(folder, db.url, port) | {
            "TIM_RATE_LIMITS__ENABLED": "true",
            "TIM_RATE_LIMITS__REGISTRATION__PER_SECOND": "1000",
            "TIM_RATE_LIMITS__REGISTRATION__BURST": "1000",
            "TIM_RATE_LIMITS__TENANT__PER_SECOND": str(TENANT_QUOTA),
            "TIM_RATE_LIMITS__TENANT__BURST": str(TENANT_QUOTA * 4),
        }
        environment = os.environ | settings
        program = [sys.executable, "-m", "timserver"]
        subprocess.run([*program, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
        with started([*program, "serve"], folder, port, environment) as pid:
            server = Server(
                name="timserver",
                version="",
                host="127.0.0.1",
                port=port,
                server_name="",
                registration_secret=timserver.SECRET,
                pid=pid,
                database_pid=db.postmaster_pid,
            )
            yield server, environment


class Practice(msgspec.Struct, frozen=True):
    """A tenant with two users who talk in a room."""

    tenant: Tenant
    sender: Client
    receiver: Client
    room_id: str


class Deployment:
    """What tests do beside the server, on the same database."""

    def __init__(self, server: Server, ctx: Context) -> None:
        self.server, self.ctx = server, ctx

    async def practice(self, name: str) -> Practice:
        """A new tenant."""
        tenant = await create_tenant(self.ctx, f"{name}.example.org")
        at = msgspec.structs.replace(self.server, server_name=tenant.server_name)
        sender, receiver = [await Client.registered(at, who) for who in ("anna", "bert")]
        room_id = await sender.create_room()
        await receiver.join(room_id)
        return Practice(tenant, sender, receiver, room_id)

    async def visitor(self, name: str, practice: Practice, rooms: int) -> Visitor:
        """Another server, with a user in new rooms of a practice."""
        there = await create_tenant(self.ctx, f"{name}.example.org")
        key = await signing_key(self.ctx, there)
        guest = Guest(self.ctx, practice.tenant, f"@mallory:{there.server_name}", key)
        joined = []
        for _ in range(rooms):
            room_id = await practice.sender.create_room()
            join = await guest.joins(room_id)
            message = await guest.event(room_id, "m.room.message", {"body": "x", "msgtype": "m.text"})
            joined.append((join, list(message.auth_events)))
        return Visitor(there.server_name, key, guest.user_id, practice.tenant.server_name, joined)

    async def flooder(self, practice: Practice, localpart: str) -> Flooder:
        """A user of a practice who will flood, in its room."""
        at = msgspec.structs.replace(self.server, server_name=practice.tenant.server_name)
        client = await Client.registered(at, localpart)
        await client.join(practice.room_id)
        token = client.token
        client.close()
        return Flooder(practice.tenant.server_name, token, client.user_id, practice.room_id)


@asynccontextmanager
async def opened(server: Server, environment: dict[str, str]) -> AsyncIterator[Deployment]:
    """The deployment as a second process sees it."""
    settings = config.load(None, environment)
    async with app.open_context(settings, config.load_master_key(settings, SystemIds())) as ctx:
        yield Deployment(server, ctx)
