import asyncio
import io
import json
from typing import Any

import pytest

from tests.support.homeserver import Person

ALGORITHM = "m.megolm_backup.v1.curve25519-aes-sha2"
VERSION, KEYS = "/room_keys/version", "/room_keys/keys"
ROOM, OTHER = "!a:b.c", "!opaque"


def key(index: int = 0, forwarded: int = 0, *, verified: bool = False, data: str = "x") -> dict[str, Any]:
    return {
        "first_message_index": index,
        "forwarded_count": forwarded,
        "is_verified": verified,
        "session_data": {"ciphertext": data},
    }


async def new_backup(person: Person, **auth_data: Any) -> str:
    body = {"algorithm": ALGORITHM, "auth_data": auth_data}
    return str((await person.post(VERSION, body)).must()["version"])


async def put(
    person: Person, version: str, rooms: dict[str, Any], status: int = 200, errcode: str | None = None
) -> Any:
    body = {"rooms": {room_id: {"sessions": sessions} for room_id, sessions in rooms.items()}}
    options = {"data": io.BytesIO(json.dumps(body).encode()), "headers": {"Content-Type": "application/json"}}
    reply = await person.call("PUT", f"{KEYS}?version={version}", **options)
    return reply.must(status, errcode).body


async def get(person: Person, version: str, *below: str) -> Any:
    return (await person.get("/".join((KEYS, *below)), version=version)).must().body


async def test_versions_from_first_to_last(alice: Person, mallory: Person) -> None:
    (await alice.get(VERSION)).must(404, "M_NOT_FOUND")
    first = await new_backup(alice, public_key="one")
    second = await new_backup(alice, public_key="two")
    expected = {"algorithm": ALGORITHM, "auth_data": {"public_key": "two"}, "count": 0, "version": second}
    reply = (await alice.get(VERSION)).must()
    assert reply.body == {**expected, "etag": reply["etag"]}
    assert (await alice.get(f"{VERSION}/{first}")).must()["auth_data"] == {"public_key": "one"}
    (await mallory.get(f"{VERSION}/{first}")).must(404, "M_NOT_FOUND")
    for _ in range(2):
        (await alice.delete(f"{VERSION}/{second}")).must()
    (await alice.get(f"{VERSION}/{second}")).must(404, "M_NOT_FOUND")
    assert (await alice.get(VERSION)).must()["version"] == first
    (await alice.delete(f"{VERSION}/{first}")).must()
    (await alice.get(VERSION)).must(404, "M_NOT_FOUND")
    assert await new_backup(alice) not in (first, second)
    (await alice.delete(f"{VERSION}/99")).must(404, "M_NOT_FOUND")
    (await alice.get(f"{VERSION}/%00x")).must(404, "M_NOT_FOUND")


async def test_only_auth_data_of_a_version_changes(alice: Person) -> None:
    version = await new_backup(alice, n=1)
    body = {"algorithm": ALGORITHM, "auth_data": {"n": 2}}
    (await alice.put(f"{VERSION}/{version}", body)).must()
    (await alice.put(f"{VERSION}/{version}", {**body, "version": version})).must()
    (await alice.put(f"{VERSION}/{version}", {**body, "version": "x"})).must(400, "M_INVALID_PARAM")
    (await alice.put(f"{VERSION}/{version}", {**body, "algorithm": "x"})).must(400, "M_INVALID_PARAM")
    (await alice.put(f"{VERSION}/99", body)).must(404, "M_NOT_FOUND")
    assert (await alice.get(VERSION)).must()["auth_data"] == {"n": 2}


async def test_keys_by_all_by_room_and_by_session(alice: Person, mallory: Person) -> None:
    version = await new_backup(alice)
    assert await get(alice, version) == {"rooms": {}}
    assert await get(alice, version, ROOM) == {"sessions": {}}
    reply = await put(alice, version, {ROOM: {"s/1": key(1), "s2": key(2)}, OTHER: {"s3": key(3)}})
    assert reply["count"] == 3
    assert await get(alice, version) == {
        "rooms": {ROOM: {"sessions": {"s/1": key(1), "s2": key(2)}}, OTHER: {"sessions": {"s3": key(3)}}}
    }
    assert await get(alice, version, ROOM) == {"sessions": {"s/1": key(1), "s2": key(2)}}
    assert await get(alice, version, ROOM, "s2") == key(2)
    (await alice.get(f"{KEYS}/{ROOM}/s3", version=version)).must(404, "M_NOT_FOUND")
    (await alice.get(KEYS, version="99")).must(404, "M_NOT_FOUND")
    (await mallory.get(KEYS, version=version)).must(404, "M_NOT_FOUND")
    (await alice.get(KEYS)).must(400, "M_MISSING_PARAM")


