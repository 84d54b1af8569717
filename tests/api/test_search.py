"""Server-side search."""

from typing import Any

from tests.support.homeserver import Person, Reply
from tests.support.talk import room_with


async def _search(person: Person, term: str, start: str | None = None, **criteria: Any) -> dict[str, Any]:
    body = {"search_categories": {"room_events": {"search_term": term, "order_by": "recent", **criteria}}}
    path = "/search" + (f"?next_batch={start}" if start else "")
    found: dict[str, Any] = (await person.post(path, body)).must()["search_categories"]["room_events"]
    return found


async def _say(person: Person, room: str, *texts: str) -> list[Reply]:
    return [
        (
            await person.put(
                f"/rooms/{room}/send/m.room.message/{number}", {"msgtype": "m.text", "body": text}
            )
        ).must()
        for number, text in enumerate(texts)
    ]


def _bodies(found: dict[str, Any]) -> list[str]:
    return [item["result"]["content"]["body"] for item in found["results"]]


async def test_words_are_found_in_own_rooms_only(alice: Person, bob: Person, mallory: Person) -> None:
    room = await room_with(alice, bob)
    await _say(alice, room, "Der Befund ist da", "nichts", "BEFUND fehlt noch", "100%")
    found = await _search(bob, "befund")
    assert _bodies(found) == ["BEFUND fehlt noch", "Der Befund ist da"]
    assert (found["count"], found["highlights"]) == (2, ["befund"])
    assert _bodies(await _search(bob, "da befund")) == ["Der Befund ist da"]
    assert _bodies(await _search(bob, "100%")) == ["100%"]
    assert _bodies(await _search(bob, "m.text")) == []
    assert _bodies(await _search(bob, "")) == []
    assert (await _search(mallory, "befund"))["count"] == 0
    (await bob.post(f"/rooms/{room}/leave")).must()
    await _say(alice, room, "Der Befund ist da")
    assert _bodies(await _search(bob, "befund")) == ["BEFUND fehlt noch", "Der Befund ist da"]
    (await bob.post(f"/rooms/{room}/forget")).must()
    assert _bodies(await _search(bob, "befund")) == []


async def test_pages_context_groups_and_state(alice: Person) -> None:
    room = await room_with(alice)
    sent = await _say(alice, room, "x 0", "y", "x 1", "z", "x 2")
    first = await _search(
        alice, "x", filter={"limit": 2}, event_context={"before_limit": 1, "after_limit": 1}
    )
    assert _bodies(first) == ["x 2", "x 1"]
    context = first["results"][1]["context"]
    assert [event["content"]["body"] for event in context["events_before"]] == ["y"]
    assert [event["content"]["body"] for event in context["events_after"]] == ["z"]
    second = await _search(alice, "x", first["next_batch"], filter={"limit": 2})
    assert _bodies(second) == ["x 0"]
    assert "next_batch" not in second
    groupings = {"group_by": [{"key": "room_id"}, {"key": "sender"}]}
    grouped = await _search(alice, "x", groupings=groupings, include_state=True, order_by="rank")
    assert set(grouped["groups"]["room_id"][room]["results"]) == {sent[n]["event_id"] for n in (0, 2, 4)}
    assert list(grouped["groups"]["sender"]) == [alice.user_id]
    assert grouped["state"][room][0]["type"] == "m.room.create"
    assert _bodies(await _search(alice, "x", filter={"not_rooms": [room]})) == []


async def test_every_page_counts_all_hits_and_a_full_one_has_a_next(alice: Person, mallory: Person) -> None:
    room = await room_with(alice)
    await _say(alice, room, *(f"wort {number}" for number in range(4)))
    first = await _search(alice, "wort", filter={"limit": 2})
    second = await _search(alice, "wort", first["next_batch"], filter={"limit": 2})
    third = await _search(alice, "wort", second["next_batch"], filter={"limit": 2})
    assert [_bodies(page) for page in (first, second, third)] == [
        ["wort 3", "wort 2"],
        ["wort 1", "wort 0"],
        [],
    ]
    assert [page["count"] for page in (first, second, third)] == [4, 4, 4]
    assert "next_batch" not in third
    assert (await _search(mallory, "wort", first["next_batch"]))["count"] == 0


async def test_encrypted_rooms_and_redacted_events_are_not_searched(alice: Person) -> None:
    room = await room_with(alice)
    first, _ = await _say(alice, room, "geheim", "geheim")
    (await alice.put(f"/rooms/{room}/redact/{first['event_id']}/1")).must()
    assert (await _search(alice, "geheim"))["count"] == 1
    (await alice.put(f"/rooms/{room}/state/m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})).must()
    assert (await _search(alice, "geheim"))["count"] == 0
