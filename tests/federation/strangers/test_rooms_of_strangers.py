"""Rooms of a homeserver of another make: joining them, and what we ask it for, which is no more than it must have.

What its answers leave out, or get wrong, keeps nobody out; what cannot be had is not asked for by another way.
"""

import asyncio
import json
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import pytest

from tests.support.homeserver import Homeserver, Person
from tests.support.rooms_between import eventually
from tests.support.stranger import Stranger
from tests.support.told_room import ToldRoom
from timserver.matrix import pdu, signing
from timserver.matrix.event import Event
from timserver.matrix.ids import EventID
from timserver.tenancy import Tenant


async def timeline(person: Person, room: ToldRoom) -> list[str]:
    """Ids of the newest events that a person sees."""
    joined = (await person.get("/sync")).must()["rooms"]["join"][room.room_id]
    return [event["event_id"] for event in joined["timeline"]["events"]]


async def sees(person: Person, room: ToldRoom, event: Event) -> None:
    async def found() -> bool:
        return event.event_id in await timeline(person, room)

    async with asyncio.timeout(5):
        await eventually(found)


async def enters(person: Person, stranger: Stranger, room: ToldRoom) -> None:
    params = {"server_name": stranger.name}
    (await person.call("POST", f"/join/{quote(room.room_id)}", {}, params=params)).must()


async def asked(stranger: Stranger, step: str, count: int = 1) -> list[Any]:
    """The bodies of the requests of a kind, when there are so many."""

    async def found() -> list[Any]:
        requests = stranger.asked(step)
        return [request.json for request in requests] if len(requests) >= count else []

    bodies: list[Any] = await eventually(found)
    return bodies


async def gets(stranger: Stranger, event_id: str) -> None:
    async def found() -> bool:
        return stranger.has(event_id)

    await eventually(found, patience_s=5)


async def had_its_turn(stranger: Stranger, tenant: Tenant) -> None:
    """What waited for others before it does not wait any more, or has been tried in vain."""

    async def found() -> bool:
        async with stranger.server.ctx.database.directory() as conn:
            return not await conn.raw.fetchval(
                "select count(*) from inbox_queue where tenant_id = $1 and attempts = 0", tenant.tenant_id
            )

    await eventually(found)


@pytest.mark.parametrize("version", ["10", "12"])
async def test_by_alias_and_both_talk(
    stranger: Stranger, tenant: Tenant, alice: Person, version: str
) -> None:
    room = stranger.makes_room(version)
    alias = f"#praxis:{stranger.name}"
    stranger.aliases[alias] = room.room_id
    (await alice.post(f"/join/{quote(alias)}")).must()
    said = room.says(room.creator, "m.room.message", {"body": "hello"})
    assert await stranger.sends(tenant, said) == {said.event_id: {}}
    await sees(alice, room, said)
    content = {"msgtype": "m.text", "body": "hello yourself"}
    sent = (await alice.put(f"/rooms/{room.room_id}/send/m.room.message/1", content)).must()["event_id"]
    await gets(stranger, sent)
    assert not stranger.unexpected


SIGNATURES: dict[str, Any] = {
    "none": lambda stranger: {},
    "of another name": lambda stranger: {"localhost": {stranger.key.key_id: "A" * 86}},
    "wrong": lambda stranger: {stranger.name: {stranger.key.key_id: "A" * 86}},
    "by a key that nobody has": lambda stranger: {stranger.name: {"ed25519:gone": "A" * 86}},
}


@pytest.mark.parametrize("signatures", SIGNATURES)
async def test_events_that_cannot_be_verified_keep_nobody_out(
    stranger: Stranger, alice: Person, signatures: str
) -> None:
    """A name, and a member's first event, which the member's later one cites."""
    room = stranger.makes_room()
    room.says(room.creator, "m.room.name", {"name": "x"}, state_key="")
    user = stranger.user("dora")
    first = room.says(user, "m.room.member", {"membership": "join"}, state_key=user)
    room.says(user, "m.room.member", {"membership": "leave"}, state_key=user)
    answer = stranger.joined

    def spoiled(request: Any) -> Any:
        told = answer(room, request.json)
        for value in (*told["state"], *told["auth_chain"]):
            if value["type"] == "m.room.name" or value["prev_events"] == list(first.prev_events):
                value["signatures"] = SIGNATURES[signatures](stranger)
        return told

    stranger.said["send_join"] = spoiled
    await enters(alice, stranger, room)
    (await alice.get(f"/rooms/{room.room_id}/state/m.room.name")).must(404)


