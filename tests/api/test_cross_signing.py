from typing import Any

from tests.support.crypto import Crypto, new_key, public
from tests.support.homeserver import PASSWORD, Homeserver, Person, Reply

UPLOAD = "/keys/device_signing/upload"


async def query(person: Person, *user_ids: str) -> Any:
    reply = await person.post("/keys/query", {"device_keys": {user_id: [] for user_id in user_ids}})
    return reply.must().body


async def sign(person: Person, user_id: str, key_id: str, value: Any) -> Any:
    return (await person.post("/keys/signatures/upload", {user_id: {key_id: value}})).must()["failures"]


def proof(session: str | None = None) -> dict[str, Any]:
    who = {"type": "m.id.user", "user": "alice"}
    auth = {"type": "m.login.password", "identifier": who, "password": PASSWORD}
    return {"auth": {**auth, **({"session": session} if session else {})}}


async def published(person: Person) -> Crypto:
    """Keys of the device and of the user, uploaded."""
    crypto = Crypto(person)
    (await person.post("/keys/upload", {"device_keys": crypto.device_keys()})).must()
    (await person.post(UPLOAD, crypto.cross_signing_keys())).must()
    return crypto


async def changed(person: Person, since: str) -> tuple[list[str], str]:
    reply: Reply = (await person.get("/sync", timeout=2000, since=since)).must()
    return reply.body.get("device_lists", {}).get("changed", []), reply["next_batch"]


async def test_the_first_keys_and_the_same_again_need_no_proof(
    alice: Person, bob: Person, mallory: Person, stranger: Person
) -> None:
    keys = Crypto(alice).cross_signing_keys()
    for _ in range(2):
        (await alice.post(UPLOAD, keys)).must()
    (await alice.post(UPLOAD, {"master_key": keys["master_key"]})).must()
    mine, theirs = await query(alice, alice.user_id), await query(bob, alice.user_id)
    assert mine["master_keys"] == theirs["master_keys"] == {alice.user_id: keys["master_key"]}
    assert (
        mine["self_signing_keys"] == theirs["self_signing_keys"] == {alice.user_id: keys["self_signing_key"]}
    )
    assert (mine["user_signing_keys"], theirs["user_signing_keys"]) == (
        {alice.user_id: keys["user_signing_key"]},
        {},
    )
    elsewhere = await query(mallory, alice.user_id)
    assert (elsewhere["master_keys"], elsewhere["user_signing_keys"]) == (mine["master_keys"], {})
    assert (await query(stranger, alice.user_id))["master_keys"] == {}


async def test_other_keys_need_the_password(alice: Person) -> None:
    (await alice.post(UPLOAD, Crypto(alice).cross_signing_keys())).must()
    keys = Crypto(alice).cross_signing_keys()
    challenge = await alice.post(UPLOAD, keys)
    assert challenge.status == 401
    assert challenge["flows"] == [{"stages": ["m.login.password"]}]
    assert (await query(alice, alice.user_id))["master_keys"] != {alice.user_id: keys["master_key"]}
    (await alice.post(UPLOAD, {**keys, **proof(challenge["session"])})).must()
    assert (await query(alice, alice.user_id))["master_keys"] == {alice.user_id: keys["master_key"]}


async def test_a_further_key_needs_the_password_too(alice: Person) -> None:
    keys = Crypto(alice).cross_signing_keys()
    (await alice.post(UPLOAD, {"master_key": keys["master_key"]})).must()
    assert (await alice.post(UPLOAD, keys)).status == 401
    (await alice.post(UPLOAD, {"self_signing_key": keys["self_signing_key"], **proof()})).must()
    assert (await query(alice, alice.user_id))["self_signing_keys"] == {
        alice.user_id: keys["self_signing_key"]
    }


async def test_a_new_master_key_ends_what_the_old_one_signed(alice: Person) -> None:
    (await alice.post(UPLOAD, Crypto(alice).cross_signing_keys())).must()
    keys = Crypto(alice).cross_signing_keys()
    (await alice.post(UPLOAD, {"master_key": keys["master_key"], **proof()})).must()
    found = await query(alice, alice.user_id)
    assert (found["self_signing_keys"], found["user_signing_keys"]) == ({}, {})


async def test_keys_that_cannot_be(alice: Person, bob: Person) -> None:
    crypto = Crypto(alice)
    keys = crypto.cross_signing_keys()
    only = {"self_signing_key": keys["self_signing_key"]}
    (await alice.post(UPLOAD, only)).must(400, "M_MISSING_PARAM")
    (await bob.post(UPLOAD, keys)).must(400, "M_INVALID_PARAM")
    unsigned = {**keys["self_signing_key"], "signatures": {}}
    (await alice.post(UPLOAD, {**keys, "self_signing_key": unsigned})).must(400, "M_INVALID_SIGNATURE")
    wrong = {**keys["user_signing_key"], "usage": ["user_signing", "x"]}
    (await alice.post(UPLOAD, {**keys, "user_signing_key": wrong})).must(400, "M_INVALID_SIGNATURE")
    swapped = {**keys, "user_signing_key": keys["self_signing_key"]}
    (await alice.post(UPLOAD, swapped)).must(400, "M_INVALID_PARAM")
    (await alice.post(UPLOAD, {"master_key": {**keys["master_key"], "keys": {}}})).must(
        400, "M_INVALID_PARAM"
    )
    (await alice.post(UPLOAD, {"master_key": {"keys": {}}})).must(400, "M_BAD_JSON")
    assert (await query(alice, alice.user_id))["master_keys"] == {}


