"""Loop-back and HTTPS: one and the same to who asks and to who is asked (DESIGN 2, REQUIREMENTS MT-4)."""

import json

import pytest

from tests.support.homeserver import Homeserver, running, settings_for
from timserver.config import Federation, Rate, RateLimits
from timserver.remote.client import RemoteError
from timserver.tenancy import Tenant, Variant

VERSION = "/_matrix/federation/v1/version"


async def refused(server: Homeserver, tenant: Tenant, other: Tenant, method: str, path: str) -> RemoteError:
    with pytest.raises(RemoteError) as found:
        await server.ctx.remote.request(tenant, other.server_name, method, path)
    return found.value


async def test_a_request_is_answered(server: Homeserver, tenant: Tenant, other: Tenant) -> None:
    body = json.loads(await server.ctx.remote.request(tenant, other.server_name, "GET", VERSION))
    assert body["server"]["name"] == "timserver"
    assert (server.ctx.remote.loopback is None) == (server.federation_port is not None)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/_matrix/federation/v1/nothing", 404), ("PUT", VERSION, 405)]
)
async def test_what_is_not_there(
    server: Homeserver, tenant: Tenant, other: Tenant, method: str, path: str, status: int
) -> None:
    error = await refused(server, tenant, other, method, path)
    assert (error.status, error.errcode, error.transient) == (status, "M_UNRECOGNIZED", False)


@pytest.mark.parametrize("variant", [Variant.PRO, Variant.EPA])
async def test_the_list_stands_on_both_sides(server: Homeserver, tenant: Tenant, variant: Variant) -> None:
    """S19 (a): a TI-M tenant calls nobody, and is called by nobody, who is not in the list."""
    closed = await server.tenant(variant)
    error = await refused(server, closed, tenant, "GET", VERSION)
    assert (error.status, error.denied) == (None, True)
    error = await refused(server, tenant, closed, "GET", VERSION)
    assert (error.status, error.errcode, error.error) == (403, "M_FORBIDDEN", "not part of federation")
    assert not error.denied
    listed = await server.tenant(variant, allowed_servers=(tenant.server_name,))
    await server.ctx.remote.request(listed, tenant.server_name, "GET", VERSION)
    await server.ctx.remote.request(tenant, listed.server_name, "GET", VERSION)


async def test_nobody_asks_itself(server: Homeserver, tenant: Tenant) -> None:
    assert (await refused(server, tenant, tenant, "GET", VERSION)).denied


async def test_rates_count_on_the_loopback(database_url: str) -> None:
    tight = RateLimits(federation=Rate(per_second=0.001, burst=2))
    async with running(settings_for(database_url, rate_limits=tight)) as server:
        tenant, other, third = [await server.tenant() for _ in range(3)]
        for _ in range(2):
            await server.ctx.remote.request(tenant, other.server_name, "GET", VERSION)
        error = await refused(server, tenant, other, "GET", VERSION)
        assert (error.status, error.errcode, error.transient) == (429, "M_LIMIT_EXCEEDED", True)
        assert error.retry_after_ms
        await server.ctx.remote.request(third, other.server_name, "GET", VERSION)


async def test_the_list_of_the_configuration(database_url: str) -> None:
    federation = Federation(allowed_servers=("listed.example.org",))  # type: ignore[arg-type]
    async with running(settings_for(database_url, federation=federation)) as server:
        pro, stranger = await server.tenant(Variant.PRO), await server.tenant()
        assert (await refused(server, stranger, pro, "GET", VERSION)).status == 403
        assert (await refused(server, pro, stranger, "GET", VERSION)).denied
        facts = server.ctx.remote.federation_list()
        assert facts.servers == {"listed.example.org"}
