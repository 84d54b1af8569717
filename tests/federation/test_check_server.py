"""`federation check`. Real: the checks, DNS, TLS, PostgreSQL. Fake: the other server and the name server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest

from tests.support.dns_records import DnsRecords, dns_records
from tests.support.homeserver import MASTER_KEY, settings_for
from tests.support.remote_context import LOOPBACK
from tests.support.remote_server import Authority, RemoteServer, remote_server
from timserver import app
from timserver.clock import SystemIds
from timserver.config import Federation
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.tenancy import Tenant, Variant
from timserver.usecases.federation.check_server import Stage, check_server
from timserver.usecases.federation.own_keys import own_key_document
from timserver.usecases.tenants import create_tenant

VERSION = "/_matrix/federation/v1/version"
PROFILE = "/_matrix/federation/v1/query/profile"
KEYS = "/_matrix/key/v2/server"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


class Checked:
    """A tenant, the server that it wants to talk to, and what leads others to the tenant."""

    def __init__(self, ctx: Context, tenant: Tenant, them: RemoteServer, us: RemoteServer) -> None:
        self.ctx, self.tenant, self.them, self.us = ctx, tenant, them, us

    async def stages(self, server_name: str = "", tenant: Tenant | None = None) -> list[Stage]:
        name = ServerName(server_name or self.them.server_name)
        return [stage async for stage in check_server(self.ctx, tenant or self.tenant, name)]


@pytest.fixture
async def checked(database_url: str, authority: Authority) -> AsyncIterator[Checked]:
    async with AsyncExitStack() as stack:
        dns: DnsRecords = await stack.enter_async_context(dns_records())
        host = f"c{SystemIds().opaque(12).lower()}.test"
        dns.has(host, "127.0.0.1")
        dns.has("them.test", "127.0.0.1")
        them = await stack.enter_async_context(remote_server(authority, host="them.test"))
        us = await stack.enter_async_context(remote_server(authority, host=host))
        settings = settings_for(
            database_url,
            extra_ca_files=(authority.file,),
            federation=Federation(allowed_networks=LOOPBACK, nameservers=(dns.address,)),
        )
        ctx = await stack.enter_async_context(app.open_context(settings, MASTER_KEY))
        tenant = await create_tenant(ctx, us.server_name)
        us.answers("GET", KEYS, await own_key_document(ctx, tenant))
        them.answers("GET", VERSION, {"server": {"name": "Other", "version": "1"}})
        them.answers("GET", PROFILE, {"errcode": "M_NOT_FOUND", "error": "nobody"}, 404)
        yield Checked(ctx, tenant, them, us)


async def test_all_stages_of_a_way_that_is_open(checked: Checked) -> None:
    stages = await checked.stages()
    assert [stage.stage for stage in stages] == [
        "policy", "discovery", "tls", "version", "keys", "signed request", "way to us",
    ]  # fmt: skip
    assert all(stage.ok for stage in stages), stages
    by_name = {stage.stage: stage.what for stage in stages}
    assert "step 2" in by_name["discovery"]
    assert by_name["version"] == "Other 1"
    assert checked.them.key.key_id in by_name["keys"]
    signed = [request for request in checked.them.requests if "Authorization" in request.headers]
    assert {request.uri.partition("?")[0] for request in signed} == {VERSION, KEYS, PROFILE}


async def test_each_failure_is_named_and_what_depends_on_it_left_out(checked: Checked) -> None:
    them = checked.them
    them.answers("GET", PROFILE, {"errcode": "M_UNAUTHORIZED", "error": "who?"}, 401)
    failed = [stage for stage in await checked.stages() if not stage.ok]
    assert [stage.stage for stage in failed] == ["signed request"]
    assert "way to us" in failed[0].next
    them.keys = them.key_document(server_name="evil.example")
    assert [stage.stage for stage in await checked.stages() if not stage.ok] == ["keys"]
    them.answers("GET", VERSION, b"<html>")
    assert [stage.stage for stage in await checked.stages()][-2:] == ["version", "way to us"]
    away = await checked.stages("them.test:1")
    assert [(stage.stage, stage.ok) for stage in away] == [
        ("policy", True), ("discovery", True), ("tls", False), ("way to us", True),
    ]  # fmt: skip


async def test_other_keys_under_our_name_are_seen(checked: Checked) -> None:
    checked.us.answers("GET", KEYS, checked.us.key_document())
    last = (await checked.stages())[-1]
    assert (last.stage, last.ok) == ("way to us", False)
    assert "other keys than ours" in last.what


async def test_policy_comes_first_and_tenants_here_need_no_way(checked: Checked) -> None:
    praxis = await create_tenant(checked.ctx, f"p{SystemIds().opaque(12).lower()}.test", Variant.PRO)
    (refused, *rest) = await checked.stages(tenant=praxis)
    assert (refused.stage, refused.ok, rest) == ("policy", False, [])
    assert not checked.them.requests
    beside = await create_tenant(checked.ctx, f"p{SystemIds().opaque(12).lower()}.test")
    stages = await checked.stages(beside.server_name)
    assert [stage.stage for stage in stages] == ["policy", "loop-back"]
    assert all(stage.ok for stage in stages)
    own = await checked.stages(checked.tenant.server_name)
    assert [(stage.stage, stage.ok) for stage in own] == [("policy", False)]


def test_a_stage_is_a_line_of_json() -> None:
    line = msgspec.json.encode(Stage(stage="tls", ok=True, what="x"))
    assert line == b'{"stage":"tls","ok":true,"what":"x","next":"","milliseconds":0}'
