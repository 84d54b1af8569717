from tests.support.homeserver import Homeserver, Person
from timserver.tenancy import Variant


async def shared_room(alice: Person, bob: Person) -> str:
    body = {"preset": "private_chat", "invite": [bob.user_id]}
    room: str = (await alice.post("/createRoom", body)).must()["room_id"]
    (await bob.post(f"/rooms/{room}/join")).must()
    return room


async def test_names_and_pictures(server: Homeserver, alice: Person, bob: Person) -> None:
    path = f"/profile/{alice.user_id}"
    assert (await bob.get(path)).must().body == {"displayname": "alice"}
    (await alice.put(f"{path}/displayname", {"displayname": "Alice"})).must()
    (await alice.put(f"{path}/avatar_url", {"avatar_url": "mxc://example.org/a"})).must()
    shown = {"displayname": "Alice", "avatar_url": "mxc://example.org/a"}
    assert (await server.nobody(alice.tenant).get(path)).must().body == shown
    assert (await bob.get(f"{path}/displayname")).must().body == {"displayname": "Alice"}
    (await alice.delete(f"{path}/displayname")).must()
    (await bob.get(f"{path}/displayname")).must(404, "M_NOT_FOUND")
    (await alice.put(f"{path}/avatar_url", {"avatar_url": None})).must()
    assert (await bob.get(path)).must().body == {}


async def test_only_ones_own_and_only_of_users_who_exist(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    (await bob.put(f"/profile/{alice.user_id}/displayname", {"displayname": "x"})).must(403, "M_FORBIDDEN")
    (await bob.delete(f"/profile/{alice.user_id}/displayname")).must(403, "M_FORBIDDEN")
    (await bob.get(f"/profile/@nobody:{alice.tenant.server_name}")).must(404, "M_NOT_FOUND")
    (await bob.get("/profile/@alice:elsewhere.example.org")).must(404, "M_NOT_FOUND")
    (await bob.get("/profile/nonsense")).must(400, "M_INVALID_PARAM")


async def test_fields_of_ones_own_and_their_limits(alice: Person) -> None:
    path = f"/profile/{alice.user_id}"
    (await alice.put(f"{path}/m.tz", {"m.tz": "Europe/Berlin"})).must()
    (await alice.put(f"{path}/org.example.list", {"org.example.list": [1, None, {"a": True}]})).must()
    (await alice.put(f"{path}/org.example.null", {"org.example.null": None})).must()
    body = (await alice.get(path)).must().body
    assert body["org.example.list"] == [1, None, {"a": True}]
    assert body["org.example.null"] is None
    (await alice.put(f"{path}/m.tz", {"other": 1})).must(400, "M_MISSING_PARAM")
    (await alice.put(f"{path}/displayname", {"displayname": 5})).must(400, "M_INVALID_PARAM")
    name = "a" * 256
    (await alice.put(f"{path}/{name}", {name: 1})).must(400, "M_KEY_TOO_LARGE")
    (await alice.put(f"{path}/a.b", {"a.b": "x" * 65_500})).must(400, "M_PROFILE_TOO_LARGE")
    half = "x" * 40_000
    (await alice.put(f"{path}/a.b", {"a.b": half})).must()
    (await alice.put(f"{path}/a.c", {"a.c": half})).must(400, "M_PROFILE_TOO_LARGE")
    (await alice.put(f"{path}/a.b", {"a.b": half})).must()


async def test_rooms_are_told_of_a_new_name(alice: Person, bob: Person) -> None:
    await shared_room(alice, bob)
    since = (await bob.get("/sync", timeout=0)).must()["next_batch"]
    (await alice.put(f"/profile/{alice.user_id}/displayname", {"displayname": "Alice B."})).must()
    news = (await bob.get("/sync", since=since, timeout=5000)).must()
    (joined,) = news["rooms"]["join"].values()
    (event,) = joined["timeline"]["events"]
    assert event["content"]["membership"] == "join"
    assert event["content"]["displayname"] == "Alice B."


async def test_in_a_ti_m_tenant_the_server_sets_the_name(server: Homeserver) -> None:
    tenant = await server.tenant(Variant.PRO)
    alice = await server.person(tenant)
    path = f"/profile/{alice.user_id}"
    (await alice.put(f"{path}/displayname", {"displayname": "x"})).must(403, "M_FORBIDDEN")
    (await alice.delete(f"{path}/displayname")).must(403, "M_FORBIDDEN")
    (await alice.put(f"{path}/avatar_url", {"avatar_url": "mxc://example.org/a"})).must()
    (await server.nobody(tenant).get(path)).must(401, "M_MISSING_TOKEN")
    bob = await server.person(tenant)
    (await bob.get(path)).must()
    fields = (await alice.get("/capabilities")).must()["capabilities"]["m.profile_fields"]
    assert fields == {"enabled": True, "disallowed": ["displayname"]}


async def test_a_ti_m_tenant_may_let_users_set_their_name(server: Homeserver) -> None:
    tenant = await server.tenant(Variant.PRO, display_name_by_user=True)
    alice = await server.person(tenant)
    (await alice.put(f"/profile/{alice.user_id}/displayname", {"displayname": "x"})).must()


async def test_in_an_epa_tenant_profiles_need_a_shared_room(server: Homeserver) -> None:
    tenant = await server.tenant(Variant.EPA)
    alice, bob = await server.person(tenant), await server.person(tenant)
    refused = (await bob.get(f"/profile/{alice.user_id}")).must(403, "M_FORBIDDEN")
    nobody = await bob.get(f"/profile/@nobody:{tenant.server_name}")
    assert nobody.must(403).body == refused.body
    (await bob.get(f"/profile/{bob.user_id}")).must()
    await shared_room(alice, bob)
    (await bob.get(f"/profile/{alice.user_id}")).must()
