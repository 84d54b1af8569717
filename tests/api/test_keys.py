import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.support.crypto import CURVE, Crypto
from tests.support.homeserver import Homeserver, Person, Reply, running, settings_for
from timserver.tenancy import Tenant, Variant


async def upload(person: Person, **body: Any) -> Reply:
    return await person.post("/keys/upload", body)


async def query(person: Person, *user_ids: str) -> Reply:
    return (await person.post("/keys/query", {"device_keys": {user_id: [] for user_id in user_ids}})).must()


async def claim(person: Person, device: Person) -> dict[str, Any] | None:
    wanted = {"one_time_keys": {device.user_id: {device.device_id: CURVE}}}
    found = (await person.post("/keys/claim", wanted)).must()["one_time_keys"]
    return found[device.user_id][device.device_id] if found else None


async def test_keys_are_found_as_they_were_uploaded(
    alice: Person, bob: Person, mallory: Person, stranger: Person
) -> None:
    keys = Crypto(alice).device_keys(odd={"b": 1, "a": "\u0000ü"})
    (await upload(alice, device_keys=keys)).must()
    found = await query(bob, alice.user_id, bob.user_id)
    assert found["device_keys"] == {
        alice.user_id: {alice.device_id: {**keys, "unsigned": {}}},
        bob.user_id: {},
    }
    assert found["failures"] == {}
    elsewhere = (await query(mallory, alice.user_id))["device_keys"][alice.user_id][alice.device_id]
    assert {**elsewhere, "unsigned": {}} == {**keys, "unsigned": {}}
    assert (await query(stranger, alice.user_id))["device_keys"] == {}


async def test_only_the_devices_asked_for(server: Homeserver, alice: Person) -> None:
    second = await server.logged_in(alice.tenant, "alice")
    for person in (alice, second):
        (await upload(person, device_keys=Crypto(person).device_keys())).must()
    wanted = {"device_keys": {alice.user_id: [second.device_id, "OTHER"]}}
    found = (await alice.post("/keys/query", wanted)).must()
    assert list(found["device_keys"][alice.user_id]) == [second.device_id]


async def test_a_devices_name_is_told(server: Homeserver, alice: Person) -> None:
    body = {"type": "m.login.password", "user": "alice", "password": "a password for tests"}
    login = (
        await server.nobody(alice.tenant).post("/login", {**body, "initial_device_display_name": 'Pho"ne'})
    ).must()
    phone = Person(server, alice.tenant, alice.user_id, login["access_token"], login["device_id"])
    (
        await upload(phone, device_keys=Crypto(phone).device_keys(unsigned={"device_display_name": "lie"}))
    ).must()
    found = (await query(alice, alice.user_id))["device_keys"][alice.user_id][phone.device_id]
    assert found["unsigned"] == {"device_display_name": 'Pho"ne'}


async def test_keys_of_another_user_or_device_or_shape_are_refused(alice: Person, bob: Person) -> None:
    keys = Crypto(alice).device_keys()
    (await upload(bob, device_keys=keys)).must(400, "M_INVALID_PARAM")
    (await upload(alice, device_keys={**keys, "device_id": "OTHER"})).must(400, "M_INVALID_PARAM")
    bare = {"user_id": bob.user_id, "device_id": bob.device_id}
    (await upload(bob, device_keys=bare)).must(400, "M_BAD_JSON")
    (await upload(bob, one_time_keys={"nothing": "x"})).must(400, "M_INVALID_PARAM")
    (await upload(bob, one_time_keys={f"{CURVE}:A": {"signatures": {}}})).must(400, "M_BAD_JSON")
    (await bob.post("/keys/query", {"device_keys": {alice.user_id: {"A": True}}})).must(400, "M_BAD_JSON")
    assert (await query(alice, alice.user_id, bob.user_id))["device_keys"] == {
        alice.user_id: {},
        bob.user_id: {},
    }


async def test_identity_keys_of_a_device_do_not_change(alice: Person) -> None:
    crypto = Crypto(alice)
    (await upload(alice, device_keys=crypto.device_keys())).must()
    (await upload(alice, device_keys=crypto.device_keys(algorithms=["new"]))).must()
    (await upload(alice, device_keys=Crypto(alice).device_keys())).must(400, "M_INVALID_PARAM")
    found = (await query(alice, alice.user_id))["device_keys"][alice.user_id][alice.device_id]
    assert (found["keys"], found["algorithms"]) == (crypto.device_keys()["keys"], ["new"])


async def test_after_a_new_login_the_keys_stay_until_others_come(server: Homeserver, alice: Person) -> None:
    crypto = Crypto(alice)
    (await upload(alice, device_keys=crypto.device_keys(), one_time_keys=crypto.one_time_keys("A"))).must()
    again = await server.logged_in(alice.tenant, "alice", alice.device_id)
    assert await claim(again, again) == crypto.one_time_keys("A")
    (await upload(again, one_time_keys=crypto.one_time_keys("B", "C"))).must()
    fresh = Crypto(again)
    reply = (
        await upload(again, device_keys=fresh.device_keys(), one_time_keys=fresh.one_time_keys("A"))
    ).must()
    assert reply["one_time_key_counts"] == {CURVE: 1}
    found = (await query(again, alice.user_id))["device_keys"][alice.user_id][alice.device_id]
    assert found["keys"] == fresh.device_keys()["keys"]
    (await upload(again, device_keys=crypto.device_keys())).must(400, "M_INVALID_PARAM")


