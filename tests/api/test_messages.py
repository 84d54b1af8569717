"""Reading events: pages, one event, its surroundings."""

import json
from typing import Any

from tests.support.homeserver import Person, Reply
from tests.support.talk import room_with


async def _say(person: Person, room: str, *texts: str) -> list[str]:
    ids = []
    for text in texts:
        path = f"/rooms/{room}/send/m.room.message/{text}"
        ids.append((await person.put(path, {"msgtype": "m.text", "body": text})).must()["event_id"])
    return ids


def _bodies(page: Reply, part: str = "chunk") -> list[str]:
    return [event["content"]["body"] for event in page[part] if event["type"] == "m.room.message"]


async def test_pages_backwards_and_forwards_cover_everything_once(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    texts = [str(number) for number in range(25)]
    await _say(alice, room, *texts)
    for direction, expected in (("b", texts[::-1]), ("f", texts)):
        found: list[str] = []
        query: dict[str, Any] = {"dir": direction, "limit": 4}
        while True:
            page = (await bob.get(f"/rooms/{room}/messages", **query)).must()
            assert len(page["chunk"]) <= 4
            found += _bodies(page)
            if "end" not in page.body:
                break
            query["from"] = page["end"]
        assert found == expected


async def test_a_sync_token_begins_and_ends_a_page(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    await _say(alice, room, "a", "b")
    token = (await bob.get("/sync")).must()["next_batch"]
    await _say(alice, room, "c", "d")
    before = (await bob.get(f"/rooms/{room}/messages", **{"from": token, "dir": "b", "limit": 2})).must()
    assert _bodies(before) == ["b", "a"]
    after = (await bob.get(f"/rooms/{room}/messages", **{"from": token, "dir": "f"})).must()
    assert _bodies(after) == ["c", "d"]
    back = (await bob.get(f"/rooms/{room}/messages", to=token, dir="b", limit=50)).must()
    assert _bodies(back) == ["d", "c"]
    behind = (
        await bob.get(f"/rooms/{room}/messages", **{"from": back["end"], "to": token, "dir": "b"})
    ).must()
    assert behind["chunk"] == []
    assert "end" not in behind.body
    (await bob.get(f"/rooms/{room}/messages", **{"from": "nonsense", "dir": "b"})).must(400)
    (await bob.get(f"/rooms/{room}/messages", dir="x")).must(400, "M_INVALID_PARAM")


async def test_the_page_behind_the_last_event_says_where_the_room_begins(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    ids = await _say(alice, room, "a", "b")
    page = (await bob.get(f"/rooms/{room}/messages", dir="b", limit=100)).must()
    backwards = [event["event_id"] for event in page["chunk"]]
    assert backwards[:2] == ids[::-1]
    beginning = (await bob.get(f"/rooms/{room}/messages", **{"from": page["end"], "dir": "b"})).must()
    assert beginning["chunk"] == []
    assert "end" not in beginning.body
    whole = (
        await bob.get(f"/rooms/{room}/messages", **{"from": beginning["start"], "dir": "f", "limit": 100})
    ).must()
    assert [event["event_id"] for event in whole["chunk"]] == backwards[::-1]


async def test_without_a_direction_a_page_goes_forwards(alice: Person, mallory: Person) -> None:
    room = await room_with(alice)
    page = (await alice.get(f"/rooms/{room}/messages", limit=1)).must()
    assert [event["type"] for event in page["chunk"]] == ["m.room.create"]
    (await mallory.get(f"/rooms/{room}/messages")).must(403, "M_FORBIDDEN")


async def test_members_who_came_within_the_page_are_loaded_too(alice: Person) -> None:
    room = await room_with(alice)
    page = (await alice.get(f"/rooms/{room}/messages", dir="b", filter='{"lazy_load_members": true}')).must()
    (member,) = page["state"]
    assert (member["state_key"], member["content"]["membership"]) == (alice.user_id, "join")


async def test_what_was_before_the_join_is_not_seen_where_members_only_may(
    alice: Person, bob: Person
) -> None:
    joined = {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}}
    room = (await alice.post("/createRoom", {"preset": "public_chat", "initial_state": [joined]})).must()[
        "room_id"
    ]
    (hidden,) = await _say(alice, room, "hidden")
    (await bob.post(f"/rooms/{room}/join")).must()
    (shown,) = await _say(alice, room, "shown")
    page = (await bob.get(f"/rooms/{room}/messages", dir="b", limit=50)).must()
    assert _bodies(page) == ["shown"]
    (await bob.get(f"/rooms/{room}/event/{hidden}")).must(404, "M_NOT_FOUND")
    assert (await bob.get(f"/rooms/{room}/event/{shown}")).must()["content"]["body"] == "shown"
    (await bob.get(f"/rooms/{room}/context/{hidden}")).must(404, "M_NOT_FOUND")


async def test_a_filter_chooses_and_members_are_loaded_lazily(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    await _say(alice, room, "a")
    await _say(bob, room, "b")
    wanted = {"types": ["m.room.message"], "senders": [bob.user_id], "lazy_load_members": True}
    page = (await alice.get(f"/rooms/{room}/messages", dir="b", filter=json.dumps(wanted))).must()
    assert _bodies(page) == ["b"]
    assert [event["state_key"] for event in page["state"]] == [bob.user_id]
    (await alice.get(f"/rooms/{room}/messages", dir="b", filter="{")).must(400, "M_NOT_JSON")


async def test_a_filter_may_ask_for_what_others_relate_to(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    root, _ = await _say(alice, room, "root", "plain")
    threaded = {
        "msgtype": "m.text",
        "body": "reply",
        "m.relates_to": {"rel_type": "m.thread", "event_id": root},
    }
    (await bob.put(f"/rooms/{room}/send/m.room.message/t", threaded)).must()
    for wanted in ({"related_by_rel_types": ["m.thread"]}, {"related_by_senders": [bob.user_id]}):
        page = (await alice.get(f"/rooms/{room}/messages", dir="b", filter=json.dumps(wanted))).must()
        assert _bodies(page) == ["root"]


async def test_the_surroundings_of_an_event(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    ids = await _say(alice, room, *"abcdefg")
    found = (await bob.get(f"/rooms/{room}/context/{ids[3]}", limit=4)).must()
    assert found["event"]["event_id"] == ids[3]
    assert _bodies(found, "events_before") == ["c", "b"]
    assert _bodies(found, "events_after") == ["e", "f"]
    assert {event["type"] for event in found["state"]} >= {"m.room.create", "m.room.member"}
    earlier = (
        await bob.get(f"/rooms/{room}/messages", **{"from": found["start"], "dir": "b", "limit": 1})
    ).must()
    later = (
        await bob.get(f"/rooms/{room}/messages", **{"from": found["end"], "dir": "f", "limit": 1})
    ).must()
    assert (_bodies(earlier), _bodies(later)) == (["a"], ["g"])
    alone = (await bob.get(f"/rooms/{room}/context/{ids[0]}", limit=0)).must()
    assert (alone["events_before"], alone["events_after"]) == ([], [])


async def test_events_of_other_rooms_and_tenants_are_not_found(
    alice: Person, bob: Person, mallory: Person
) -> None:
    room, elsewhere = await room_with(alice, bob), await room_with(alice)
    (event_id,) = await _say(alice, room, "x")
    (await alice.get(f"/rooms/{elsewhere}/event/{event_id}")).must(404, "M_NOT_FOUND")
    (await mallory.get(f"/rooms/{room}/event/{event_id}")).must(404, "M_NOT_FOUND")
    (await alice.get(f"/rooms/{room}/event/$unknown")).must(404, "M_NOT_FOUND")
