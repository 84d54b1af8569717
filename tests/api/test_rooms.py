import asyncio

from tests.support.homeserver import Homeserver, Person
from tests.support.talk import events_of, message_bodies, room_with


async def test_a_message_is_seen_by_the_other(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    sent = (
        await alice.put(f"/rooms/{room}/send/m.room.message/1", {"msgtype": "m.text", "body": "hi"})
    ).must()
    synced = (await bob.get("/sync")).must()
    assert message_bodies(synced, room) == ["hi"]
    assert events_of(synced, room)[-1]["event_id"] == sent["event_id"]


async def test_the_same_transaction_id_sends_once(server: Homeserver, alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    path = f"/rooms/{room}/send/m.room.message/same"
    first, second = await asyncio.gather(
        alice.put(path, {"msgtype": "m.text", "body": "once"}),
        alice.put(path, {"msgtype": "m.text", "body": "once"}),
    )
    assert first.must()["event_id"] == second.must()["event_id"]
    other_device = await server.logged_in(alice.tenant, "alice")
    third = await other_device.put(path, {"msgtype": "m.text", "body": "again"})
    assert third.must()["event_id"] != first["event_id"]
    assert message_bodies((await bob.get("/sync")).must(), room) == ["once", "again"]


async def test_a_long_poll_ends_when_something_is_sent(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    waiting = asyncio.ensure_future(bob.get("/sync", since=since, timeout=10000))
    await asyncio.sleep(0.05)
    (await alice.put(f"/rooms/{room}/send/m.room.message/1", {"msgtype": "m.text", "body": "wake up"})).must()
    synced = (await asyncio.wait_for(waiting, 3)).must()
    assert message_bodies(synced, room) == ["wake up"]
    again = (await bob.get("/sync", since=synced["next_batch"], timeout=0)).must()
    assert "rooms" not in again.body


async def test_who_is_not_in_the_room_neither_sends_nor_sees(
    alice: Person, bob: Person, mallory: Person
) -> None:
    room = await room_with(alice)
    for stranger in (bob, mallory):
        body = {"msgtype": "m.text", "body": "x"}
        (await stranger.put(f"/rooms/{room}/send/m.room.message/1", body)).must(403, "M_FORBIDDEN")
        assert "rooms" not in (await stranger.get("/sync")).must().body


async def test_an_invite_is_shown_and_can_be_accepted_or_refused(alice: Person, bob: Person) -> None:
    room = (await alice.post("/createRoom", {"name": "Praxis", "invite": [bob.user_id]})).must()["room_id"]
    synced = (await bob.get("/sync")).must()
    shown = {e["type"]: e["content"] for e in synced["rooms"]["invite"][room]["invite_state"]["events"]}
    assert shown["m.room.name"] == {"name": "Praxis"}
    assert shown["m.room.member"]["membership"] == "invite"
    (await bob.post(f"/rooms/{room}/leave")).must()
    after = (await bob.get("/sync", since=synced["next_batch"])).must()
    assert list(after["rooms"]["leave"]) == [room]
    (await bob.post(f"/rooms/{room}/join")).must(403, "M_FORBIDDEN")


async def test_invites_to_a_direct_chat_say_so(alice: Person, bob: Person) -> None:
    for body in ({"is_direct": True}, {"is_direct": False}, {}):
        wanted = {**body, "invite": [bob.user_id]}
        room = (await alice.post("/createRoom", wanted)).must()["room_id"]
        shown = (await bob.get("/sync")).must()["rooms"]["invite"][room]["invite_state"]["events"]
        (own,) = (event["content"] for event in shown if event.get("state_key") == bob.user_id)
        assert (own["membership"], own.get("is_direct", False)) == ("invite", body.get("is_direct", False))


async def test_unread_counts_follow_messages_and_own_ones_do_not_count(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    for number in range(3):
        path = f"/rooms/{room}/send/m.room.message/{number}"
        (await alice.put(path, {"msgtype": "m.text", "body": f"for {bob.user_id}", "m.mentions": {}})).must()
    counts = (await bob.get("/sync")).must()["rooms"]["join"][room]["unread_notifications"]
    assert counts == {"notification_count": 3, "highlight_count": 0}
    own = (await alice.get("/sync")).must()["rooms"]["join"][room]["unread_notifications"]
    assert own["notification_count"] == 0


async def test_many_senders_at_once_lose_nothing(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    people = (alice, bob)
    sends = [
        people[n % 2].put(f"/rooms/{room}/send/m.room.message/{n}", {"msgtype": "m.text", "body": str(n)})
        for n in range(30)
    ]
    for reply in await asyncio.gather(*sends):
        reply.must()
    synced = (await bob.get("/sync", filter='{"room":{"timeline":{"limit":50}}}')).must()
    assert sorted(map(int, message_bodies(synced, room))) == list(range(30))


async def test_without_a_transaction_id_each_request_sends(
    alice: Person, bob: Person, mallory: Person
) -> None:
    room = await room_with(alice, bob)
    path, body = f"/rooms/{room}/send/m.room.message", {"msgtype": "m.text", "body": "again"}
    ids = [(await alice.post(path, body)).must()["event_id"] for _ in range(2)]
    assert len(set(ids)) == 2
    assert message_bodies((await bob.get("/sync")).must(), room) == ["again", "again"]
    seen = (await alice.get(f"/rooms/{room}/event/{ids[0]}")).must()
    assert "transaction_id" not in seen["unsigned"], "alice has given none"
    redaction = (await alice.post(f"/rooms/{room}/send/m.room.redaction", {"redacts": ids[0]})).must()
    assert (await bob.get(f"/rooms/{room}/event/{redaction['event_id']}")).must()[
        "type"
    ] == "m.room.redaction"
    (await alice.call("POST", path, data=b'{"body": NaN}')).must(400, "M_NOT_JSON")
    (await mallory.post(path, body)).must(403, "M_FORBIDDEN")


async def test_what_a_client_gives_when_joining_is_in_the_member_event(alice: Person, bob: Person) -> None:
    room = (await alice.post("/createRoom", {"preset": "public_chat"})).must()["room_id"]
    given = {"foo": "bar", "reason": "why not", "membership": "ban", "displayname": "Not Bob"}
    for path in (f"/join/{room}", f"/rooms/{room}/join"):
        (await bob.post(path, given)).must()
        member = (await alice.get(f"/rooms/{room}/state/m.room.member/{bob.user_id}")).must().body
        assert (member["membership"], member["foo"], member["reason"]) == ("join", "bar", "why not")
        assert member.get("displayname") != "Not Bob"
        (await bob.post(f"/rooms/{room}/leave")).must()
    (await bob.post(f"/join/{room}", {"reason": 1})).must(400, "M_BAD_JSON")
    (await bob.call("POST", f"/join/{room}")).must()


async def test_joined_members_have_both_fields(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    joined = (await alice.get(f"/rooms/{room}/joined_members")).must()["joined"]
    assert set(joined) == {alice.user_id, bob.user_id}
    assert all(set(member) == {"display_name", "avatar_url"} for member in joined.values())
    assert joined[bob.user_id]["avatar_url"] is None


async def test_invites_of_a_new_room_are_bounded(alice: Person) -> None:
    """Nothing is made when there are too many."""
    before = (await alice.get("/joined_rooms")).must()["joined_rooms"]
    invited = [f"@u{number}:{alice.tenant.server_name}" for number in range(101)]
    (await alice.post("/createRoom", {"invite": invited})).must(400, "M_INVALID_PARAM")
    assert (await alice.get("/joined_rooms")).must()["joined_rooms"] == before