async def test_after_a_new_login_the_same_keys_are_fixed_again(server: Homeserver, alice: Person) -> None:
    crypto = Crypto(alice)
    (await upload(alice, device_keys=crypto.device_keys(), one_time_keys=crypto.one_time_keys("A"))).must()
    again = await server.logged_in(alice.tenant, "alice", alice.device_id)
    reply = (await upload(again, device_keys=crypto.device_keys())).must()
    assert reply["one_time_key_counts"] == {CURVE: 1}
    (await upload(again, device_keys=Crypto(again).device_keys())).must(400, "M_INVALID_PARAM")


async def test_one_time_keys_again_and_others_under_a_known_id(alice: Person, bob: Person) -> None:
    crypto = Crypto(alice)
    for _ in range(2):
        reply = (await upload(alice, one_time_keys=crypto.one_time_keys("A", "B", "C"))).must()
        assert reply["one_time_key_counts"] == {CURVE: 3}
    reply = (await upload(alice, one_time_keys=crypto.one_time_keys("B", "C", "D"))).must()
    assert reply["one_time_key_counts"] == {CURVE: 4}
    mixed = {**crypto.one_time_keys("E"), f"{CURVE}:A": {"key": "other", "signatures": {}}}
    (await upload(alice, one_time_keys=mixed)).must(400, "M_INVALID_PARAM")
    assert (await upload(alice)).must()["one_time_key_counts"] == {CURVE: 4}
    assert await claim(bob, alice) == crypto.one_time_keys("A")


async def test_an_upload_repeated_after_a_claim_brings_no_key_back(alice: Person, bob: Person) -> None:
    crypto = Crypto(alice)
    for _ in range(2):
        (await upload(alice, one_time_keys=crypto.one_time_keys("A"))).must()
        found = await claim(bob, alice)
    assert found is None


async def test_keys_are_claimed_in_order_then_the_fallback_key(
    alice: Person, bob: Person, stranger: Person
) -> None:
    crypto = Crypto(alice)
    fallback = crypto.one_time_keys("F", fallback=True)
    (await upload(alice, one_time_keys=crypto.one_time_keys("2"), fallback_keys=fallback)).must()
    (await upload(alice, one_time_keys=crypto.one_time_keys("1"))).must()
    assert await claim(stranger, alice) is None
    found = [await claim(bob, alice) for _ in range(4)]
    assert found == [crypto.one_time_keys("2"), crypto.one_time_keys("1"), fallback, fallback]


async def test_fifty_parallel_claims_for_twenty_keys(alice: Person, bob: Person) -> None:
    crypto = Crypto(alice)
    names = [str(n) for n in range(20)]
    (await upload(alice, one_time_keys=crypto.one_time_keys(*names))).must()
    found = await asyncio.gather(*(claim(bob, alice) for _ in range(50)))
    told = Counter(next(iter(keys)) for keys in found if keys)
    assert told == Counter(f"{CURVE}:{name}" for name in names)


async def test_who_logs_out_leaves_no_keys(server: Homeserver, alice: Person, bob: Person) -> None:
    phone = await server.logged_in(alice.tenant, "alice")
    crypto = Crypto(phone)
    fallback = crypto.one_time_keys("F", fallback=True)
    (
        await upload(
            phone,
            device_keys=crypto.device_keys(),
            one_time_keys=crypto.one_time_keys("A"),
            fallback_keys=fallback,
        )
    ).must()
    (await phone.post("/logout")).must()
    assert (await query(bob, alice.user_id))["device_keys"] == {alice.user_id: {}}
    assert await claim(bob, phone) is None


@pytest.mark.parametrize("variant", [Variant.PRO, Variant.EPA])
async def test_tim_hides_who_shares_no_room(server: Homeserver, variant: Variant) -> None:
    tenant = await server.tenant(variant)
    alice, bob = await server.person(tenant), await server.person(tenant)
    (await upload(alice, device_keys=Crypto(alice).device_keys())).must()
    found = await query(bob, alice.user_id, f"@nobody:{tenant.server_name}", bob.user_id)
    assert found["device_keys"] == {bob.user_id: {}}


async def test_syncs_tell_the_counts_of_keys_as_they_change(alice: Person, bob: Person) -> None:
    crypto = Crypto(alice)
    since = (await alice.get("/sync", timeout=0)).must()["next_batch"]

    async def told() -> tuple[int, list[str]]:
        for _ in range(2):
            reply = (await alice.get("/sync", timeout=0, since=since)).must()
        return reply["device_one_time_keys_count"][CURVE], reply["device_unused_fallback_key_types"]

    assert await told() == (0, [])
    (await upload(alice, one_time_keys=crypto.one_time_keys("A", "B"))).must()
    assert await told() == (2, [])
    await claim(bob, alice)
    assert await told() == (1, [])
    (await upload(alice, fallback_keys=crypto.one_time_keys("F", fallback=True))).must()
    assert await told() == (1, [CURVE])
    for _ in range(2):
        await claim(bob, alice)
    assert await told() == (0, [])


async def test_a_conformance_suite_may_have_keys_unsigned_and_changed(
    database_url: str, server: Homeserver, tenant: Tenant, alice: Person
) -> None:
    """Only where the operator says so."""
    unsigned = {**Crypto(alice).device_keys(), "signatures": {}}
    (await upload(alice, device_keys=unsigned)).must(400, "M_BAD_JSON")
    async with running(settings_for(database_url, fixed_device_keys=False)) as lenient:
        there = Person(lenient, tenant, alice.user_id, alice.token, alice.device_id)
        for _ in range(2):
            keys = {
                name: value for name, value in Crypto(there).device_keys().items() if name != "signatures"
            }
            (await upload(there, device_keys=keys)).must()
            found = (await query(there, alice.user_id))["device_keys"][alice.user_id][alice.device_id]
            assert found["keys"] == keys["keys"]
