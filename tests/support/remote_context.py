"""A process of ours that can reach remote servers on loopback: for tests of what goes out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.homeserver import MASTER_KEY, settings_for
from tests.support.remote_server import Authority
from timserver import app
from timserver.config import Federation
from timserver.context import Context

LOOPBACK = ("127.0.0.0/8", "::1/128")


@asynccontextmanager
async def process(database_url: str, authority: Authority, **federation: Any) -> AsyncIterator[Context]:
    """Its context, without the serving loops."""
    settings = settings_for(
        database_url,
        extra_ca_files=(authority.file,),
        federation=Federation(allowed_networks=LOOPBACK, **federation),
    )
    async with app.open_context(settings, MASTER_KEY) as ctx:
        yield ctx
