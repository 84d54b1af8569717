import asyncio

from tests.support.homeserver import Person
from tests.support.talk import room_with


async def _say(person: Person, room: str, txn: str) -> str:
    event_id: str = (
        await person.put(
            f"/rooms/{room}/send/m.room.message/{txn}", {"msgtype": "m.text", "body": txn, "m.mentions": {}}
        )
    ).must()["event_id"]
    return event_id


async def test_a_receipt_clears_the_count_and_is_seen(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    event_id = await _say(alice, room, "1")
    since = (await alice.get("/sync")).must()["next_batch"]
    (await bob.post(f"/rooms/{room}/receipt/m.read/{event_id}")).must()
    counts = (await bob.get("/sync")).must()["rooms"]["join"][room]["unread_notifications"]
    assert counts["notification_count"] == 0
    seen = (await alice.get("/sync", since=since)).must()["rooms"]["join"][room]["ephemeral"]["events"]
    assert seen[0]["type"] == "m.receipt"
    assert bob.user_id in seen[0]["content"][event_id]["m.read"]


async def test_a_private_receipt_is_the_users_own(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    event_id = await _say(alice, room, "1")
    since = (await alice.get("/sync")).must()["next_batch"]
    bobs = (await bob.get("/sync")).must()["next_batch"]
    (await bob.post(f"/rooms/{room}/receipt/m.read.private/{event_id}")).must()
    assert "rooms" not in (await alice.get("/sync", since=since)).must().body
    own = (await bob.get("/sync", since=bobs)).must()["rooms"]["join"][room]
    assert bob.user_id in own["ephemeral"]["events"][0]["content"][event_id]["m.read.private"]
    assert own["unread_notifications"]["notification_count"] == 0


async def test_receipts_do_not_go_back(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    first, second = await _say(alice, room, "1"), await _say(alice, room, "2")
    (await bob.post(f"/rooms/{room}/receipt/m.read/{second}")).must()
    since = (await alice.get("/sync")).must()["next_batch"]
    for event_id in (first, second):
        (await bob.post(f"/rooms/{room}/receipt/m.read/{event_id}")).must()
        assert "rooms" not in (await alice.get("/sync", since=since)).must().body


async def test_each_kind_and_thread_has_a_receipt_of_its_own(alice: Person, bob: Person) -> None:
    """One that is behind another is told, and nothing is unread again by it."""
    room = await room_with(alice, bob)
    first, second = await _say(alice, room, "1"), await _say(alice, room, "2")
    (await bob.post(f"/rooms/{room}/receipt/m.read.private/{second}")).must()
    for body in ({}, {"thread_id": "main"}):
        since = (await alice.get("/sync")).must()["next_batch"]
        (await bob.post(f"/rooms/{room}/receipt/m.read/{first}", body)).must()
        told = (await alice.get("/sync", since=since)).must()["rooms"]["join"][room]["ephemeral"]["events"]
        receipt = told[0]["content"][first]["m.read"][bob.user_id]
        assert {key: value for key, value in receipt.items() if key != "ts"} == body
    counts = (await bob.get("/sync")).must()["rooms"]["join"][room]["unread_notifications"]
    assert counts["notification_count"] == 0


async def test_a_receipt_without_a_thread_counts_for_all(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    root = await _say(alice, room, "root")
    for txn in ("2", "3"):
        relation = {"rel_type": "m.thread", "event_id": root}
        body = {"msgtype": "m.text", "body": txn, "m.relates_to": relation, "m.mentions": {}}
        reply = (await alice.put(f"/rooms/{room}/send/m.room.message/{txn}", body)).must()["event_id"]
    asked = '{"room":{"timeline":{"unread_thread_notifications":true}}}'
    (await bob.post(f"/rooms/{room}/receipt/m.read/{root}")).must()
    joined = (await bob.get("/sync", filter=asked)).must()["rooms"]["join"][room]
    assert joined["unread_notifications"]["notification_count"] == 0
    assert joined["unread_thread_notifications"] == {root: {"notification_count": 2, "highlight_count": 0}}
    (await bob.post(f"/rooms/{room}/receipt/m.read.private/{reply}")).must()
    joined = (await bob.get("/sync", filter=asked)).must()["rooms"]["join"][room]
    assert joined["unread_notifications"]["notification_count"] == 0
    assert not joined.get("unread_thread_notifications")


async def test_threads_are_counted_apart_when_asked(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    root = await _say(alice, room, "root")
    relation = {"rel_type": "m.thread", "event_id": root}
    body = {"msgtype": "m.text", "body": "reply", "m.relates_to": relation, "m.mentions": {}}
    reply = (await alice.put(f"/rooms/{room}/send/m.room.message/2", body)).must()["event_id"]
    asked = '{"room":{"timeline":{"unread_thread_notifications":true}}}'
    joined = (await bob.get("/sync", filter=asked)).must()["rooms"]["join"][room]
    assert joined["unread_notifications"]["notification_count"] == 1
    assert joined["unread_thread_notifications"] == {root: {"notification_count": 1, "highlight_count": 0}}
    (await bob.post(f"/rooms/{room}/receipt/m.read/{reply}", {"thread_id": root})).must()
    joined = (await bob.get("/sync", filter=asked)).must()["rooms"]["join"][room]
    assert joined["unread_notifications"]["notification_count"] == 1
    assert "unread_thread_notifications" not in joined or not joined["unread_thread_notifications"]
    (await bob.post(f"/rooms/{room}/receipt/m.read/{root}", {"thread_id": "x"})).must(400, "M_INVALID_PARAM")


async def test_read_markers_set_fully_read(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    event_id = await _say(alice, room, "1")
    (await bob.post(f"/rooms/{room}/read_markers", {"m.fully_read": event_id, "m.read": event_id})).must()
    data = (await bob.get("/sync")).must()["rooms"]["join"][room]["account_data"]["events"]
    assert {"type": "m.fully_read", "content": {"event_id": event_id}} in data


async def test_typing_is_seen_and_ends(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    since = (await alice.get("/sync")).must()["next_batch"]
    waiting = asyncio.ensure_future(alice.get("/sync", since=since, timeout=5000))
    await asyncio.sleep(0.05)
    (await bob.put(f"/rooms/{room}/typing/{bob.user_id}", {"typing": True, "timeout": 5000})).must()
    synced = (await waiting).must()
    typing = {"type": "m.typing", "content": {"user_ids": [bob.user_id]}}
    assert typing in synced["rooms"]["join"][room]["ephemeral"]["events"]
    (await bob.put(f"/rooms/{room}/typing/{bob.user_id}", {"typing": False})).must()
    after = (await alice.get("/sync", since=synced["next_batch"])).must()
    assert after["rooms"]["join"][room]["ephemeral"]["events"][0]["content"] == {"user_ids": []}
    (await alice.put(f"/rooms/{room}/typing/{bob.user_id}", {"typing": True})).must(403, "M_FORBIDDEN")


async def test_presence_is_told_to_who_shares_a_room(alice: Person, bob: Person) -> None:
    (await alice.get(f"/presence/{bob.user_id}/status")).must(403, "M_FORBIDDEN")
    await room_with(alice, bob)
    body = {"presence": "unavailable", "status_msg": "Visite"}
    (await bob.put(f"/presence/{bob.user_id}/status", body)).must()
    shown = (await alice.get(f"/presence/{bob.user_id}/status")).must()
    assert (shown["presence"], shown["status_msg"]) == ("unavailable", "Visite")


async def _receipts(person: Person, room: str, since: str) -> list[tuple[str, str | None]]:
    """(event, thread) of the receipts that the person sees of themselves."""
    joined = (await person.get("/sync", since=since)).must()["rooms"]["join"][room]
    return [
        (event_id, kinds["m.read"][person.user_id].get("thread_id"))
        for event in joined["ephemeral"]["events"]
        for event_id, kinds in event["content"].items()
    ]


async def test_receipts_of_several_threads_on_one_event_are_all_told(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    root = await _say(alice, room, "root")
    since = (await bob.get("/sync")).must()["next_batch"]
    for thread in ({}, {"thread_id": "main"}, {"thread_id": root}):
        (await bob.post(f"/rooms/{room}/receipt/m.read/{root}", thread)).must()
    assert sorted(await _receipts(bob, room, since), key=str) == sorted(
        [(root, None), (root, "main"), (root, root)], key=str
    )


async def test_a_reaction_to_what_refers_to_a_root_can_be_read_in_its_thread(
    alice: Person, bob: Person
) -> None:
    room = await room_with(alice, bob)

    async def relate(kind: str, target: str, txn: str, **more: str) -> str:
        relation = {"rel_type": kind, "event_id": target, **more}
        content = {"msgtype": "m.text", "body": txn, "m.mentions": {}, "m.relates_to": relation}
        sent = await alice.put(f"/rooms/{room}/send/m.room.message/{txn}", content)
        event_id: str = sent.must()["event_id"]
        return event_id

    root, aside = await _say(alice, room, "root"), await _say(alice, room, "aside")
    await relate("m.thread", root, "reply")
    reference = await relate("m.reference", root, "reference")
    reaction = await relate("m.annotation", reference, "reaction", key="+")
    asked = '{"room":{"timeline":{"unread_thread_notifications":true}}}'
    unread = (await bob.get("/sync", filter=asked)).must()["rooms"]["join"][room]
    assert list(unread["unread_thread_notifications"]) == [root]
    path = f"/rooms/{room}/receipt/m.read"
    (await bob.post(f"{path}/{aside}", {"thread_id": root})).must(400, "M_INVALID_PARAM")
    (await bob.post(f"{path}/{reaction}", {"thread_id": root})).must()
    after = (await bob.get("/sync", filter=asked)).must()["rooms"]["join"][room]
    assert "unread_thread_notifications" not in after
    assert after["unread_notifications"] == unread["unread_notifications"]
