"""Redactions, annotations, relations, threads, events by time; rooms of every version."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.support.homeserver import Homeserver, Person
from tests.support.talk import events_of, room_with
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.store import events
from timserver.tenancy import Tenant


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


async def test_no_thread_begins_at_an_event_that_relates_to_another(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    root = await _send(alice, room, "root")
    related = [
        await _send(bob, room, "reply", rel_type="m.thread", event_id=root),
        await _send(bob, room, "reference", rel_type="m.reference", event_id=root),
        (await _react(bob, room, root, "👍", "x")).must()["event_id"],
    ]
    for txn, event_id in enumerate(related):
        content = {"body": "nested", "m.relates_to": {"rel_type": "m.thread", "event_id": event_id}}
        sent = await alice.put(f"/rooms/{room}/send/m.room.message/nested{txn}", content)
        sent.must(400, "M_UNKNOWN")
        (await _react(alice, room, event_id, "👍", f"below{txn}")).must()
    answer = await _send(bob, room, "answer", **{"m.in_reply_to": {"event_id": root}})
    await _send(alice, room, "in its own thread", rel_type="m.thread", event_id=answer)
    threads = (await alice.call("GET", f"/_matrix/client/v1/rooms/{room}/threads")).must()["chunk"]
    assert [thread["event_id"] for thread in threads] == [answer, root]


async def _edit(
    person: Person,
    room: str,
    event_id: str,
    text: str,
    kind: str = "m.room.message",
    *,
    new_content: object = None,
) -> str:
    """An edit; with `new_content` "none" it has none."""
    content = {
        "body": f"* {text}",
        "m.new_content": {"body": text} if new_content is None else new_content,
        "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
    }
    if new_content == "none":
        del content["m.new_content"]
    edit: str = (await person.put(f"/rooms/{room}/send/{kind}/{text}", content)).must()["event_id"]
    return edit


async def _bundled(person: Person, room: str, event_id: str) -> Any:
    """What is bundled with an event."""
    event = (await person.get(f"/rooms/{room}/event/{quote(event_id, safe='')}")).must()
    return event["unsigned"].get("m.relations", {})


async def test_the_newest_valid_edit_is_bundled(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    original = await _send(alice, room, "original")
    assert await _bundled(bob, room, original) == {}
    first = await _edit(alice, room, original, "first")
    second = await _edit(alice, room, original, "second")
    await _edit(bob, room, original, "of another user")
    await _edit(alice, room, original, "of another type", "m.sticker")
    await _edit(alice, room, original, "without new content", new_content="none")
    await _edit(alice, room, original, "with nonsense", new_content="text")
    bundle = await _bundled(bob, room, original)
    assert list(bundle) == ["m.replace"]
    assert bundle["m.replace"]["event_id"] == second
    assert bundle["m.replace"]["content"]["m.new_content"] == {"body": "second"}
    (await alice.put(f"/rooms/{room}/redact/{second}/1")).must()
    assert (await _bundled(bob, room, original))["m.replace"]["event_id"] == first
    (await alice.put(f"/rooms/{room}/redact/{original}/2")).must()
    assert await _bundled(bob, room, original) == {}


async def test_edits_and_state_are_not_edited(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    original = await _send(alice, room, "original")
    edit = await _edit(alice, room, original, "edit")
    await _edit(alice, room, edit, "edit of the edit")
    assert await _bundled(bob, room, edit) == {}
    assert (await _bundled(bob, room, original))["m.replace"]["event_id"] == edit
    state = {
        "m.new_content": {"body": "state"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": original},
    }
    (await alice.put(f"/rooms/{room}/state/m.room.message/", state)).must()
    other_room = await room_with(alice, bob)
    await _edit(alice, other_room, original, "in another room")
    assert (await _bundled(bob, room, original))["m.replace"]["event_id"] == edit
    topic = (await alice.put(f"/rooms/{room}/state/m.room.topic", {"topic": "t"})).must()["event_id"]
    await _edit(alice, room, topic, "edit of the topic", "m.room.topic")
    assert await _bundled(bob, room, topic) == {}


async def test_only_clients_see_the_new_content_of_encrypted_edits(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    content = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"}
    original = (await alice.put(f"/rooms/{room}/send/m.room.encrypted/1", content)).must()["event_id"]
    edit = await _edit(alice, room, original, "2", "m.room.encrypted", new_content="none")
    assert (await _bundled(bob, room, original))["m.replace"]["event_id"] == edit


@pytest.mark.parametrize("version", ["1", "3", "12"])
async def test_of_edits_of_one_time_the_greatest_id_counts(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person, version: str
) -> None:
    room = await room_with(alice, bob, room_version=version)
    original = await _send(alice, room, "original")
    edits = [await _edit(alice, room, original, str(n)) for n in range(12)]
    keys = [events.event_key(ROOM_VERSIONS[version], event_id) for event_id in edits]
    async with server.ctx.database.transaction(tenant) as conn:
        await conn.raw.execute(
            "update event set ts = 1 where tenant_id = $1 and event_hash = any ($2)", tenant.tenant_id, keys
        )
    assert (await _bundled(bob, room, original))["m.replace"]["event_id"] == max(edits)


async def test_references_and_an_edited_answer_in_a_thread_are_bundled(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    root = await _send(alice, room, "root")
    references = {await _send(bob, room, f"s{n}", rel_type="m.reference", event_id=root) for n in range(2)}
    answer = await _send(bob, room, "answer", rel_type="m.thread", event_id=root)
    edit = await _edit(bob, room, answer, "edit")
    await _edit(bob, room, answer, "without new content", new_content="none")
    bundle = await _bundled(alice, room, root)
    assert sorted(bundle) == ["m.reference", "m.thread"]
    assert {item["event_id"] for item in bundle["m.reference"]["chunk"]} == references
    thread = bundle["m.thread"]
    assert (thread["count"], thread["current_user_participated"]) == (1, True)
    assert thread["latest_event"]["event_id"] == answer
    assert thread["latest_event"]["unsigned"]["m.relations"]["m.replace"]["event_id"] == edit


async def test_the_latest_event_of_a_thread_is_the_last_in_the_room(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person
) -> None:
    """Whatever the clock of its server said."""
    room = await room_with(alice, bob)
    root = await _send(alice, room, "root")
    ahead = await _send(bob, room, "ahead", rel_type="m.thread", event_id=root)
    last = await _send(bob, room, "last", rel_type="m.thread", event_id=root)
    async with server.ctx.database.transaction(tenant) as conn:
        key = events.event_key(ROOM_VERSIONS["12"], ahead)
        await conn.raw.execute(
            "update event set ts = ts + 86400000 where tenant_id = $1 and event_hash = $2",
            tenant.tenant_id,
            key,
        )
    assert (await _bundled(bob, room, root))["m.thread"]["latest_event"]["event_id"] == last


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
