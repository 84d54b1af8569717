import asyncpg

from tests.support.homeserver import Person


async def test_reports_reach_the_operator(alice: Person, bob: Person, database_url: str) -> None:
    room = (await alice.post("/createRoom", {"preset": "public_chat"})).must()["room_id"]
    message = {"msgtype": "m.text", "body": "hello"}
    event = (await alice.put(f"/rooms/{room}/send/m.room.message/1", message)).must()["event_id"]
    (await bob.post(f"/rooms/{room}/report/{event}", {"reason": "x"})).must(404, "M_NOT_FOUND")
    (await bob.post(f"/rooms/{room}/join")).must()
    (await bob.post(f"/rooms/{room}/report/{event}", {"reason": "rude", "score": -100})).must()
    (await bob.post(f"/rooms/{room}/report/{event}", {})).must()
    (await bob.post(f"/rooms/{room}/report/$unknown", {})).must(404, "M_NOT_FOUND")
    (await bob.post(f"/rooms/{room}/report", {"reason": "spam"})).must()
    (await bob.post("/rooms/!unknown:example.org/report", {"reason": "spam"})).must()
    (await bob.post(f"/users/{alice.user_id}/report", {"reason": "bot"})).must()
    (await bob.post("/users/@nobody:example.org/report", {"reason": "bot"})).must()
    (await bob.post(f"/users/{alice.user_id}/report", {})).must(400, "M_MISSING_PARAM")
    (await bob.post(f"/users/{alice.user_id}/report", {"reason": "x" * 1001})).must(400, "M_INVALID_PARAM")
    database = await asyncpg.connect(database_url)
    rows = await database.fetch(
        "select room_id, event_id, user_id, reason from report where tenant_id = $1", bob.tenant.tenant_id
    )
    await database.close()
    assert {tuple(row) for row in rows} == {
        (room, event, None, "rude"),
        (room, event, None, ""),
        (room, None, None, "spam"),
        ("!unknown:example.org", None, None, "spam"),
        (None, None, alice.user_id, "bot"),
        (None, None, "@nobody:example.org", "bot"),
    }
