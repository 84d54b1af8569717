"""Three homeservers talk in one room: what is written at one is seen at the others, in order, once, and soon."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.support.homeserver import Person, Reply
from tests.support.rooms_between import join, public_room


async def until(question: Callable[[], Awaitable[bool]], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not await question():  # noqa: ASYNC110 - another homeserver, in truth
            await asyncio.sleep(0.02)


async def texts(person: Person, room: str) -> list[str]:
    page = (await person.get(f"/rooms/{room}/messages", dir="b", limit=500)).must()
    found = [event["content"]["body"] for event in page["chunk"] if event["type"] == "m.room.message"]
    return found[::-1]


async def says(person: Person, room: str, text: str) -> str:
    body = {"msgtype": "m.text", "body": text}
    sent = (await person.put(f"/rooms/{room}/send/m.room.message/{text}", body)).must()
    event_id: str = sent["event_id"]
    return event_id


def ephemeral(synced: Reply, room: str, event_type: str) -> list[dict[str, object]]:
    joined = synced["rooms"]["join"].get(room, {}) if "rooms" in synced.body else {}
    events = joined.get("ephemeral", {}).get("events", [])
    return [event["content"] for event in events if event["type"] == event_type]


async def test_messages_reach_all_servers_in_order_and_once(
    alice: Person, bob: Person, carol: Person
) -> None:
    room = await public_room(alice)
    await join(bob, room, alice)
    await join(carol, room, alice)
    everybody = (alice, bob, carol)
    for number in range(10):
        for place, person in enumerate(everybody):
            await says(person, room, f"{place}-{number}")

    async def all_have_all() -> bool:
        return all([len(await texts(person, room)) >= 30 for person in everybody])

    await until(all_have_all)
    for person in everybody:
        seen = await texts(person, room)
        assert len(seen) == len(set(seen)) == 30
        for place in range(3):
            mine = [text for text in seen if text.startswith(f"{place}-")]
            assert mine == [f"{place}-{number}" for number in range(10)]


async def test_a_message_is_there_soon(alice: Person, bob: Person) -> None:
    room = await public_room(alice)
    await join(bob, room, alice)
    since = (await bob.get("/sync")).must()["next_batch"]
    took = []
    for number in range(10):
        began = time.monotonic()
        poll = asyncio.ensure_future(bob.get("/sync", since=since, timeout=10_000))
        await says(alice, room, str(number))
        while True:
            synced = (await poll).must()
            since = synced["next_batch"]
            events = synced.body.get("rooms", {}).get("join", {}).get(room, {}).get("timeline", {})
            if any(event["type"] == "m.room.message" for event in events.get("events", [])):
                break
            poll = asyncio.ensure_future(bob.get("/sync", since=since, timeout=10_000))
        took.append(time.monotonic() - began)
    print(
        f"send to received by a long poll: median {sorted(took)[5] * 1000:.0f} ms, most {max(took) * 1000:.0f} ms"
    )
    assert sorted(took)[5] < 2


async def test_who_types_and_who_has_read(alice: Person, bob: Person) -> None:
    room = await public_room(alice)
    await join(bob, room, alice)
    event_id = await says(alice, room, "1")

    async def arrived() -> bool:
        return await texts(bob, room) == ["1"]

    await until(arrived)
    (await bob.put(f"/rooms/{room}/typing/{bob.user_id}", {"typing": True, "timeout": 30_000})).must()
    (await bob.post(f"/rooms/{room}/receipt/m.read/{event_id}")).must()

    async def seen() -> bool:
        synced = (await alice.get("/sync")).must()
        typing = [content.get("user_ids") for content in ephemeral(synced, room, "m.typing")]
        read = str(ephemeral(synced, room, "m.receipt"))
        return typing == [[bob.user_id]] and bob.user_id in read

    await until(seen)


async def test_a_message_to_a_device_of_another_server(alice: Person, bob: Person) -> None:
    messages = {bob.user_id: {bob.device_id: {"secret": 1}}}
    (await alice.put("/sendToDevice/m.test/t1", {"messages": messages})).must()

    async def came() -> bool:
        synced = (await bob.get("/sync")).must()
        events: list[dict[str, object]] = synced.body.get("to_device", {}).get("events", [])
        return events == [{"sender": alice.user_id, "type": "m.test", "content": {"secret": 1}}]

    await until(came)
