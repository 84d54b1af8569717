from tests.support.homeserver import Person

CONTENT = "/pushrules/global/content"


async def put(person: Person, name: str, query: str = "", **more: object) -> None:
    body = {"pattern": name, "actions": ["notify"], **more}
    (await person.put(f"{CONTENT}/{name}{query}", body)).must()


async def names(person: Person) -> list[str]:
    rules = (await person.get("/pushrules/global/")).must()["content"]
    return [rule["rule_id"] for rule in rules if not rule["default"]]


async def test_default_rules(alice: Person) -> None:
    rules = (await alice.get("/pushrules/")).must()
    assert rules.body == {"global": (await alice.get("/pushrules/global/")).must().body}
    assert set(rules["global"]) == {"override", "content", "room", "sender", "underride"}
    assert rules["global"]["override"][0]["rule_id"] == ".m.rule.master"


async def test_own_rules_and_their_order(alice: Person, bob: Person) -> None:
    await put(alice, "one")
    await put(alice, "two")
    await put(alice, "three", "?after=two")
    await put(alice, "four", "?before=two")
    assert await names(alice) == ["four", "two", "three", "one"]
    assert await names(bob) == []
    assert (await alice.get(f"{CONTENT}/one")).must().body == {
        "rule_id": "one",
        "default": False,
        "enabled": True,
        "actions": ["notify"],
        "pattern": "one",
    }
    (await alice.delete(f"{CONTENT}/one")).must()
    (await alice.delete(f"{CONTENT}/one")).must(404, "M_NOT_FOUND")
    (await alice.get(f"{CONTENT}/one")).must(404, "M_NOT_FOUND")


async def test_enabled_and_actions(alice: Person) -> None:
    master = "/pushrules/global/override/.m.rule.master"
    assert (await alice.get(f"{master}/enabled")).must().body == {"enabled": False}
    (await alice.put(f"{master}/enabled", {"enabled": True})).must()
    assert (await alice.get(f"{master}/enabled")).must().body == {"enabled": True}
    call = "/pushrules/global/underride/.m.rule.call/actions"
    (await alice.put(call, {"actions": []})).must()
    assert (await alice.get(call)).must().body == {"actions": []}
    (await alice.delete(master)).must(404, "M_NOT_FOUND")


async def test_what_is_refused(alice: Person) -> None:
    (await alice.put(f"{CONTENT}/.own", {"pattern": "x", "actions": []})).must(400, "M_INVALID_PARAM")
    (await alice.put(f"{CONTENT}/x", {"actions": []})).must(400, "M_MISSING_PARAM")
    (await alice.put(f"{CONTENT}/x", {"pattern": "x"})).must(400, "M_MISSING_PARAM")
    (await alice.put(f"{CONTENT}/x?before=y", {"pattern": "x", "actions": []})).must(400, "M_UNKNOWN")
    (await alice.get("/pushrules/global/nonsense/x")).must(400, "M_INVALID_PARAM")
    (await alice.get(f"{CONTENT}/x/enabled")).must(404, "M_NOT_FOUND")


async def test_a_change_comes_down_sync(alice: Person) -> None:
    since = (await alice.get("/sync", timeout=0)).must()["next_batch"]
    await put(alice, "wake")
    news = (await alice.get("/sync", since=since, timeout=5000)).must()
    (event,) = news["account_data"]["events"]
    assert event["type"] == "m.push_rules"
    assert event["content"]["global"]["content"][0]["rule_id"] == "wake"
