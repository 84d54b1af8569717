"""Before the first request: signing keys that are not a tenant's alone (RELIABILITY E14), names nobody lists (FED-13)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from tests.support.homeserver import MASTER_KEY, settings_for
from timserver import app
from timserver.api.metrics import Metrics
from timserver.config import Settings
from timserver.context import Context
from timserver.matrix.server_keys import KNOWN_BAD
from timserver.store import tenants
from timserver.store.tenants import KeyRow, UnsafeKey
from timserver.tenancy import Tenant, Variant
from timserver.usecases.tenants import create_tenant
from timserver.usecases.tenants.check_tenants import unlisted_tenants, unsafe_keys
from timserver.usecases.tenants.rotate_key import rotate_key


@pytest.fixture
async def settings(fresh_database: Callable[[], Awaitable[str]]) -> Settings:
    return settings_for(await fresh_database())


@pytest.fixture
async def ctx(settings: Settings) -> AsyncIterator[Context]:
    async with app.open_context(settings, MASTER_KEY) as ctx:
        yield ctx


async def keys_of(ctx: Context, tenant: Tenant) -> list[KeyRow]:
    async with ctx.database.transaction(tenant) as conn:
        return await tenants.keys(conn, tenant)


async def give(ctx: Context, tenant: Tenant, key: KeyRow) -> None:
    async with ctx.database.transaction(tenant) as conn:
        await tenants.insert_key(conn, tenant, key, 1)


async def test_e14_nobody_serves_with_a_key_that_two_tenants_have(ctx: Context, settings: Settings) -> None:
    first, second = await create_tenant(ctx, "a.example"), await create_tenant(ctx, "b.example")
    assert await unsafe_keys(ctx) == []
    (key,) = await keys_of(ctx, first)
    await give(ctx, second, key)
    shared = [UnsafeKey("a.example", key.key_id), UnsafeKey("b.example", key.key_id)]
    assert await unsafe_keys(ctx) == shared
    sockets = app.bind_all(settings)
    with pytest.raises(SystemExit, match=r"a\.example"):
        await app.serve(settings, MASTER_KEY, sockets, asyncio.Event())
    for bound in sockets:
        bound.close()
    await rotate_key(ctx, second)
    assert await unsafe_keys(ctx) == shared[:1], "it was the other's, too, until now"
    await rotate_key(ctx, first)
    assert await unsafe_keys(ctx) == []


async def test_e14_nobody_serves_with_a_key_that_everybody_has(ctx: Context) -> None:
    tenant = await create_tenant(ctx, "a.example")
    (key,) = await keys_of(ctx, tenant)
    (known,) = KNOWN_BAD
    await give(ctx, tenant, msgspec.structs.replace(key, key_id="ed25519:0", public_key=known))
    assert await unsafe_keys(ctx) == [UnsafeKey("a.example", "ed25519:0")]


async def test_fed_13_a_tenant_that_nobody_lists_is_told_of(ctx: Context) -> None:
    await create_tenant(ctx, "off.example")
    listed = await create_tenant(ctx, "listed.example", Variant.PRO)
    await create_tenant(ctx, "forgotten.example", Variant.EPA)
    federation = ctx.settings.federation.model_copy(update={"allowed_servers": (listed.server_name,)})
    ctx = msgspec.structs.replace(ctx, settings=ctx.settings.model_copy(update={"federation": federation}))
    assert await unlisted_tenants(ctx) == ["forgotten.example"]
    metrics = Metrics()
    metrics.unlisted(1)
    assert b"timserver_tenants_not_in_federation_list 1.0" in metrics.text()
