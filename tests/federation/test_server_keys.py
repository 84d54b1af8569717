"""Keys of other servers. Real: PostgreSQL, TLS, sockets. Fake: the other servers and notaries."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.support.homeserver import MASTER_KEY
from tests.support.remote_context import process
from tests.support.remote_server import WEEK_MS, Authority, RemoteServer, remote_server
from timserver.clock import SystemIds
from timserver.context import Context
from timserver.matrix import signing
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.tenancy import Tenant, Variant
from timserver.usecases.federation.server_keys import KeyWanted, keys_for
from timserver.usecases.tenants import create_tenant
from timserver.usecases.tenants.signing_key import signing_key

assert MASTER_KEY
KEYS = "/_matrix/key/v2/server"
QUERY = "/_matrix/key/v2/query"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def remote(authority: Authority) -> AsyncIterator[RemoteServer]:
    async with remote_server(authority) as server:
        yield server


@pytest.fixture
async def ctx(database_url: str, authority: Authority) -> AsyncIterator[Context]:
    async with process(database_url, authority) as context:
        yield context


async def new_tenant(ctx: Context, variant: Variant = Variant.OFF) -> Tenant:
    return await create_tenant(ctx, f"k{SystemIds().opaque(12).lower()}.example.org", variant)


@pytest.fixture
async def tenant(ctx: Context) -> Tenant:
    return await new_tenant(ctx)


def wanted(remote: RemoteServer, valid_at_ts: int = 0, key_id: str = "") -> KeyWanted:
    return KeyWanted(remote.server_name, key_id or remote.key.key_id, valid_at_ts)


async def has(ctx: Context, tenant: Tenant, key: KeyWanted) -> bool:
    return (key.server_name, key.key_id) in await keys_for(ctx, tenant, [key])


async def test_a_server_is_asked_once_for_all_its_keys_by_all_tenants(
    database_url: str, authority: Authority, ctx: Context, tenant: Tenant, remote: RemoteServer
) -> None:
    now_ms = ctx.clock.now_ms()
    other = await new_tenant(ctx)
    found = await asyncio.gather(
        *(keys_for(ctx, who, [wanted(remote, now_ms)]) for who in (tenant, other) * 10)
    )
    assert found == [{(remote.server_name, "ed25519:remote"): remote.key.public_key}] * 20
    assert len(remote.asked(KEYS)) == 1
    async with process(database_url, authority) as elsewhere:
        assert await has(elsewhere, other, wanted(remote, now_ms))
    assert len(remote.asked(KEYS)) == 1, "the table has them"


async def test_unknown_key_ids_do_not_make_us_ask_again_and_again(
    ctx: Context, tenant: Tenant, remote: RemoteServer
) -> None:
    for number in range(20):
        assert not await has(ctx, tenant, wanted(remote, key_id=f"ed25519:n{number}"))
    assert len(remote.asked(KEYS)) == 1
    assert await has(ctx, tenant, wanted(remote))


async def test_malformed_key_ids_are_nobody_s(ctx: Context, tenant: Tenant, remote: RemoteServer) -> None:
    keys = [
        wanted(remote, key_id=key_id)
        for key_id in ("ed25519:\0", "ed25519:", "rsa:1", "ed25519:" + "x" * 300)
    ]
    assert await keys_for(ctx, tenant, [*keys, wanted(remote)]) == {
        (remote.server_name, remote.key.key_id): remote.key.public_key
    }


async def test_a_server_that_fails_is_not_asked_again_at_once(
    ctx: Context, tenant: Tenant, remote: RemoteServer
) -> None:
    remote.answers("GET", KEYS, {"errcode": "M_UNKNOWN", "error": "ill"}, 500)
    for _ in range(5):
        assert not await has(ctx, tenant, wanted(remote))
    assert len(remote.asked(KEYS)) == 1


@pytest.mark.parametrize("lie", ["unsigned", "another server's", "not JSON", "a list", "huge"])
async def test_a_document_that_the_server_has_not_signed_is_no_document(
    ctx: Context, tenant: Tenant, remote: RemoteServer, lie: str
) -> None:
    keys = remote.key_document()
    lies = {
        "unsigned": {**keys, "signatures": {}},
        "another server's": remote.key_document(server_name="other.example"),
        "not JSON": b"{",
        "a list": [keys],
        "huge": b'{"a":"' + b"x" * 300_000 + b'"}',
    }
    remote.answers("GET", KEYS, lies[lie])
    assert not await has(ctx, tenant, wanted(remote))


async def test_validity_is_judged_at_the_time_of_signing(
    ctx: Context, tenant: Tenant, remote: RemoteServer
) -> None:
    now_ms = ctx.clock.now_ms()
    remote.keys = remote.key_document(valid_until_ts=now_ms - HOUR_MS)
    assert await has(ctx, tenant, wanted(remote, 0)), "room versions 1 to 4"
    assert await has(ctx, tenant, wanted(remote, now_ms - 2 * HOUR_MS))
    assert not await has(ctx, tenant, wanted(remote, now_ms))


async def test_nothing_is_valid_beyond_a_week(ctx: Context, tenant: Tenant, remote: RemoteServer) -> None:
    now_ms = ctx.clock.now_ms()
    remote.keys = remote.key_document(valid_until_ts=now_ms + 50 * WEEK_MS)
    assert not await has(ctx, tenant, wanted(remote, now_ms + WEEK_MS + HOUR_MS))
    assert not remote.requests, "asking would not help"
    assert await has(ctx, tenant, wanted(remote, now_ms + WEEK_MS - HOUR_MS))
    assert not await has(ctx, tenant, wanted(remote, now_ms + WEEK_MS + HOUR_MS))


async def test_old_keys_verify_what_is_old(ctx: Context, tenant: Tenant, remote: RemoteServer) -> None:
    now_ms = ctx.clock.now_ms()
    old: JsonObject = {
        "ed25519:old": {"key": signing.encode_base64(bytes(32)), "expired_ts": now_ms - HOUR_MS}
    }
    remote.keys = remote.key_document(old_verify_keys=old)
    assert await has(ctx, tenant, wanted(remote, now_ms - 2 * HOUR_MS, "ed25519:old"))
    assert not await has(ctx, tenant, wanted(remote, now_ms, "ed25519:old"))
    assert len(remote.asked(KEYS)) == 1, "an old key comes not back"


async def test_keys_that_end_soon_are_asked_for_again(
    ctx: Context, tenant: Tenant, remote: RemoteServer
) -> None:
    now_ms = ctx.clock.now_ms()
    remote.keys = remote.key_document(valid_until_ts=now_ms + HOUR_MS)
    assert await has(ctx, tenant, wanted(remote, now_ms))
    fetches = ctx.caches.key_fetches.get(remote.server_name)
    assert fetches is not None
    fetches.next_s = 0  # as after ten seconds
    remote.keys = remote.key_document()
    assert await has(ctx, tenant, wanted(remote, now_ms + 2 * HOUR_MS))
    assert len(remote.asked(KEYS)) == 2


async def test_a_server_that_was_away_for_minutes_is_asked_within_two(
    ctx: Context, tenant: Tenant, remote: RemoteServer
) -> None:
    """As with transactions: the wait grows with the outage (R5)."""
    remote.answers("GET", KEYS, {}, 503)
    waits_s = []
    for away_s in (0, 600, 7200, 86_400):
        fetches = ctx.caches.key_fetches.get(remote.server_name)
        now_s = ctx.clock.monotonic_s()
        if fetches is not None:
            fetches.failing_since_s, fetches.next_s = now_s - away_s, 0
        assert not await has(ctx, tenant, wanted(remote))
        fetches = ctx.caches.key_fetches.get(remote.server_name)
        assert fetches is not None
        waits_s.append(round(fetches.next_s - now_s))
    assert 25 <= waits_s[0] <= 40
    assert 80 <= waits_s[1] <= 120
    assert 900 <= waits_s[2] <= 1300
    assert 3200 <= waits_s[3] <= 4000


async def test_keys_of_tenants_here_come_without_http(ctx: Context, tenant: Tenant) -> None:
    other = await new_tenant(ctx)
    key = await signing_key(ctx, other)
    item = KeyWanted(other.server_name, key.key_id, ctx.clock.now_ms())
    assert await keys_for(ctx, tenant, [item]) == {(other.server_name, key.key_id): key.public_key}
    assert not await has(ctx, tenant, KeyWanted(other.server_name, "ed25519:none", 0))
    assert ctx.caches.key_fetches.get(other.server_name) is None


async def test_policy_holds_for_key_requests_and_says_nothing_of_others(
    ctx: Context, tenant: Tenant, remote: RemoteServer
) -> None:
    praxis = await new_tenant(ctx, Variant.PRO)
    assert not await has(ctx, praxis, wanted(remote))
    assert not remote.requests
    assert await has(ctx, tenant, wanted(remote)), "a refusal of ours is no failure of theirs"


class Notaries:
    """A notary, and a server that does not answer itself."""

    def __init__(self, ctx: Context, notary: RemoteServer, away: RemoteServer) -> None:
        self.ctx, self.notary, self.away = ctx, notary, away

    def tells(self, *, signed_by_notary: bool = True, signed_by_server: bool = True) -> None:
        document = dict(self.away.key_document())
        if not signed_by_server:
            document["signatures"] = {}
        if signed_by_notary:
            document = signing.sign_object(self.notary.key, self.notary.server_name, document)
        self.notary.answers("POST", QUERY, {"server_keys": [document]})


@pytest.fixture
async def notaries(database_url: str, authority: Authority) -> AsyncIterator[Notaries]:
    async with AsyncExitStack() as stack:
        notary = await stack.enter_async_context(remote_server(authority))
        away = await stack.enter_async_context(remote_server(authority, host="127.0.0.1"))
        away.key = signing.make_signing_key("ed25519:away", bytes(range(100, 132)))
        away.answers("GET", KEYS, {}, 503)
        ctx = await stack.enter_async_context(
            process(database_url, authority, notaries=(notary.server_name,))
        )
        yield Notaries(ctx, notary, away)


async def test_a_notary_speaks_for_who_does_not_answer(notaries: Notaries) -> None:
    ctx = notaries.ctx
    tenant = await new_tenant(ctx)
    notaries.tells()
    item = wanted(notaries.away, ctx.clock.now_ms())
    third = KeyWanted(ServerName("localhost:1"), "ed25519:x", 7)
    found = await keys_for(ctx, tenant, [item, third])
    assert found == {(notaries.away.server_name, "ed25519:away"): notaries.away.key.public_key}
    (query,) = notaries.notary.asked(QUERY)
    assert query.json["server_keys"] == {
        notaries.away.server_name: {"ed25519:away": {"minimum_valid_until_ts": item.valid_at_ts}},
        "localhost:1": {"ed25519:x": {"minimum_valid_until_ts": 7}},
    }
    await keys_for(ctx, tenant, [third])
    assert len(notaries.notary.asked(QUERY)) == 1, "not again at once"


@pytest.mark.parametrize("forger", ["signed_by_notary", "signed_by_server"])
async def test_a_notary_s_word_needs_both_signatures(notaries: Notaries, forger: str) -> None:
    tenant = await new_tenant(notaries.ctx)
    notaries.tells(**{forger: False})
    assert not await has(notaries.ctx, tenant, wanted(notaries.away))


async def test_a_notary_does_not_overwrite_what_the_server_said(notaries: Notaries) -> None:
    ctx, away = notaries.ctx, notaries.away
    tenant = await new_tenant(ctx)
    own_key = away.key
    away.answers("GET", KEYS, away.key_document())
    assert await has(ctx, tenant, wanted(away))
    away.key = signing.make_signing_key("ed25519:away", bytes(range(50, 82)))
    notaries.tells()
    away.answers("GET", KEYS, {}, 503)
    fetches = ctx.caches.key_fetches.get(away.server_name)
    assert fetches is not None
    fetches.next_s = 0
    found = await keys_for(ctx, tenant, [wanted(away), wanted(away, key_id="ed25519:new")])
    assert found == {(away.server_name, "ed25519:away"): own_key.public_key}
    assert notaries.notary.asked(QUERY)