async def test_device_ids_and_public_keys_do_not_collide(server: Homeserver, alice: Person) -> None:
    crypto = Crypto(alice)
    await server.logged_in(alice.tenant, "alice", public(crypto.master))
    (await alice.post(UPLOAD, crypto.cross_signing_keys())).must(403, "M_FORBIDDEN")
    other = Crypto(alice)
    (await alice.post(UPLOAD, other.cross_signing_keys())).must()
    login = {
        "type": "m.login.password",
        "user": "alice",
        "password": PASSWORD,
        "device_id": public(other.master),
    }
    (await server.nobody(alice.tenant).post("/login", login)).must(403, "M_FORBIDDEN")


async def test_a_signed_device_keeps_its_signature(alice: Person, bob: Person) -> None:
    crypto = await published(alice)
    device = crypto.device_keys()
    signed = crypto.signed(crypto.self_signing, device)
    by = f"ed25519:{public(crypto.self_signing)}"
    bare = {**signed, "signatures": {alice.user_id: {by: signed["signatures"][alice.user_id][by]}}}
    assert await sign(alice, alice.user_id, alice.device_id, bare) == {}
    (await alice.post("/keys/upload", {"device_keys": device})).must()
    found = (await query(bob, alice.user_id))["device_keys"][alice.user_id][alice.device_id]
    assert found == {**signed, "unsigned": {}}


async def test_a_device_signs_the_own_master_key(alice: Person, bob: Person) -> None:
    crypto = await published(alice)
    signed = crypto.signed(crypto.device, crypto.cross_signing_key("master", crypto.master))
    assert await sign(alice, alice.user_id, public(crypto.master), signed) == {}
    assert (await query(bob, alice.user_id))["master_keys"] == {alice.user_id: signed}
    (await alice.post(UPLOAD, crypto.cross_signing_keys())).must()
    assert (await query(bob, alice.user_id))["master_keys"] == {alice.user_id: signed}


async def test_whom_one_has_verified_is_seen_by_oneself_only(alice: Person, bob: Person) -> None:
    mine, theirs = await published(alice), await published(bob)
    plain = theirs.cross_signing_key("master", theirs.master)
    signed = mine.signed(mine.user_signing, plain)
    since = (await changed(alice, (await alice.get("/sync", timeout=0))["next_batch"]))[1]
    assert await sign(alice, bob.user_id, public(theirs.master), signed) == {}
    assert (await query(alice, bob.user_id))["master_keys"] == {bob.user_id: signed}
    assert (await query(bob, bob.user_id))["master_keys"] == {bob.user_id: plain}
    assert (await changed(alice, since))[0] == [bob.user_id]
    fresh = Crypto(bob)
    who = {"type": "m.login.password", "user": "bob", "password": PASSWORD}
    (await bob.post(UPLOAD, {**fresh.cross_signing_keys(), "auth": who})).must()
    renewed = {bob.user_id: fresh.cross_signing_key("master", fresh.master)}
    assert (await query(alice, bob.user_id))["master_keys"] == renewed


async def test_each_bad_signature_fails_by_itself(alice: Person, bob: Person, mallory: Person) -> None:
    mine, theirs = await published(alice), await published(bob)
    device = mine.device_keys()
    good = mine.signed(mine.self_signing, device)
    bad = mine.signed(mine.self_signing, {**device, "algorithms": []})
    forged = {**device, "signatures": {alice.user_id: {f"ed25519:{public(mine.self_signing)}": "A" * 86}}}
    master = theirs.cross_signing_key("master", theirs.master)
    body = {
        alice.user_id: {alice.device_id: good, "UNKNOWN": good},
        bob.user_id: {
            public(theirs.master): mine.signed(mine.self_signing, master),
            bob.device_id: mine.signed(mine.user_signing, theirs.device_keys()),
        },
        mallory.user_id: {"x": good},
    }
    failures = (await alice.post("/keys/signatures/upload", body)).must()["failures"]
    assert {user: {key: e["errcode"] for key, e in of.items()} for user, of in failures.items()} == {
        alice.user_id: {"UNKNOWN": "M_NOT_FOUND"},
        bob.user_id: {public(theirs.master): "M_INVALID_SIGNATURE", bob.device_id: "M_NOT_FOUND"},
        mallory.user_id: {"x": "M_NOT_FOUND"},
    }
    for value, errcode in (
        (bad, "M_INVALID_PARAM"),
        (forged, "M_INVALID_SIGNATURE"),
        (device, "M_INVALID_SIGNATURE"),
    ):
        failed = await sign(alice, alice.user_id, alice.device_id, value)
        assert failed[alice.user_id][alice.device_id]["errcode"] == errcode
    found = (await query(bob, alice.user_id))["device_keys"][alice.user_id][alice.device_id]
    assert found["signatures"] == good["signatures"]
    (await alice.post("/keys/signatures/upload", {alice.user_id: {alice.device_id: 1}})).must(
        400, "M_BAD_JSON"
    )


async def test_new_cross_signing_keys_show_in_the_syncs_of_others(alice: Person, bob: Person) -> None:
    room_id = (await alice.post("/createRoom", {"preset": "public_chat"})).must()["room_id"]
    (await bob.post(f"/join/{room_id}")).must()
    since = (await bob.get("/sync", timeout=0))["next_batch"]
    await published(alice)
    assert (await changed(bob, since))[0] == [alice.user_id]


async def test_a_key_of_the_wrong_length_is_refused(alice: Person) -> None:
    name = "short"
    value = {"user_id": alice.user_id, "usage": ["master"], "keys": {f"ed25519:{name}": name}}
    (await alice.post(UPLOAD, {"master_key": value})).must(400, "M_INVALID_PARAM")
    assert len(public(new_key())) == 43
