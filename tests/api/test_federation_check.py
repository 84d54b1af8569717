"""The administrators' check of the way to another server."""

from collections.abc import AsyncIterator

import pytest

from tests.support.homeserver import Homeserver, running, settings_for
from timserver.config import Api, Federation, Listener
from timserver.tenancy import Variant

NO_DNS = Federation(nameservers=("127.0.0.1:1",))
"""Nobody there: no question leaves the machine."""

CHECK = "/_timserver/admin/v1/federation/check"


@pytest.fixture(scope="module")
async def server(database_url: str) -> AsyncIterator[Homeserver]:
    listeners = (Listener(port=0, apis=(Api.CLIENT, Api.ADMIN)),)
    async with running(settings_for(database_url, listeners=listeners, federation=NO_DNS)) as homeserver:
        yield homeserver


async def test_only_administrators_check_and_only_for_their_tenant(server: Homeserver) -> None:
    tenant, other = await server.tenant(Variant.PRO), await server.tenant()
    admin, bob = await server.person(tenant, is_admin=True), await server.person(tenant)
    mallory = await server.person(other, is_admin=True)
    path = f"{CHECK}/127.0.0.1:1"
    refused = (await admin.call("POST", path)).must()
    assert [(stage["stage"], stage["ok"]) for stage in refused["stages"]] == [("policy", False)]
    assert not refused["ok"]
    unreached = (await mallory.call("POST", path)).must()
    assert [(stage["stage"], stage["ok"]) for stage in unreached["stages"]][:3] == [
        ("policy", True), ("discovery", True), ("tls", False),
    ]  # fmt: skip
    (await bob.call("POST", path)).must(403, "M_FORBIDDEN")
    (await server.nobody(tenant).call("POST", path)).must(401, "M_MISSING_TOKEN")
    mallory.tenant = tenant
    (await mallory.call("POST", path)).must(401, "M_UNKNOWN_TOKEN")


async def test_it_is_not_on_other_listeners(server: Homeserver, database_url: str) -> None:
    async with running(settings_for(database_url)) as homeserver:
        admin = await homeserver.person(await homeserver.tenant(), is_admin=True)
        (await admin.call("POST", f"{CHECK}/a.example")).must(404, "M_UNRECOGNIZED")
