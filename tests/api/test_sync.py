"""What syncs tell, in the order in which things happen (MAP 1.3: each trap a test)."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.homeserver import Homeserver, Person, running, settings_for
from tests.support.talk import events_of, message_bodies, room_with
from timserver.tenancy import Tenant


async def say(person: Person, room: str, *texts: str) -> str:
    event_id = ""
    for text in texts:
        path = f"/rooms/{room}/send/m.room.message/{text}-{person.device_id}"
        event_id = (await person.put(path, {"msgtype": "m.text", "body": text})).must()["event_id"]
    return event_id


def state_of(synced: Any, room: str, section: str = "state") -> dict[tuple[str, str], Any]:
    events = synced["rooms"]["join"][room].get(section, {}).get("events", [])
    return {(event["type"], event["state_key"]): event["content"] for event in events}


async def test_a_gap_is_limited_and_its_state_comes_along(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    (await alice.put(f"/rooms/{room}/state/m.room.topic", {"topic": "in the gap"})).must()
    await say(alice, room, *[str(n) for n in range(12)])
    synced = (await bob.get("/sync", since=since, filter='{"room":{"timeline":{"limit":5}}}')).must()
    assert synced["rooms"]["join"][room]["timeline"]["limited"] is True
    assert message_bodies(synced, room) == ["7", "8", "9", "10", "11"]
    assert state_of(synced, room) == {("m.room.topic", ""): {"topic": "in the gap"}}
    before = synced["rooms"]["join"][room]["timeline"]["prev_batch"]
    page = (await bob.get(f"/rooms/{room}/messages", dir="b", limit=3, **{"from": before})).must()
    assert [event["content"]["body"] for event in page["chunk"]] == ["6", "5", "4"]


async def test_state_after_is_present_even_when_empty(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    await say(alice, room, "1")
    synced = (await bob.get("/sync", since=since, use_state_after="true")).must()
    assert synced["rooms"]["join"][room]["state_after"] == {"events": []}
    assert "state" not in synced["rooms"]["join"][room]
    (await alice.put(f"/rooms/{room}/state/m.room.topic", {"topic": "new"})).must()
    synced = (await bob.get("/sync", since=synced["next_batch"], use_state_after="true")).must()
    assert state_of(synced, room, "state_after") == {("m.room.topic", ""): {"topic": "new"}}


async def test_a_room_that_was_just_joined_comes_with_all_its_state(alice: Person, bob: Person) -> None:
    room = await room_with(alice, name="Station 3")
    since = (await bob.get("/sync")).must()["next_batch"]
    (await alice.post(f"/rooms/{room}/invite", {"user_id": bob.user_id})).must()
    (await bob.post(f"/rooms/{room}/join")).must()
    await say(alice, room, *[str(n) for n in range(11)])
    synced = (await bob.get("/sync", since=since)).must()
    assert synced["rooms"]["join"][room]["timeline"]["limited"] is True
    state = state_of(synced, room)
    assert state["m.room.name", ""] == {"name": "Station 3"}
    assert state["m.room.member", bob.user_id]["membership"] == "join"
    assert synced["rooms"]["join"][room]["summary"]["m.joined_member_count"] == 2


async def test_who_left_sees_the_leave_once_and_nothing_after(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    await say(alice, room, "before")
    (await bob.post(f"/rooms/{room}/leave")).must()
    await say(alice, room, "after")
    (await alice.put(f"/rooms/{room}/state/m.room.topic", {"topic": "secret"})).must()
    synced = (await bob.get("/sync", since=since)).must()
    left = synced["rooms"]["leave"][room]
    assert [e["content"].get("body") or e["content"]["membership"] for e in left["timeline"]["events"]] == [
        "before",
        "leave",
    ]
    again = (await bob.get("/sync", since=synced["next_batch"])).must()
    assert "rooms" not in again.body
    assert "rooms" not in (await bob.get("/sync")).must().body
    for asked in ({"limit": 0}, {"limit": 10}):
        filter_ = json.dumps({"room": {"include_leave": True, "timeline": asked}})
        for more in ({}, {"use_state_after": "true"}, {"full_state": "true", "since": again["next_batch"]}):
            reply = (await bob.get("/sync", filter=filter_, **more)).must()
            assert b"secret" not in reply.raw
            assert room in reply["rooms"]["leave"]


async def test_a_kick_ends_the_view_of_the_room(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    waiting = asyncio.ensure_future(bob.get("/sync", since=since, timeout=5000))
    await asyncio.sleep(0.05)
    (await alice.post(f"/rooms/{room}/kick", {"user_id": bob.user_id, "reason": "off duty"})).must()
    synced = (await asyncio.wait_for(waiting, 3)).must()
    assert synced["rooms"]["leave"][room]["timeline"]["events"][-1]["content"]["reason"] == "off duty"
    await say(alice, room, "unseen")
    assert "rooms" not in (await bob.get("/sync", since=synced["next_batch"])).must().body


async def test_after_a_rejoin_the_time_outside_stays_hidden_when_history_is_for_the_joined(
    alice: Person, bob: Person
) -> None:
    hidden = {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}
    room = await room_with(alice, bob, initial_state=[hidden])
    await say(alice, room, "seen")
    (await bob.post(f"/rooms/{room}/leave")).must()
    since = (await bob.get("/sync")).must()["next_batch"]
    await say(alice, room, "hidden")
    (await alice.post(f"/rooms/{room}/invite", {"user_id": bob.user_id})).must()
    (await bob.post(f"/rooms/{room}/join")).must()
    await say(alice, room, "seen again")
    for synced in ((await bob.get("/sync", since=since)).must(), (await bob.get("/sync")).must()):
        assert b'"hidden"' not in synced.raw
        assert message_bodies(synced, room)[-1] == "seen again"
    page = (await bob.get(f"/rooms/{room}/messages", dir="b", limit=100)).must()
    assert b'"hidden"' not in page.raw


async def test_members_are_lazy_when_asked(alice: Person, bob: Person, server: Homeserver) -> None:
    carol = await server.person(alice.tenant, "carol")
    room = await room_with(alice, bob, carol)
    await say(alice, room, *[str(n) for n in range(10)])
    lazy = '{"room":{"state":{"lazy_load_members":true}}}'
    synced = (await bob.get("/sync", filter=lazy)).must()
    members = {key for kind, key in state_of(synced, room) if kind == "m.room.member"}
    assert {alice.user_id, bob.user_id} <= members
    since = synced["next_batch"]
    await say(carol, room, "hello")
    synced = (await bob.get("/sync", since=since, filter=lazy)).must()
    now_known = {key for kind, key in state_of(synced, room) if kind == "m.room.member"}
    assert now_known <= {carol.user_id} - members
    await say(carol, room, "again")
    synced = (await bob.get("/sync", since=synced["next_batch"], filter=lazy)).must()
    assert not state_of(synced, room)


async def test_the_transaction_id_is_told_to_the_sending_device_only(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    room = await room_with(alice, bob)
    phone = await server.logged_in(alice.tenant, "alice")
    (await alice.put(f"/rooms/{room}/send/m.room.message/my-txn", {"msgtype": "m.text", "body": "x"})).must()
    for person, wanted in ((alice, "my-txn"), (phone, None), (bob, None)):
        event = events_of((await person.get("/sync")).must(), room)[-1]
        assert event["unsigned"].get("transaction_id") == wanted


async def test_ignored_users_are_not_heard(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    ignored: dict[str, Any] = {"ignored_users": {alice.user_id: {}}}
    (await bob.put(f"/user/{bob.user_id}/account_data/m.ignored_user_list", ignored)).must()
    await say(alice, room, "unheard")
    synced = (await bob.get("/sync")).must()
    assert b"unheard" not in synced.raw
    other = (await alice.post("/createRoom", {"invite": [bob.user_id]})).must()["room_id"]
    assert other not in (await bob.get("/sync")).must().body.get("rooms", {}).get("invite", {})


async def test_whom_a_user_ignores_counts_at_once_and_before_anybody_knows_them(
    alice: Person, bob: Person, server: Homeserver
) -> None:
    room = await room_with(alice, bob)
    path = f"/user/{bob.user_id}/account_data/m.ignored_user_list"
    nobody_yet = f"@mallory:{alice.tenant.server_name}"
    (await bob.put(path, {"ignored_users": {nobody_yet: {}}})).must()
    since = (await bob.get("/sync")).must()["next_batch"]
    await say(alice, room, "heard")
    synced = (await bob.get("/sync", since=since)).must()
    assert b"heard" in synced.raw
    mallory = await server.person(alice.tenant, "mallory")
    (await alice.post(f"/rooms/{room}/invite", {"user_id": mallory.user_id})).must()
    (await mallory.post(f"/rooms/{room}/join")).must()
    await say(mallory, room, "of-mallory")
    synced = (await bob.get("/sync", since=synced["next_batch"])).must()
    assert b"of-mallory" not in synced.raw
    (await bob.put(path, {"ignored_users": {alice.user_id: {}}})).must()
    await say(alice, room, "of-alice")
    await say(mallory, room, "again")
    synced = (await bob.get("/sync", since=synced["next_batch"])).must()
    assert b"of-alice" not in synced.raw
    assert b"again" in synced.raw


async def test_filters_by_type_keep_state_that_they_hide_from_the_timeline(
    alice: Person, bob: Person
) -> None:
    room = await room_with(alice, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    (await alice.put(f"/rooms/{room}/state/m.room.topic", {"topic": "kept"})).must()
    await say(alice, room, "text")
    asked = '{"room":{"timeline":{"types":["m.room.message"]}}}'
    synced = (await bob.get("/sync", since=since, filter=asked)).must()
    assert [event["type"] for event in events_of(synced, room)] == ["m.room.message"]
    assert state_of(synced, room) == {("m.room.topic", ""): {"topic": "kept"}}


async def test_device_lists_tell_who_came_and_who_went(
    alice: Person, bob: Person, server: Homeserver
) -> None:
    carol = await server.person(alice.tenant, "carol")
    room = await room_with(alice, bob)
    since = (await alice.get("/sync")).must()["next_batch"]
    (await alice.post(f"/rooms/{room}/invite", {"user_id": carol.user_id})).must()
    (await carol.post(f"/rooms/{room}/join")).must()
    synced = (await alice.get("/sync", since=since)).must()
    assert carol.user_id in synced["device_lists"]["changed"]
    (await carol.post(f"/rooms/{room}/leave")).must()
    synced = (await alice.get("/sync", since=synced["next_batch"])).must()
    assert synced["device_lists"] == {"left": [carol.user_id]}
    (await alice.post(f"/rooms/{room}/leave")).must()
    assert (await alice.get("/sync", since=synced["next_batch"])).must()["device_lists"] == {
        "left": [bob.user_id]
    }


async def test_key_counts_are_told_even_when_nothing_else_is(alice: Person) -> None:
    synced = (await alice.get("/sync")).must()
    for _ in range(2):
        synced = (await alice.get("/sync", since=synced["next_batch"])).must()
        assert synced["device_one_time_keys_count"] == {"signed_curve25519": 0}
        assert synced["device_unused_fallback_key_types"] == []


@pytest.mark.parametrize("token", ["x", "s", "s-1", "s1_2", "s99999999999999999999999"])
async def test_tokens_that_are_none_are_refused(alice: Person, token: str) -> None:
    (await alice.get("/sync", since=token)).must(400, "M_INVALID_PARAM")


async def test_two_servers_on_one_database_wake_each_other(
    server: Homeserver, database_url: str, alice: Person, bob: Person
) -> None:
    room = await room_with(alice, bob)
    async with running(settings_for(database_url)) as second:
        bob_there = Person(second, bob.tenant, bob.user_id, bob.token, bob.device_id)
        since = (await bob_there.get("/sync")).must()["next_batch"]
        waiting = asyncio.ensure_future(bob_there.get("/sync", since=since, timeout=5000))
        await asyncio.sleep(0.1)
        await say(alice, room, "from the first")
        assert message_bodies((await asyncio.wait_for(waiting, 3)).must(), room) == ["from the first"]
        await say(
            Person(second, alice.tenant, alice.user_id, alice.token, alice.device_id), room, "from the second"
        )
        await say(alice, room, "and again")
        texts: list[str] = []
        async with asyncio.timeout(5):
            while "and again" not in texts:
                synced = (await bob_there.get("/sync", since=since, timeout=1000)).must()
                since = synced["next_batch"]
                texts += message_bodies(synced, room) if "rooms" in synced.body else []
        assert texts == ["from the first", "from the second", "and again"]


async def test_a_chain_of_syncs_tells_the_same_as_one(alice: Person, bob: Person) -> None:
    """STYLE 10: what incremental syncs add up to is what a first sync says."""
    room = await room_with(alice, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    state: dict[tuple[str, str], Any] = {}
    texts: list[str] = []
    for number in range(6):
        await say(alice, room, f"m{number}")
        (await alice.put(f"/rooms/{room}/state/m.room.topic", {"topic": str(number)})).must()
        (await bob.put(f"/rooms/{room}/typing/{bob.user_id}", {"typing": number % 2 == 0})).must()
        synced = (await bob.get("/sync", since=since)).must()
        since = synced["next_batch"]
        texts += message_bodies(synced, room)
        state |= state_of(synced, room)
        state |= {
            (e["type"], e["state_key"]): e["content"] for e in events_of(synced, room) if "state_key" in e
        }
    whole = (await bob.get("/sync", filter='{"room":{"timeline":{"limit":100}}}')).must()
    assert message_bodies(whole, room) == texts
    assert state["m.room.topic", ""] == {"topic": "5"}


async def test_many_who_come_back_at_once_are_answered(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    """RELIABILITY R18 in small: a quiet user who comes back costs little, and misses nothing."""
    room = await room_with(alice, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    await say(alice, room, "while away")
    fresh = await server.logged_in(bob.tenant, "bob")
    for reply in await asyncio.gather(*(fresh.get("/sync", since=since, timeout=0) for _ in range(15))):
        assert message_bodies(reply.must(), room) == ["while away"]
    carol = await server.person(alice.tenant, "carol")
    quiet = (await carol.get("/sync", since=since, timeout=0)).must()
    assert "rooms" not in quiet.body
    (await alice.post(f"/rooms/{room}/invite", {"user_id": carol.user_id})).must()
    invited = (await carol.get("/sync", since=quiet["next_batch"], timeout=1000)).must()
    assert list(invited["rooms"]["invite"]) == [room]


async def test_another_device_learns_that_a_forgotten_room_was_left(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    (await bob.post(f"/rooms/{room}/leave")).must()
    (await bob.post(f"/rooms/{room}/forget")).must()
    await say(alice, room, "after")
    left = (await bob.get("/sync", since=since)).must()
    (event,) = left["rooms"]["leave"][room]["timeline"]["events"]
    assert event["content"]["membership"] == "leave"
    for later in ({"since": left["next_batch"]}, {"filter": '{"room":{"include_leave":true}}'}):
        assert "rooms" not in (await bob.get("/sync", timeout=0, **later)).must().body


async def test_a_first_sync_tells_of_bans(alice: Person, bob: Person) -> None:
    banned, left = await room_with(alice, bob), await room_with(alice, bob)
    (await bob.post(f"/rooms/{left}/leave")).must()
    (await alice.post(f"/rooms/{banned}/ban", {"user_id": bob.user_id})).must()
    await say(alice, banned, "after")
    rooms = (await bob.get("/sync")).must()["rooms"]
    assert list(rooms["leave"]) == [banned]
    assert rooms["leave"][banned]["timeline"]["events"][-1]["content"]["membership"] == "ban"
    (await bob.post(f"/rooms/{banned}/forget")).must()
    assert "rooms" not in (await bob.get("/sync")).must().body


async def test_members_at_the_beginning_of_a_timeline_are_those_that_its_sync_had(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    room = await room_with(alice, bob)
    carol = await server.person(alice.tenant, "carol")
    (await alice.post(f"/rooms/{room}/invite", {"user_id": carol.user_id})).must()

    async def joined(at: str) -> set[str]:
        chunk = (await alice.get(f"/rooms/{room}/members", at=at, membership="join")).must()["chunk"]
        return {event["state_key"] for event in chunk}

    first = (await alice.get("/sync")).must()["rooms"]["join"][room]["timeline"]["prev_batch"]
    (await carol.post(f"/join/{room}")).must()
    last = (await alice.get("/sync", filter='{"room":{"timeline":{"limit":1}}}')).must()
    assert await joined(first) == {alice.user_id, bob.user_id}
    timeline = last["rooms"]["join"][room]["timeline"]
    assert await joined(timeline["prev_batch"]) == {alice.user_id, bob.user_id, carol.user_id}
    page = {"from": timeline["prev_batch"], "dir": "b", "limit": 1}
    before = (await alice.get(f"/rooms/{room}/messages", **page)).must()["chunk"]
    assert before[0]["content"]["membership"] == "invite"
    (await alice.get(f"/rooms/{room}/members", at="s1_")).must(400, "M_INVALID_PARAM")


@pytest.mark.parametrize("event_format", ["client", "federation"])
async def test_only_the_wanted_fields_of_events(alice: Person, event_format: str) -> None:
    """In the timeline and the state."""
    room = (await alice.post("/createRoom", {"name": "Praxis"})).must()["room_id"]
    content = {"msgtype": "m.text", "body": "hello", "m.mentions": {"room": True}}
    (await alice.put(f"/rooms/{room}/send/m.room.message/1", content)).must()
    fields = ["type", "content.body", r"content.m\.mentions.room", "content.name", "absent"]
    asked = {"event_fields": fields, "event_format": event_format, "room": {"timeline": {"limit": 1}}}
    synced = (await alice.get("/sync", filter=json.dumps(asked))).must()["rooms"]["join"][room]
    wanted = {"body": "hello", "m.mentions": {"room": True}}
    assert synced["timeline"]["events"] == [{"type": "m.room.message", "content": wanted}]
    assert {"type": "m.room.name", "content": {"name": "Praxis"}} in synced["state"]["events"]
    assert {"type": "m.room.create"} in synced["state"]["events"]
    all_fields = {**asked, "event_fields": []}
    synced = (await alice.get("/sync", filter=json.dumps(all_fields))).must()["rooms"]["join"][room]
    assert synced["timeline"]["events"] == [{}]


async def _heroes(person: Person, room: str, since: str | None = None) -> list[str] | None:
    """Whom a sync names a room by; None when it says nothing of them."""
    synced = (await person.get("/sync", **({"since": since} if since else {}))).must()
    summary = synced["rooms"]["join"][room].get("summary", {})
    return summary.get("m.heroes")  # type: ignore[no-any-return]


async def test_heroes_are_the_first_five_who_are_there_without_the_reader(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person
) -> None:
    others = [await server.person(tenant, f"{number}") for number in "6543210"]
    room = await room_with(alice, *others[:3], bob)
    (await others[0].post(f"/rooms/{room}/leave")).must()
    for other in others[3:]:
        (await alice.post(f"/rooms/{room}/invite", {"user_id": other.user_id})).must()
    there = [alice.user_id, *[other.user_id for other in others[1:3]], bob.user_id]
    invited = [other.user_id for other in others[3:]]
    assert await _heroes(bob, room) == [user_id for user_id in there if user_id != bob.user_id] + invited[:2]
    assert await _heroes(alice, room) == there[1:] + invited[:2]


async def test_in_a_room_of_ones_own_those_who_are_gone_are_heroes(
    alice: Person, bob: Person, server: Homeserver, tenant: Tenant
) -> None:
    carol, dora = await server.person(tenant, "carol"), await server.person(tenant, "dora")
    room = await room_with(alice, bob, carol)
    (await carol.post(f"/rooms/{room}/leave")).must()
    (await alice.post(f"/rooms/{room}/ban", {"user_id": bob.user_id})).must()
    (await alice.put(f"/rooms/{room}/state/m.room.join_rules", {"join_rule": "knock"})).must()
    (await dora.post(f"/knock/{room}")).must()
    assert await _heroes(alice, room) == [carol.user_id, bob.user_id]


async def test_a_room_has_heroes_while_its_name_is_empty(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    path = f"/rooms/{room}/state/m.room"
    for kind, named, unnamed in (
        ("name", {"name": "Praxis"}, {"name": ""}),
        ("canonical_alias", {"alias": f"#praxis:{alice.tenant.server_name}"}, {"alt_aliases": []}),
    ):
        if kind == "canonical_alias":
            alias = f"/directory/room/{quote(str(named['alias']))}"
            (await alice.put(alias, {"room_id": room})).must()
        (await alice.put(f"{path}.{kind}", named)).must()
        assert await _heroes(bob, room) is None
        since = (await bob.get("/sync")).must()["next_batch"]
        (await alice.put(f"{path}.{kind}", unnamed)).must()
        assert await _heroes(bob, room, since) == [alice.user_id]
        assert await _heroes(bob, room) == [alice.user_id]
    since = (await bob.get("/sync")).must()["next_batch"]
    await say(alice, room, "1")
    assert await _heroes(bob, room, since) is None
