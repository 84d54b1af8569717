"""Which tenant a Host header means."""

import pytest

from timserver.context import Context
from timserver.matrix import errors
from timserver.tenancy import Tenant
from timserver.usecases.tenants import create_tenant, find_tenant


async def found(ctx: Context, host: str) -> str | None:
    """The name of the tenant."""
    tenant = await find_tenant(ctx, host)
    return tenant.server_name if tenant else None


async def made(ctx: Context, server_name: str, client_url: str | None = None) -> Tenant:
    return await create_tenant(ctx, server_name, client_url=client_url)


async def test_a_tenant_is_found_where_its_clients_are_sent(ctx: Context) -> None:
    await made(ctx, "praxis.example", "https://matrix.praxis.example/")
    await made(ctx, "other.example", "https://chat.other.example:8443")
    for host in (
        "praxis.example",
        "praxis.example:443",
        "matrix.praxis.example",
        "matrix.praxis.example:443",
    ):
        assert await found(ctx, host) == "praxis.example"
    assert await found(ctx, "chat.other.example:8443") == "other.example"
    for host in ("chat.other.example", "matrix.other.example", "", "example"):
        assert await found(ctx, host) is None


async def test_the_port_of_a_name_counts_first(ctx: Context) -> None:
    for server_name in ("same.example:8448", "same.example", "same.example:8449"):
        await made(ctx, server_name)
    assert await found(ctx, "same.example:8448") == "same.example:8448"
    assert await found(ctx, "same.example:8449") == "same.example:8449"
    assert await found(ctx, "same.example:8450") == "same.example"
    assert await found(ctx, "same.example") == "same.example"


async def test_nobody_takes_the_host_of_another_tenant(ctx: Context) -> None:
    await made(ctx, "first.example", "https://matrix.first.example")
    for client_url in (
        "https://first.example",
        "https://matrix.first.example",
        "https://matrix.first.example:443",
    ):
        with pytest.raises(errors.UserInUse):
            await made(ctx, "second.example", client_url)
    assert await found(ctx, "second.example") is None
    await made(ctx, "matrix.first.example")
    ctx.caches.tenants.drop("matrix.first.example")
    assert await found(ctx, "matrix.first.example") == "matrix.first.example"


async def test_a_name_has_no_capital_letters(ctx: Context) -> None:
    """Hosts have none where clients ask for them, and one homeserver under two names would be two."""
    with pytest.raises(errors.InvalidParam):
        await made(ctx, "Capital.example")
    assert await found(ctx, "Capital.example") is None


async def test_tenants_below_a_path_share_a_host(ctx: Context) -> None:
    for name in ("a", "b"):
        await made(ctx, f"{name}.shared.example", f"https://provider.example/{name}")
    assert await found(ctx, "provider.example") is None
    await made(ctx, "own.example", "https://own.example")
    assert await found(ctx, "own.example") == "own.example"


@pytest.mark.parametrize(
    "client_url", ["matrix.bad.example", "ftp://bad.example", "https://", "https://[", "x"]
)
async def test_a_client_url_is_a_url(ctx: Context, client_url: str) -> None:
    with pytest.raises(errors.InvalidParam):
        await made(ctx, "bad.example", client_url)
    assert await found(ctx, "bad.example") is None
