"""Real: PostgreSQL, migrated; a context without the serving loops. Fake: nothing.

`tenant` and `other` are two homeservers of this test's own.
"""

import itertools
from collections.abc import AsyncIterator

import pytest

from tests.support.homeserver import MASTER_KEY, settings_for
from timserver import app
from timserver.context import Context
from timserver.tenancy import Tenant
from timserver.usecases.tenants import create_tenant

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def ctx(database_url: str) -> AsyncIterator[Context]:
    async with app.open_context(settings_for(database_url), MASTER_KEY) as context:
        yield context


@pytest.fixture
async def tenant(ctx: Context) -> Tenant:
    return await create_tenant(ctx, f"store{next(_numbers)}.example.org")


@pytest.fixture
async def other(ctx: Context) -> Tenant:
    return await create_tenant(ctx, f"store{next(_numbers)}.example.org")
