from tests.api.test_account import proof
from tests.support.homeserver import Homeserver, Person


async def test_devices_are_listed_and_renamed(server: Homeserver, alice: Person, bob: Person) -> None:
    await server.logged_in(alice.tenant, "alice", "PHONE")
    (await alice.put("/devices/PHONE", {"display_name": "my phone"})).must()
    (await alice.put("/devices/PHONE", {})).must()
    listed = {device["device_id"]: device for device in (await alice.get("/devices")).must()["devices"]}
    assert set(listed) == {alice.device_id, "PHONE"}
    assert listed["PHONE"]["display_name"] == "my phone"
    assert listed["PHONE"]["last_seen_ip"] == "127.0.0.1"
    assert listed["PHONE"]["last_seen_ts"] > 0
    assert (await alice.get("/devices/PHONE")).must().body == listed["PHONE"]
    (await bob.get("/devices/PHONE")).must(404, "M_NOT_FOUND")
    (await bob.put("/devices/PHONE", {"display_name": "mine"})).must(404, "M_NOT_FOUND")
    (await alice.put("/devices/PHONE", {"display_name": "x" * 300})).must(400, "M_TOO_LARGE")


async def test_a_device_goes_with_its_session(server: Homeserver, alice: Person) -> None:
    phone = await server.logged_in(alice.tenant, "alice", "PHONE")
    asked = (await alice.call("DELETE", "/devices/PHONE")).must(401)
    auth = proof(alice, session=asked["session"])
    (await alice.delete(f"/devices/{alice.device_id}", {"auth": auth})).must(403, "M_FORBIDDEN")
    (await alice.delete("/devices/PHONE", {"auth": auth})).must()
    (await phone.get("/account/whoami")).must(401, "M_UNKNOWN_TOKEN")
    (await alice.get("/devices/PHONE")).must(404, "M_NOT_FOUND")


async def test_several_devices_at_once_but_only_ones_own(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    for name in ("ONE", "TWO"):
        await server.logged_in(alice.tenant, "alice", name)
    bobs = await server.logged_in(alice.tenant, "bob", "ONE")
    body = {"devices": ["ONE", "TWO", "NONE"], "auth": proof(alice)}
    (await alice.post("/delete_devices", body)).must()
    assert [device["device_id"] for device in (await alice.get("/devices")).must()["devices"]] == [
        alice.device_id
    ]
    (await bobs.get("/account/whoami")).must()
    (await alice.post("/delete_devices", {"auth": proof(alice)})).must(400, "M_MISSING_PARAM")