async def test_the_ways_to_put_and_delete_count_and_change_the_etag(alice: Person) -> None:
    version = await new_backup(alice)
    etags = [(await alice.get(VERSION)).must()["etag"]]

    async def step(method: str, path: str, body: Any, count: int, *, changed: bool = True) -> None:
        reply = (await alice.call(method, f"{KEYS}{path}?version={version}", body)).must()
        assert (reply["count"], reply["etag"] not in etags) == (count, changed)
        info = (await alice.get(VERSION)).must()
        assert (info["count"], info["etag"]) == (count, reply["etag"])
        etags.append(reply["etag"])

    await step("PUT", f"/{ROOM}/s1", key(5), 1)
    await step("PUT", f"/{ROOM}/s1", key(5, data="y"), 1, changed=False)
    await step("PUT", f"/{ROOM}/s1", key(4), 1)
    await step("PUT", f"/{ROOM}", {"sessions": {"s1": key(9), "s2": key()}}, 2)
    await step("PUT", "", {"rooms": {OTHER: {"sessions": {"s1": key(), "s2": key()}}}}, 4)
    await step("DELETE", f"/{OTHER}/s2", None, 3)
    await step("DELETE", f"/{OTHER}/s2", None, 3, changed=False)
    await step("DELETE", f"/{ROOM}", None, 1)
    await step("DELETE", "", None, 0)
    assert await get(alice, version) == {"rooms": {}}


async def test_only_the_current_version_takes_keys(alice: Person, bob: Person) -> None:
    await put(bob, "1", {}, 404, "M_NOT_FOUND")
    first = await new_backup(alice)
    second = await new_backup(alice)
    refused = await put(alice, first, {ROOM: {"s": key()}}, 403, "M_WRONG_ROOM_KEYS_VERSION")
    assert refused["current_version"] == second
    await put(alice, second, {ROOM: {"s": key()}})
    assert await get(alice, first) == {"rooms": {}}


async def test_deleted_and_made_again_a_backup_is_empty(alice: Person) -> None:
    first = await new_backup(alice)
    await put(alice, first, {ROOM: {"s": key()}})
    (await alice.delete(f"{VERSION}/{first}")).must()
    second = await new_backup(alice)
    assert await get(alice, second) == {"rooms": {}}
    await put(alice, first, {ROOM: {"s": key()}}, 403, "M_WRONG_ROOM_KEYS_VERSION")


async def test_thousands_of_keys_at_once(alice: Person) -> None:
    version = await new_backup(alice)
    sessions = {f"s{n}": key(n, data="x" * 500) for n in range(5000)}
    assert (await put(alice, version, {ROOM: sessions}))["count"] == 5000
    assert await get(alice, version, ROOM) == {"sessions": sessions}
    too_many = {f"s{n}": key() for n in range(10_001)}
    await put(alice, version, {ROOM: too_many}, 413, "M_TOO_LARGE")


async def test_parallel_uploads_lose_no_count(alice: Person) -> None:
    version = await new_backup(alice)
    replies = await asyncio.gather(
        *(put(alice, version, {ROOM: {f"s{n}": key(), "shared": key()}}) for n in range(20))
    )
    info = (await alice.get(VERSION)).must()
    assert (info["count"], len({reply["etag"] for reply in replies})) == (21, 20)


@pytest.mark.parametrize("bad", [{"is_verified": 1}, {"first_message_index": -1}, {"forwarded_count": 2**60}])
async def test_malformed_keys(alice: Person, bad: dict[str, Any]) -> None:
    version = await new_backup(alice)
    await put(alice, version, {ROOM: {"s": {**key(), **bad}}}, 400, "M_BAD_JSON")
    await put(alice, version, {ROOM: {"s\0": key()}}, 400, "M_INVALID_PARAM")
    assert await get(alice, version) == {"rooms": {}}
