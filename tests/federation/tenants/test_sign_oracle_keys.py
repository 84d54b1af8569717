"""S5, sign oracle: documents of keys. As a notary we sign what a server itself has signed, and nothing else.

Fifty mutated requests for each endpoint; with --long 10,000. Over HTTPS, where other servers are looked for by the
test's own name server.
"""

from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.support.homeserver import Homeserver
from tests.support.mutations import mutated, sendable
from tests.support.sign_oracle import oracle
from timserver.matrix import signing
from timserver.tenancy import Tenant
from timserver.usecases.tenants.signing_key import signing_key

pytestmark = pytest.mark.parametrize("server", ["http"], indirect=True)

KEYS = "/_matrix/key/v2"


@pytest.fixture
def count(pytestconfig: pytest.Config) -> int:
    return 10_000 if pytestconfig.getoption("--long") else 50


async def test_s5_a_notary_signs_what_a_server_has_signed(
    server: Homeserver, tenant: Tenant, other: Tenant, third: Tenant, count: int
) -> None:
    them = await oracle(server, tenant, other, 6)
    keys = {at.server_name: await signing_key(server.ctx, at) for at in (tenant, other, third)}
    names = (*keys, "nobody.example", "localhost:1", f"{tenant.server_name}:8448", tenant.server_name.upper())
    criteria: dict[str, Any] = {"minimum_valid_until_ts": 4_000_000_000_000}
    for number in range(count):
        asked = them.chance.sample(names, 3)
        if number % 3:
            key_id = them.chance.choice([them.key.key_id, "ed25519:x", "", "x"])
            right = {"server_keys": {name: {key_id: criteria} for name in asked}}
            body = mutated(them.chance, right, them.chance.randint(0, 2))
            reply = await them.liar.post(tenant, f"{KEYS}/query", sendable(body))
        else:
            reply = await them.liar.get(tenant, f"{KEYS}/query/{quote(them.text(*asked), safe='')}")
        if reply.status != 200:
            them.must_refuse(reply)
            continue
        them.answered += 1
        for document in reply["server_keys"]:
            must_be_a_document(document, keys)
            assert signed_by(document, them.key, tenant.server_name)
            them.signed += 1
    them.told("notary")
    assert them.signed > 0


async def test_s5_our_keys_are_the_same_whatever_is_asked(
    server: Homeserver, tenant: Tenant, other: Tenant, count: int
) -> None:
    them = await oracle(server, tenant, other, 7)
    for _ in range(count):
        rest = them.chance.choice(["", "/", f"/{quote(them.key.key_id)}", "/ed25519:x", "/%00"])
        query = urlencode([(them.text("minimum_valid_until_ts"), them.text("1", "x"))])
        reply = await them.liar.get(tenant, f"{KEYS}/server{rest}?{query}")
        if reply.status != 200:
            them.must_refuse(reply)
            continue
        them.answered += 1
        them.signed += 1
        must_be_a_document(reply.body, {tenant.server_name: them.key})
    them.told("keys")
    assert them.signed > 0


def must_be_a_document(document: Any, keys: dict[Any, signing.SigningKey]) -> None:
    """Of a server's own key, with nothing in it that a document has not; signed by that server itself."""
    name = document["server_name"]
    known = {"server_name", "verify_keys", "old_verify_keys", "valid_until_ts", "signatures"}
    assert document.keys() <= known
    own = {keys[name].key_id: {"key": signing.encode_base64(keys[name].public_key)}}
    assert document["verify_keys"] == own
    assert signed_by(document, keys[name], name)


def signed_by(document: Any, key: signing.SigningKey, server_name: str) -> bool:
    return signing.verify_object(key.public_key, server_name, key.key_id, document)