async def test_a_room_whose_events_have_the_ids_of_another_rooms_is_not_believed(
    stranger: Stranger, alice: Person
) -> None:
    """In old rooms servers choose the ids, and nothing keeps one from giving them twice."""
    first, second = stranger.makes_room("1"), stranger.makes_room("1")
    assert first.events[0].event_id == second.events[0].event_id
    await enters(alice, stranger, first)
    params = {"server_name": stranger.name}
    joined = await alice.call("POST", f"/join/{quote(second.room_id)}", {}, params=params)
    joined.must(502, "M_UNKNOWN")
    (await alice.get(f"/rooms/{second.room_id}/state/m.room.create")).must(403, "M_FORBIDDEN")
    (await alice.get(f"/rooms/{first.room_id}/state/m.room.create")).must()


async def test_an_event_that_only_others_have_is_redacted(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    """Should it come later, it comes redacted; what is no id at all goes out, too."""
    room = stranger.makes_room()
    content = {"users": {room.creator: 100, alice.user_id: 50}}
    room.says(room.creator, "m.room.power_levels", content, state_key="")
    await enters(alice, stranger, room)
    bad = room.event(room.creator, "m.room.message", {"body": "not to be seen"})
    for target in (f"{bad.event_id}:{stranger.name}", bad.event_id):
        uri = f"/rooms/{room.room_id}/redact/{quote(target)}/{len(target)}"
        redaction = (await alice.put(uri, {"reason": "x"})).must()["event_id"]

        await gets(stranger, redaction)
        assert stranger.pdus[-1]["redacts"] == target
    await stranger.sends(tenant, bad)
    await sees(alice, room, bad)
    event = (await alice.get(f"/rooms/{room.room_id}/event/{bad.event_id}")).must()
    assert event["content"] == {}
    assert event["unsigned"]["redacted_because"]["event_id"] == redaction
    assert not stranger.unexpected


async def test_who_may_not_redact_others_may_not_redact_the_unknown(
    stranger: Stranger, alice: Person
) -> None:
    room = stranger.makes_room()
    await enters(alice, stranger, room)
    (await alice.put(f"/rooms/{room.room_id}/redact/$unknown/1")).must(403, "M_FORBIDDEN")


async def test_what_waits_comes_when_what_is_before_it_has_come(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    room = stranger.makes_room()
    await enters(alice, stranger, room)
    first = room.event(room.creator, "m.event.a", {"event": "A"})
    second = room.event(room.creator, "m.event.b", {"event": "B"}, after=[first])
    assert await stranger.sends(tenant, second) == {second.event_id: {}}
    await asked(stranger, "get_missing_events")
    assert await stranger.sends(tenant, first) == {first.event_id: {}}
    assert second.event_id not in await timeline(alice, room)
    assert await stranger.sends(tenant, second) == {second.event_id: {}}
    assert (await timeline(alice, room))[-2:] == [first.event_id, second.event_id]


async def test_an_event_whose_server_does_not_tell_what_it_follows(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    """It tells something that is no event of this room version. Then nothing else is asked, and not again; the next
    event has its own turn.
    """
    room = stranger.makes_room()
    await enters(alice, stranger, room)
    latest = room.events[-1]
    bad = room.says(room.creator, "m.room.message", {"body": "1", "number": 1})
    first = room.says(room.creator, "m.room.message", {"body": "2"})
    value = json.loads(bad.pdu)
    value["content"]["number"] = 1.1
    stranger.said["get_missing_events"] = {"events": [value]}
    assert await stranger.sends(tenant, first) == {first.event_id: {}}
    await asked(stranger, "get_missing_events")
    second = room.says(room.creator, "m.room.message", {"body": "3"})
    await stranger.sends(tenant, second)
    bodies = await asked(stranger, "get_missing_events", 2)
    assert [body["latest_events"] for body in bodies] == [[first.event_id], [second.event_id]]
    assert all(body["earliest_events"] == [latest.event_id] for body in bodies)
    await had_its_turn(stranger, tenant)
    assert not stranger.unexpected
    assert not {bad.event_id, first.event_id, second.event_id} & set(await timeline(alice, room))


async def test_the_state_behind_a_gap_is_asked_for_before_any_auth_chain(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    """The server tells the end of the history only. What came before is unknown, auth events among it; the state there
    has all of them.
    """
    room = stranger.makes_room("12")
    await enters(alice, stranger, room)
    before = dict(room.state)
    names = [
        room.says(
            room.creator,
            "m.room.member",
            {"membership": "join", "displayname": f"{n}"},
            state_key=room.creator,
        )
        for n in range(6)
    ]
    gap, told, newest = names[:3], names[3:5], names[5]
    stranger.kept[gap[-1].event_id] = gap[-1]
    stranger.said["get_missing_events"] = {"events": [json.loads(event.pdu) for event in told]}
    state = {**before, gap[-2].key: gap[-2]}
    ids = {
        "pdu_ids": [event.event_id for event in state.values()],
        "auth_chain_ids": [gap[0].event_id],
    }
    stranger.said["state_ids"] = ids
    for event in gap[:2]:
        stranger.kept[event.event_id] = event
    assert await stranger.sends(tenant, newest) == {newest.event_id: {}}
    await sees(alice, room, newest)
    (request,) = stranger.asked("state_ids")
    assert quote(gap[-1].event_id) in request.uri or gap[-1].event_id in request.uri
    member = await alice.get(f"/rooms/{room.room_id}/state/m.room.member/{room.creator}")
    assert member.must()["displayname"] == "5"
    assert not stranger.unexpected


async def test_history_has_an_event_that_the_state_of_a_later_one_names(
    stranger: Stranger, alice: Person
) -> None:
    """Paging back, the state before an event is asked for, and has another event of the same answer."""
    room = stranger.makes_room()
    before = list(room.state.values())
    topic = room.says(room.creator, "m.room.topic", {"topic": "old"}, state_key="")
    after = list(room.state.values())
    gap = room.says(room.creator, "m.room.message", {"body": "not told"})
    last = room.event(room.creator, "m.room.message", {"body": "told"}, after=[topic, gap])
    room.events.append(last)
    newer = room.says(room.creator, "m.room.topic", {"topic": "new"}, state_key="")
    await enters(alice, stranger, room)

    def state_ids(request: Any) -> Any:
        state = after if last.event_id in unquote(request.uri) else before
        return {"pdu_ids": [event.event_id for event in state], "auth_chain_ids": []}

    stranger.said["state_ids"] = state_ids
    stranger.kept[topic.event_id] = topic
    pdus = [json.loads(event.pdu) for event in (newer, last, topic)]
    stranger.said["backfill"] = {"origin": stranger.name, "origin_server_ts": 1, "pdus": pdus}
    page = (await alice.get(f"/rooms/{room.room_id}/messages", dir="b", limit=50)).must()
    found = [event["event_id"] for event in page["chunk"]]
    assert [event_id for event_id in found if event_id != found[0]][:3] == [
        newer.event_id,
        last.event_id,
        topic.event_id,
    ]
    context = (await alice.get(f"/rooms/{room.room_id}/context/{quote(last.event_id)}", limit=0)).must()
    topics = [event["content"]["topic"] for event in context["state"] if event["type"] == "m.room.topic"]
    assert topics == ["old"]


async def test_a_broken_auth_chain_behind_a_gap_changes_nothing(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    """One of the events that lead to the state is not to be had: none of those that stand on it is taken."""
    room = stranger.makes_room()
    await enters(alice, stranger, room)
    names = [
        room.says(
            room.creator,
            "m.room.member",
            {"membership": "join", "displayname": f"{n}"},
            state_key=room.creator,
        )
        for n in range(4)
    ]
    at = room.says(room.creator, "m.room.message", {"body": "where the state is told"})
    told = room.says(room.creator, "m.room.message", {"body": "told"})
    newest = room.says(room.creator, "m.room.message", {"body": "newest"})
    for event in (names[0], *names[2:], at):
        stranger.kept[event.event_id] = event
    stranger.said["get_missing_events"] = {"events": [json.loads(told.pdu)]}
    stranger.said["state_ids"] = {
        "pdu_ids": [event.event_id for event in room.state.values() if event.sender == room.creator],
        "auth_chain_ids": [event.event_id for event in names[:-1]],
    }
    await stranger.sends(tenant, newest)

    async def is_asked() -> bool:
        return any(quote(names[1].event_id) in request.uri for request in stranger.asked("event"))

    assert await eventually(is_asked)
    await had_its_turn(stranger, tenant)
    member = await alice.get(f"/rooms/{room.room_id}/state/m.room.member/{room.creator}")
    assert "displayname" not in member.must().body


async def test_a_field_that_is_too_long_in_bytes_only(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    """Such events are in old rooms. It is rejected, and what follows it is not lost."""
    room = stranger.makes_room()
    await enters(alice, stranger, room)
    event = room.event(room.creator, "org.example.long", {}, state_key="x")
    value = {**pdu.to_object(room.version, event), "state_key": "\N{COLLISION SYMBOL}" * 70}
    value = {name: part for name, part in value.items() if name not in ("hashes", "signatures")}
    value["hashes"] = {"sha256": signing.content_hash(room.version, value)}
    signed = signing.sign_event(room.version, value, stranger.name, stranger.key)
    event_id = EventID(signing.event_id(room.version, signed))
    room.events.append(msgspec.structs.replace(event, event_id=event_id))
    good = room.says(room.creator, "m.room.message", {"body": "good"})
    stranger.said["get_missing_events"] = {"events": [signed]}
    await stranger.sends(tenant, good)
    await sees(alice, room, good)
    (await alice.get(f"/rooms/{room.room_id}/event/{event_id}")).must(404)
    assert not stranger.unexpected


async def test_a_state_event_of_a_fork_that_a_filter_hides(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    """Whatever the timeline shows: the state of the answer has what the fork has brought."""
    room = stranger.makes_room()
    await enters(alice, stranger, room)

    async def says(kind: str, number: int) -> str:
        content = {"msgtype": "m.text", "body": str(number)}
        reply = await alice.put(f"/rooms/{room.room_id}/send/{kind}/{number}", content)
        event_id: str = reply.must()["event_id"]
        return event_id

    await gets(stranger, await says("m.room.message", 1))
    name = room.event(room.creator, "m.room.name", {"name": "of the fork"}, state_key="")
    await says("m.room.message", 2)
    await says("m.room.message", 3)
    await stranger.sends(tenant, name)
    await sees(alice, room, name)
    await says("org.example.hidden", 4)
    wanted = {"room": {"timeline": {"not_types": ["org.example.hidden"], "limit": 1}}}
    joined = (await alice.get("/sync", filter=json.dumps(wanted))).must()["rooms"]["join"][room.room_id]
    assert name.event_id in {event["event_id"] for event in joined["state"]["events"]}


async def test_an_invite_that_shows_nothing(stranger: Stranger, tenant: Tenant, alice: Person) -> None:
    """Older servers show nothing of the room; from room version 12 on the create event must be there."""
    room = stranger.makes_room("10")
    (await stranger.invites(tenant, room, alice.user_id, [], is_direct=True)).must()
    synced = (await alice.get("/sync")).must()["rooms"]["invite"][room.room_id]["invite_state"]["events"]
    assert [event["content"] for event in synced] == [{"membership": "invite", "is_direct": True}]
    room = stranger.makes_room("12")
    (await stranger.invites(tenant, room, alice.user_id, [])).must(400, "M_MISSING_PARAM")


async def test_profiles(stranger: Stranger, tenant: Tenant, server: Homeserver, alice: Person) -> None:
    stranger.said["query"] = {"displayname": "Dora", "avatar_url": ""}
    dora = quote(stranger.user("dora"))
    assert (await server.nobody(tenant).get(f"/profile/{dora}/displayname")).must().body == {
        "displayname": "Dora"
    }
    query = "/_matrix/federation/v1/query/profile?field=displayname&user_id="
    (await stranger.get(tenant, f"{query}@user:localhost:http")).must(400)
    assert (await stranger.get(tenant, query + alice.user_id)).must().body == {"displayname": "alice"}


async def test_what_came_late_stands_where_it_came(
    stranger: Stranger, tenant: Tenant, alice: Person, bob: Person
) -> None:
    """After a partition: the sync ends where it began to be cut, and from there on back nothing is left out."""
    room = stranger.makes_room()
    await enters(alice, stranger, room)
    (await bob.post(f"/join/{room.room_id}")).must()
    wanted = json.dumps({"room": {"timeline": {"limit": 4}}})
    since = (await bob.get("/sync", filter=wanted)).must()["next_batch"]
    late = room.event(room.creator, "m.room.message", {"body": "1'"})

    async def says(number: int) -> str:
        content = {"msgtype": "m.text", "body": str(number)}
        reply = await alice.put(f"/rooms/{room.room_id}/send/m.room.message/{number}", content)
        event_id: str = reply.must()["event_id"]
        return event_id

    before = [await says(number) for number in range(1, 5)]
    await stranger.sends(tenant, late)
    await sees(alice, room, late)
    after = [await says(number) for number in range(5, 8)]
    synced = (await bob.get("/sync", filter=wanted, since=since)).must()
    shown = synced["rooms"]["join"][room.room_id]["timeline"]
    assert [event["event_id"] for event in shown["events"]] == [late.event_id, *after]
    page = await alice.get(
        f"/rooms/{room.room_id}/messages", dir="b", limit=4, **{"from": shown["prev_batch"]}
    )
    assert [event["event_id"] for event in page.must()["chunk"]] == before[::-1]
