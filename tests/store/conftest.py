"""Real: PostgreSQL, migrated; a context without the serving loops. Fake: nothing.

`tenant` and `other` are two homeservers of this test's own.
"""

import itertools
from collections.abc import AsyncIterator

import pytest

from tests.support.homeserver import MASTER_KEY, settings_for
from tests.support.postgres import Postgres
from timserver import app
from timserver.context import Context
from timserver.tenancy import Tenant
from timserver.usecases.tenants import create_tenant

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def ctx(postgres: Postgres, worker_id: str) -> AsyncIterator[Context]:
    """On a database that no running server of this worker has: nobody else's loops take its work."""
    url = await postgres.create(f"timserver_{worker_id}_quiet")
    async with app.open_context(settings_for(url), MASTER_KEY) as context:
        yield context


@pytest.fixture
async def tenant(ctx: Context) -> Tenant:
    return await create_tenant(ctx, f"store{next(_numbers)}.example.org")


@pytest.fixture
async def other(ctx: Context) -> Tenant:
    return await create_tenant(ctx, f"store{next(_numbers)}.example.org")
