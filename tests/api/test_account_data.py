from tests.support.homeserver import Homeserver, Person


async def make_room(person: Person) -> str:
    room: str = (await person.post("/createRoom", {})).must()["room_id"]
    return room


async def test_account_data_is_kept_for_its_owner(alice: Person, bob: Person) -> None:
    path = f"/user/{alice.user_id}/account_data/m.direct"
    (await alice.get(path)).must(404, "M_NOT_FOUND")
    (await alice.put(path, {"@x:y": ["!a:b"]})).must()
    (await alice.put(path, {"@x:y": ["!c:d"], "n": 1.5, "big": 2**60})).must()
    assert (await alice.get(path)).must().body == {"@x:y": ["!c:d"], "n": 1.5, "big": 2**60}
    (await bob.get(path)).must(403, "M_FORBIDDEN")
    (await bob.put(path, {})).must(403, "M_FORBIDDEN")


async def test_account_data_of_a_room_is_apart(alice: Person) -> None:
    room = await make_room(alice)
    path = f"/user/{alice.user_id}/rooms/{room}/account_data/org.example"
    (await alice.put(path, {"a": 1})).must()
    assert (await alice.get(path)).must().body == {"a": 1}
    (await alice.get(f"/user/{alice.user_id}/account_data/org.example")).must(404, "M_NOT_FOUND")
    unknown = f"/user/{alice.user_id}/rooms/!unknown:example.org/account_data/org.example"
    (await alice.put(unknown, {})).must(404, "M_NOT_FOUND")
    malformed = f"/user/{alice.user_id}/rooms/nonsense/account_data/org.example"
    (await alice.put(malformed, {})).must(400, "M_INVALID_PARAM")


async def test_what_the_server_manages_and_what_is_too_large(server: Homeserver, alice: Person) -> None:
    room = await make_room(alice)
    for base in (f"/user/{alice.user_id}", f"/user/{alice.user_id}/rooms/{room}"):
        for kind in ("m.push_rules", "m.fully_read"):
            (await alice.put(f"{base}/account_data/{kind}", {})).must(405, "M_BAD_JSON")
        huge = {"x": "y" * server.ctx.settings.limits.account_data_bytes_max}
        (await alice.put(f"{base}/account_data/org.example", huge)).must(413, "M_TOO_LARGE")
        (await alice.call("PUT", f"{base}/account_data/org.example", data=b"[]")).must(400, "M_BAD_JSON")
    rules = (await alice.get(f"/user/{alice.user_id}/account_data/m.push_rules")).must()
    assert rules["global"]["underride"]


async def test_account_data_wakes_the_users_sync(alice: Person) -> None:
    since = (await alice.get("/sync", timeout=0)).must()["next_batch"]
    (await alice.put(f"/user/{alice.user_id}/account_data/org.example", {"a": 1})).must()
    news = (await alice.get("/sync", since=since, timeout=5000)).must()
    assert news["account_data"]["events"] == [{"type": "org.example", "content": {"a": 1}}]


async def test_tags(alice: Person, bob: Person) -> None:
    room = await make_room(alice)
    path = f"/user/{alice.user_id}/rooms/{room}/tags"
    assert (await alice.get(path)).must().body == {"tags": {}}
    (await alice.put(f"{path}/m.favourite", {"order": 0.25})).must()
    (await alice.put(f"{path}/u.work", {})).must()
    assert (await alice.get(path)).must()["tags"] == {"m.favourite": {"order": 0.25}, "u.work": {}}
    (await alice.delete(f"{path}/m.favourite")).must()
    (await alice.delete(f"{path}/m.favourite")).must()
    data = await alice.get(f"/user/{alice.user_id}/rooms/{room}/account_data/m.tag")
    assert data.must().body == {"tags": {"u.work": {}}}
    (await alice.put(f"{path}/u.x", {"order": "first"})).must(400, "M_BAD_JSON")
    (await alice.put(f"{path}/{'x' * 256}", {})).must(400, "M_INVALID_PARAM")
    (await bob.get(path)).must(403, "M_FORBIDDEN")


async def test_filters(alice: Person, bob: Person) -> None:
    path = f"/user/{alice.user_id}/filter"
    wanted = {"room": {"timeline": {"limit": 3}}, "event_fields": ["type"]}
    first = (await alice.post(path, wanted)).must()["filter_id"]
    assert (await alice.post(path, wanted)).must()["filter_id"] == first
    assert (await alice.post(path, {})).must()["filter_id"] != first
    assert (await alice.get(f"{path}/{first}")).must().body == wanted
    (await alice.get("/sync", filter=first, timeout=0)).must()
    (await alice.get(f"{path}/999")).must(404, "M_NOT_FOUND")
    (await alice.get(f"{path}/{'9' * 40}")).must(404, "M_NOT_FOUND")
    (await alice.get(f"{path}/nonsense")).must(404, "M_NOT_FOUND")
    (await alice.post(path, {"room": {"timeline": {"limit": "three"}}})).must(400, "M_BAD_JSON")
    (await bob.get(f"{path}/{first}")).must(403, "M_FORBIDDEN")
    (await bob.post(path, wanted)).must(403, "M_FORBIDDEN")
