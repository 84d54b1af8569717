"""RELIABILITY E1: every event from outside is opened by `open_pdus`. Real: PostgreSQL, TLS. Fake: the other servers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.remote_context import process
from tests.support.remote_server import Authority, RemoteServer, remote_server
from timserver.clock import SystemIds
from timserver.context import Context
from timserver.matrix import canonical_json, pdu, signing
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID, RoomID, ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat
from timserver.tenancy import Tenant
from timserver.usecases.federation.opening import Refused, open_pdus
from timserver.usecases.tenants import create_tenant
from timserver.usecases.tenants.signing_key import signing_key

KEYS = "/_matrix/key/v2/server"
VERSIONS = sorted(ROOM_VERSIONS, key=int)
V10 = ROOM_VERSIONS["10"]


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


async def new_tenant(ctx: Context) -> Tenant:
    return await create_tenant(ctx, f"o{SystemIds().opaque(12).lower()}.example.org")


@pytest.fixture
async def tenant(ctx: Context) -> Tenant:
    return await new_tenant(ctx)


def made_by(
    remote: RemoteServer, version: str = "10", *, key: signing.SigningKey | None = None, **changes: Any
) -> bytes:
    """A PDU of a user of the remote server."""
    rules = ROOM_VERSIONS[version]
    given = rules.event_id_format is EventIdFormat.GIVEN
    values: dict[str, Any] = {
        "room_id": RoomID("!r:a.example"),
        "sender": UserID(f"@alice:{remote.server_name}"),
        "type": "m.room.message",
        "content": {"body": "hi", "msgtype": "m.text"},
        "prev_events": (),
        "auth_events": (),
        "depth": 5,
        "origin_server_ts": 1_700_000_000_000,
        "event_id": EventID(f"$e:{remote.server_name}") if given else None,
    }
    template = pdu.PduTemplate(**{**values, **changes})
    return pdu.build_and_sign(
        rules, template, server_name=remote.server_name, signing_key=key or remote.key
    ).pdu


def changed(data: bytes, **changes: Any) -> bytes:
    return canonical_json.encode(
        {**canonical_json.decode_object(data, strict=False), **changes}, strict=False
    )


async def opened(ctx: Context, tenant: Tenant, data: bytes, version: str = "10") -> Event | Refused:
    (result,) = await open_pdus(ctx, tenant, ROOM_VERSIONS[version], [data])
    return result


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_event_that_is_signed_is_opened(
    ctx: Context, tenant: Tenant, remote: RemoteServer, version: str
) -> None:
    data = made_by(remote, version)
    event = await opened(ctx, tenant, changed(data, unsigned={"age": 1}), version)
    assert isinstance(event, Event)
    assert event.pdu == data


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_was_tampered_with_is_redacted(
    ctx: Context, tenant: Tenant, remote: RemoteServer, version: str
) -> None:
    data = made_by(remote, version)
    event = await opened(ctx, tenant, changed(data, content={"body": "forged"}), version)
    assert isinstance(event, Event)
    assert event.content == {}
    original = await opened(ctx, tenant, data, version)
    assert isinstance(original, Event)
    assert event.event_id == original.event_id


@pytest.mark.parametrize("version", ["1", "6", "12"])
async def test_e1_what_is_not_signed_by_its_server_is_refused(
    ctx: Context, tenant: Tenant, remote: RemoteServer, version: str
) -> None:
    data = made_by(remote, version)
    stranger = signing.make_signing_key(remote.key.key_id, bytes(range(9, 41)))
    lies = {
        "is not signed": changed(data, signatures={}),
        "not signed by": changed(data, signatures={"other.example": {"ed25519:a": "A" * 86}}),
        "is wrong": made_by(remote, version, key=stranger),
        "Signature of": changed(data, signatures={remote.server_name: {remote.key.key_id: "junk"}}),
        "is not known": made_by(remote, version, key=signing.make_signing_key("ed25519:x", bytes(32))),
        "  is wrong": changed(data, sender=f"@mallory:{remote.server_name}"),
    }
    for reason, lie in lies.items():
        result = await opened(ctx, tenant, lie, version)
        assert isinstance(result, Refused), reason
        assert reason.strip() in result.reason


async def test_all_known_signatures_of_a_server_must_be_right(
    ctx: Context, tenant: Tenant, remote: RemoteServer
) -> None:
    second = signing.make_signing_key("ed25519:second", bytes(range(60, 92)))
    keys: JsonObject = {
        key.key_id: {"key": signing.encode_base64(key.public_key)} for key in (remote.key, second)
    }
    remote.keys = signing.sign_object(second, remote.server_name, remote.key_document(verify_keys=keys))
    data = made_by(remote)
    value = canonical_json.decode_object(data, strict=True)
    right = signing.encode_base64(signing.sign(second, signing.signed_bytes(V10, value)))
    mine: Any = value["signatures"]
    for signature, key_id, passes in (
        (right, "ed25519:second", True),
        ("A" * 86, "ed25519:second", False),
        ("A" * 86, "ed25519:unknown", True),
    ):
        both = {remote.server_name: {**mine[remote.server_name], key_id: signature}}
        result = await opened(ctx, tenant, changed(data, signatures=both))
        assert isinstance(result, Event) is passes, (key_id, result)


async def test_one_that_is_bad_spoils_no_other(ctx: Context, tenant: Tenant, remote: RemoteServer) -> None:
    good = [made_by(remote, depth=depth) for depth in range(1, 40)]
    bad = [
        b"",
        b"{",
        b"[]",
        b'{"a":' * 500,
        changed(good[0], depth=-1),
        changed(good[0], depth=2**53),
        changed(good[0], signatures=[]),
        changed(good[0], sender="@alice:a b"),
        changed(good[0], signatures={remote.server_name: {"ed25519:\0": "A" * 86}}),
        good[0][:-1] + b',"depth":7}',
        made_by(remote, content={"x": "y" * 60_000}).replace(b"yyyy", b"zzzzzzzz"),
    ]
    results = await open_pdus(ctx, tenant, V10, [*good[:20], *bad, *good[20:]])
    kinds = [isinstance(result, Event) for result in results]
    assert kinds == [True] * 20 + [False] * len(bad) + [True] * 19
    assert len(remote.asked(KEYS)) == 1


async def test_a_restricted_join_needs_both_servers(
    ctx: Context, tenant: Tenant, remote: RemoteServer
) -> None:
    key = await signing_key(ctx, tenant)
    alice = f"@alice:{remote.server_name}"
    content = {"membership": "join", "join_authorised_via_users_server": f"@bob:{tenant.server_name}"}
    data = made_by(remote, type="m.room.member", state_key=alice, content=content)
    assert isinstance(await opened(ctx, tenant, data), Refused)
    value = canonical_json.decode_object(data, strict=True)
    both = canonical_json.encode(signing.sign_event(V10, value, tenant.server_name, key))
    assert isinstance(await opened(ctx, tenant, both), Event)
    for junk in ("@bob", "@bob:", "@bob:a:b:c", "@bob:a/../b", "@bob:" + "x" * 300, "@bob:a.example:99999"):
        content = {"membership": "join", "join_authorised_via_users_server": junk}
        server_name = junk.partition(":")[2]
        data = made_by(remote, type="m.room.member", state_key=alice, content=content)
        value = canonical_json.decode_object(data, strict=True)
        lie = canonical_json.encode(signing.sign_event(V10, value, ServerName(server_name), key))
        assert isinstance(await opened(ctx, tenant, lie), Refused), junk


async def test_from_version_5_a_key_must_have_been_valid(
    ctx: Context, tenant: Tenant, remote: RemoteServer
) -> None:
    now_ms = ctx.clock.now_ms()
    remote.keys = remote.key_document(valid_until_ts=now_ms - 1000)
    for version, ts, passes in (("4", now_ms, True), ("5", now_ms - 2000, True), ("5", now_ms, False)):
        result = await opened(ctx, tenant, made_by(remote, version, origin_server_ts=ts), version)
        assert isinstance(result, Event) is passes, (version, ts)
    times = (now_ms - 2000, now_ms, now_ms - 1000, now_ms - 999)
    both = await open_pdus(ctx, tenant, V10, [made_by(remote, origin_server_ts=ts) for ts in times])
    assert [isinstance(result, Event) for result in both] == [True, False, True, False]


async def test_tenants_of_one_process_verify_once(ctx: Context, tenant: Tenant, remote: RemoteServer) -> None:
    data = made_by(remote)
    assert isinstance(await opened(ctx, tenant, data), Event)
    remembered = len(ctx.caches.signatures)
    assert isinstance(await opened(ctx, await new_tenant(ctx), data), Event)
    assert len(ctx.caches.signatures) == remembered == 1
    value = canonical_json.decode_object(data, strict=True)
    forged = changed(data, signatures={remote.server_name: {remote.key.key_id: "A" * 86}})
    assert value["signatures"]
    assert isinstance(await opened(ctx, tenant, forged), Refused), "another signature of the same event"
