"""Redactions, annotations, relations, threads, events by time; rooms of every version."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.support.homeserver import Person
from tests.support.talk import events_of, room_with
from timserver.matrix.room_versions import ROOM_VERSIONS


async def _send(person: Person, room: str, body: str, **relates_to: Any) -> str:
    content: dict[str, Any] = {"msgtype": "m.text", "body": body}
    if relates_to:
        content["m.relates_to"] = relates_to
    event_id: str = (await person.put(f"/rooms/{room}/send/m.room.message/{body}", content)).must()[
        "event_id"
    ]
    return event_id


async def _react(person: Person, room: str, event_id: str, key: str, txn: str) -> Any:
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
    return await person.put(f"/rooms/{room}/send/m.reaction/{txn}", {"m.relates_to": relation})


@pytest.mark.parametrize("version", ROOM_VERSIONS)
async def test_rooms_of_every_version_live(alice: Person, bob: Person, version: str) -> None:
    room = await room_with(alice, bob, room_version=version, name="Praxis")
    create = (await bob.get(f"/rooms/{room}/state/m.room.create")).must()
    assert create["room_version"] == version
    event_id = await _send(alice, room, "hello")
    await _send(bob, room, "again")
    (await alice.put(f"/rooms/{room}/state/m.room.topic", {"topic": "t"})).must()
    (await alice.put(f"/rooms/{room}/redact/{quote(event_id, safe='')}/1", {"reason": "typo"})).must()
    page = (await bob.get(f"/rooms/{room}/messages", dir="b", limit=4)).must()
    redaction, topic, again, redacted = page["chunk"]
    assert (topic["type"], again["content"]["body"], redacted["content"]) == ("m.room.topic", "again", {})
    assert redaction["content"]["redacts"] == redaction["redacts"] == event_id == redacted["event_id"]
    assert redaction["content"]["reason"] == "typo"
    assert redacted["unsigned"]["redacted_because"]["event_id"] == redaction["event_id"]
    assert [e["type"] for e in events_of((await bob.get("/sync")).must(), room)][-1] == "m.room.redaction"
    (await bob.post(f"/rooms/{room}/leave")).must()


async def test_who_may_redact_what(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    of_alice, of_bob = await _send(alice, room, "a"), await _send(bob, room, "b")
    (await bob.put(f"/rooms/{room}/redact/{of_alice}/1")).must(403, "M_FORBIDDEN")
    first = (await bob.put(f"/rooms/{room}/redact/{of_bob}/2")).must()
    again = (await bob.put(f"/rooms/{room}/redact/{of_bob}/2")).must()
    assert first["event_id"] == again["event_id"]
    other = await _send(bob, room, "c")
    sent = (await alice.put(f"/rooms/{room}/send/m.room.redaction/3", {"redacts": other})).must()
    seen = (await bob.get(f"/rooms/{room}/event/{other}")).must()
    assert seen["content"] == {}
    assert seen["unsigned"]["redacted_because"]["event_id"] == sent["event_id"]
    (await alice.put(f"/rooms/{room}/redact/$nothing/4")).must()  # perhaps another server has it
    (await bob.put(f"/rooms/{room}/redact/$nothing/4")).must(403, "M_FORBIDDEN")
    (await alice.put(f"/rooms/{room}/send/m.room.redaction/5", {})).must(400, "M_MISSING_PARAM")


async def test_a_redacted_name_is_gone_from_the_state(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    sent = (await alice.put(f"/rooms/{room}/state/m.room.name", {"name": "x"})).must()
    (await alice.put(f"/rooms/{room}/redact/{sent['event_id']}/1")).must()
    assert (await bob.get(f"/rooms/{room}/state/m.room.name")).must().body == {}
    again = (await alice.put(f"/rooms/{room}/state/m.room.name", {"name": "x"})).must()
    assert again["event_id"] != sent["event_id"]


async def test_one_reaction_of_a_kind(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    event_id = await _send(alice, room, "hi")
    first = (await _react(bob, room, event_id, "👍", "1")).must()
    assert (await _react(bob, room, event_id, "👍", "1")).must()["event_id"] == first["event_id"]
    (await _react(bob, room, event_id, "👍", "2")).must(400, "M_DUPLICATE_ANNOTATION")
    (await _react(bob, room, event_id, "🎉", "3")).must()
    (await _react(alice, room, event_id, "👍", "4")).must()
    (await bob.put(f"/rooms/{room}/redact/{first['event_id']}/5")).must()
    (await _react(bob, room, event_id, "👍", "6")).must()


async def test_relations_are_listed_by_kind_and_type(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    root = await _send(alice, room, "root")
    replies = [await _send(bob, room, f"r{n}", rel_type="m.thread", event_id=root) for n in range(3)]
    reaction = (await _react(bob, room, root, "👍", "x")).must()["event_id"]
    below = (await _react(alice, room, replies[0], "👍", "y")).must()["event_id"]
    base = f"/_matrix/client/v1/rooms/{room}/relations/{root}"

    async def listed(path: str, **query: Any) -> list[str]:
        return [event["event_id"] for event in (await alice.get(path, **query)).must()["chunk"]]

    assert await listed(base) == [reaction, *replies[::-1]]
    assert await listed(base, dir="f") == [*replies, reaction]
    assert await listed(f"{base}/m.thread") == replies[::-1]
    assert await listed(f"{base}/m.annotation/m.reaction") == [reaction]
    assert await listed(f"{base}/m.annotation/org.example.none") == []
    assert await listed(base, recurse="true", dir="f") == [*replies, reaction, below]
    page = (await alice.get(f"{base}/m.thread", limit=2)).must()
    assert [event["event_id"] for event in page["chunk"]] == [replies[2], replies[1]]
    rest = (await alice.get(f"{base}/m.thread", limit=2, **{"from": page["next_batch"]})).must()
    assert [event["event_id"] for event in rest["chunk"]] == [replies[0]]
    assert "next_batch" not in rest.body
    (await bob.put(f"/rooms/{room}/redact/{replies[1]}/1")).must()
    assert await listed(f"{base}/m.thread") == [replies[2], replies[0]]
    (await alice.get(f"/_matrix/client/v1/rooms/{room}/relations/$none")).must(404, "M_NOT_FOUND")


async def test_threads_by_their_newest_reply(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    one, two = await _send(alice, room, "one"), await _send(alice, room, "two")
    await _send(alice, room, "in two", rel_type="m.thread", event_id=two)
    last = await _send(bob, room, "in one", rel_type="m.thread", event_id=one)
    path = f"/_matrix/client/v1/rooms/{room}/threads"
    threads = (await alice.get(path)).must()["chunk"]
    assert [thread["event_id"] for thread in threads] == [one, two]
    bundle = threads[0]["unsigned"]["m.relations"]["m.thread"]
    assert (bundle["latest_event"]["event_id"], bundle["count"]) == (last, 1)
    mine = (await bob.get(path, include="participated")).must()["chunk"]
    assert [thread["event_id"] for thread in mine] == [one]
    page = (await alice.get(path, limit=1)).must()
    rest = (await alice.get(path, limit=1, **{"from": page["next_batch"]})).must()
    assert [thread["event_id"] for thread in rest["chunk"]] == [two]
    assert "next_batch" not in rest.body


async def test_an_event_by_its_time(alice: Person, bob: Person, mallory: Person) -> None:
    room = await room_with(alice, bob)
    first, second = await _send(alice, room, "1"), await _send(alice, room, "2")
    times = [
        (await alice.get(f"/rooms/{room}/event/{event_id}")).must()["origin_server_ts"]
        for event_id in (first, second)
    ]
    path = f"/_matrix/client/v1/rooms/{room}/timestamp_to_event"
    later = (await bob.get(path, ts=times[1] + 10_000, dir="b")).must()
    assert (later["event_id"], later["origin_server_ts"]) == (second, times[1])
    earliest = (await bob.get(path, ts=0, dir="f")).must()["event_id"]
    assert (await bob.get(f"/rooms/{room}/event/{earliest}")).must()["type"] == "m.room.create"
    (await bob.get(path, ts=times[1] + 10_000, dir="f")).must(404, "M_NOT_FOUND")
    (await mallory.get(path, ts=0, dir="f")).must(403, "M_FORBIDDEN")
