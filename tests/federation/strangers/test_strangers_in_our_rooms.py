"""A homeserver of another make has users in our rooms: what it is told, and what is taken from it."""

import json
from typing import Any
from urllib.parse import quote, unquote

import pytest
from aiohttp import web

from tests.support.crypto import Crypto
from tests.support.homeserver import Homeserver, Person
from tests.support.remote_server import Received
from tests.support.rooms_between import eventually, public_room
from tests.support.stranger import Stranger
from timserver.matrix import pdu, signing
from timserver.matrix.ids import EventID
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.store.events import event_key
from timserver.tenancy import Tenant

VISIBILITIES = ["world_readable", "shared", "invited", "joined"]


@pytest.mark.parametrize("visibility", VISIBILITIES)
async def test_the_history_of_a_public_room_is_as_short_as_can_be(
    stranger: Stranger, tenant: Tenant, alice: Person, visibility: str
) -> None:
    """Nothing is sent that says what holds anyway: no guests, and the same visibility once more."""
    room_id = await public_room(alice)
    state = f"/rooms/{room_id}/state/m.room.history_visibility/"
    (await alice.put(state, {"history_visibility": visibility})).must()
    content = {"msgtype": "m.text", "body": "before you came"}
    (await alice.put(f"/rooms/{room_id}/send/m.room.message/1", content)).must()
    room = await stranger.joins(tenant, room_id)
    body = {
        "earliest_events": [room.state["m.room.create", ""].event_id],
        "latest_events": [room.events[-1].event_id],
        "limit": 10,
        "min_depth": 1,
    }
    uri = f"/_matrix/federation/v1/get_missing_events/{room_id}"
    events = (await stranger.post(tenant, uri, body)).must()["events"]
    types = [event["type"].removeprefix("m.room.") for event in events]
    once_more = [] if visibility == "shared" else ["history_visibility"]
    assert types == ["member", "power_levels", "join_rules", "history_visibility", *once_more, "message"]
    is_shown = visibility in ("world_readable", "shared")
    assert events[-1]["content"] == (content if is_shown else {})


async def test_a_short_answer_to_a_join(
    stranger: Stranger, tenant: Tenant, alice: Person, bob: Person
) -> None:
    room_id = await public_room(alice)
    (await bob.post(f"/join/{room_id}")).must()
    place = f"{quote(room_id)}/{quote(stranger.user('dora'))}"
    made = (await stranger.get(tenant, f"/_matrix/federation/v1/make_join/{place}?ver=10")).must()
    join = stranger.sealed(made)
    uri = f"/_matrix/federation/v2/send_join/{quote(room_id)}/{quote(join.event_id)}?omit_members=true"
    answer = (await stranger.put(tenant, uri, pdu.to_object(ROOM_VERSIONS["10"], join))).must()
    assert answer["members_omitted"]
    assert answer["servers_in_room"] == [tenant.server_name]
    assert answer["auth_chain"] == []
    assert {(event["type"], event["state_key"]) for event in answer["state"]} == {
        ("m.room.create", ""),
        ("m.room.power_levels", ""),
        ("m.room.join_rules", ""),
        ("m.room.history_visibility", ""),
        ("m.room.member", alice.user_id),
        ("m.room.member", bob.user_id),
    }


async def test_the_auth_chain_of_one_event(stranger: Stranger, tenant: Tenant, alice: Person) -> None:
    room_id = await public_room(alice)
    room = await stranger.joins(tenant, room_id)
    uri = f"/rooms/{room_id}/state/m.room.join_rules/"
    event_id = (await alice.put(uri, {"join_rule": "invite"})).must()["event_id"]

    async def has_it() -> bool:
        return stranger.has(event_id)

    await eventually(has_it)
    cited = next(event for event in room.events if event.event_id == event_id).auth_events
    place = f"{quote(room_id)}/{quote(event_id)}"
    chain = (await stranger.get(tenant, f"/_matrix/federation/v1/event_auth/{place}")).must()["auth_chain"]
    assert len(chain) == len(cited)


async def test_an_event_that_cites_what_was_rejected(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    """An outlier that cites it is rejected, and so is who cites that; whether or not the chain was told."""
    room_id = await public_room(alice)
    room = await stranger.joins(tenant, room_id)
    charlie = stranger.user("charlie")
    joined = room.state["m.room.member", charlie]
    rejected = room.event(charlie, "m.room.power_levels", {"users": {}}, state_key="")
    await stranger.sends(tenant, rejected)
    create, rules, levels = (
        room.state[f"m.room.{name}", ""] for name in ("create", "join_rules", "power_levels")
    )
    content = {"membership": "join", "test": 1}
    auth = [create, rules, rejected, joined]
    outlier = room.event(charlie, "m.room.member", content, state_key=charlie, auth=auth)
    auth = [create, rules, levels, joined, outlier]
    told = room.event(charlie, "m.room.message", {"body": "1"}, auth=auth)
    room.events.append(told)
    untold = room.event(charlie, "m.room.message", {"body": "2"}, auth=auth)
    room.events.append(untold)
    good = room.says(charlie, "m.room.message", {"body": "3"})

    def event_auth(request: Any) -> Any:
        if quote(told.event_id) in request.uri:
            return {"auth_chain": [json.loads(event.pdu) for event in auth]}
        return web.json_response({}, status=404)

    stranger.said["event_auth"] = event_auth
    await stranger.sends(tenant, told, untold, good)

    async def has_come() -> bool:
        return (await alice.get(f"/rooms/{room_id}/event/{good.event_id}")).status == 200

    assert await eventually(has_come)
    for event in (outlier, told, untold):
        (await alice.get(f"/rooms/{room_id}/event/{event.event_id}")).must(404)
    assert not stranger.unexpected


async def test_the_banned_do_not_come_in_under_another_s_template(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    room_id = await public_room(alice)
    charlie = stranger.user("charlie")
    (await alice.put(f"/rooms/{room_id}/state/m.room.member/{charlie}", {"membership": "ban"})).must()
    place = f"{quote(room_id)}/{quote(stranger.user('dora'))}"
    made = (await stranger.get(tenant, f"/_matrix/federation/v1/make_join/{place}?ver=10")).must()
    join = stranger.sealed(made, sender=charlie, state_key=charlie)
    uri = f"/_matrix/federation/v2/send_join/{quote(room_id)}/{quote(join.event_id)}"
    (await stranger.put(tenant, uri, pdu.to_object(ROOM_VERSIONS["10"], join))).must(403, "M_FORBIDDEN")
    member = (await alice.get(f"/rooms/{room_id}/state/m.room.member/{charlie}")).must()
    assert member["membership"] == "ban"
    assert not stranger.unexpected


@pytest.mark.parametrize(
    "step", ["v1/send_join", "v2/send_join", "v1/send_leave", "v2/send_leave", "v1/send_knock"]
)
async def test_only_what_an_endpoint_is_for(
    stranger: Stranger, tenant: Tenant, alice: Person, step: str
) -> None:
    room_id = await public_room(alice)
    room = await stranger.joins(tenant, room_id)
    charlie, wanted = stranger.user("charlie"), step.rpartition("_")[2]
    events = [
        room.event(charlie, "m.room.message", {"body": "x"}),
        room.event(charlie, "m.room.member", {"body": "x"}),
        room.event(charlie, "m.room.member", {"membership": wanted}, state_key=stranger.user("dora")),
        *(
            room.event(charlie, "m.room.member", {"membership": membership}, state_key=charlie)
            for membership in ("join", "leave", "knock", "invite")
            if membership != wanted
        ),
    ]
    for event in events:
        uri = f"/_matrix/federation/{step}/{quote(room_id, safe='')}/{quote(event.event_id, safe='')}"
        (await stranger.put(tenant, uri, json.loads(event.pdu))).must(400)


async def test_older_servers_join_and_leave(stranger: Stranger, tenant: Tenant, alice: Person) -> None:
    """By the first version of the endpoints, whose answers stand in an array."""
    room_id = await public_room(alice)
    dora = stranger.user("dora")
    for membership in ("join", "leave"):
        place = f"{quote(room_id)}/{quote(dora)}"
        made = (await stranger.get(tenant, f"/_matrix/federation/v1/make_{membership}/{place}?ver=10")).must()
        event = stranger.sealed(made)
        uri = f"/_matrix/federation/v1/send_{membership}/{quote(room_id)}/{quote(event.event_id)}"
        reply = await stranger.put(tenant, uri, pdu.to_object(ROOM_VERSIONS["10"], event))
        status, answer = reply.must().body
        assert status == 200
        assert ("state" in answer) == (membership == "join")
        member = (await alice.get(f"/rooms/{room_id}/state/m.room.member/{dora}")).must()
        assert member["membership"] == membership


async def test_events_in_the_form_of_another_room_version(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    room_id = await public_room(alice)
    room = await stranger.joins(tenant, room_id)
    event = room.event(stranger.user("charlie"), "m.room.message", {"body": "x"})
    value = json.loads(event.pdu)
    value["event_id"] = event.event_id
    value["prev_events"] = [[event.prev_events[0], {"sha256": "x" * 43}]]
    body = {"origin": stranger.name, "origin_server_ts": 1, "pdus": [value]}
    results = (await stranger.put(tenant, "/_matrix/federation/v1/send/odd", body)).must()["pdus"]
    assert all(event_id == event.event_id and result["error"] for event_id, result in results.items())


async def test_names_of_devices_where_they_are_told(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    """By `federation.device_names`: asked for, in the list, and when one changes."""
    await stranger.joins(tenant, await public_room(alice))
    (await alice.post("/keys/upload", {"device_keys": Crypto(alice).device_keys()})).must()
    (await alice.put(f"/devices/{alice.device_id}", {"display_name": "Tablet"})).must()
    asked: Any = {"device_keys": {alice.user_id: []}}
    found = (await stranger.post(tenant, "/_matrix/federation/v1/user/keys/query", asked)).must()
    device = found["device_keys"][alice.user_id][alice.device_id]
    assert device["unsigned"] == {"device_display_name": "Tablet"}
    uri = f"/_matrix/federation/v1/user/devices/{quote(alice.user_id)}"
    (device,) = (await stranger.get(tenant, uri)).must()["devices"]
    assert device["device_display_name"] == "Tablet"

    async def is_told() -> bool:
        contents = [edu["content"] for edu in stranger.edus if edu["edu_type"] == "m.device_list_update"]
        return any(content.get("device_display_name") == "Tablet" for content in contents)

    await eventually(is_told, patience_s=5)


async def test_the_end_of_an_invite_is_told_at_once(
    stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    """Also where nobody of the other server is in the room, so that nothing else would be sent there."""
    room_id = (await alice.post("/createRoom", {"preset": "private_chat"})).must()["room_id"]
    dora = stranger.user("dora")
    (await alice.post(f"/rooms/{room_id}/invite", {"user_id": dora})).must()
    (await alice.post(f"/rooms/{room_id}/kick", {"user_id": dora})).must()

    async def is_told() -> bool:
        return any(value["content"]["membership"] == "leave" for value in stranger.pdus)

    await eventually(is_told, patience_s=3)


@pytest.mark.parametrize("version", ["10", "12"])
async def test_what_is_shown_of_a_room_are_whole_events(
    stranger: Stranger, tenant: Tenant, alice: Person, version: str
) -> None:
    """With an invite and in answer to a knock; the create event is among them."""
    rule = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    room_id = await public_room(alice, version, preset="private_chat", initial_state=[rule])
    (await alice.post(f"/rooms/{room_id}/invite", {"user_id": stranger.user("dora")})).must()
    (invite,) = stranger.asked("invite")
    place = f"{quote(room_id)}/{quote(stranger.user('eve'))}"
    made = (await stranger.get(tenant, f"/_matrix/federation/v1/make_knock/{place}?ver={version}")).must()
    knock = stranger.sealed(made)
    uri = f"/_matrix/federation/v1/send_knock/{quote(room_id)}/{quote(knock.event_id)}"
    answer = (await stranger.put(tenant, uri, pdu.to_object(ROOM_VERSIONS[version], knock))).must()
    for shown in (invite.json["invite_room_state"], answer["knock_room_state"]):
        assert "m.room.create" in {event["type"] for event in shown}
        assert all({"origin_server_ts", "hashes", "signatures"} <= event.keys() for event in shown)


async def events_kept(server: Homeserver, tenant: Tenant, event_id: str) -> int:
    """Rows of an event, in whatever state."""
    key = event_key(ROOM_VERSIONS["10"], EventID(event_id))
    async with server.ctx.database.transaction(tenant) as conn:
        found: int = await conn.raw.fetchval(
            "select count(*) from event where tenant_id = $1 and event_hash = $2", tenant.tenant_id, key
        )
    return found


async def test_an_invite_that_the_room_forbids_meanwhile_leaves_no_trace(
    server: Homeserver, stranger: Stranger, tenant: Tenant, alice: Person, bob: Person
) -> None:
    room_id = await public_room(alice, power_level_content_override={"invite": 0})
    (await bob.post(f"/join/{room_id}")).must()
    event_ids: list[str] = []

    async def invite(request: Received) -> Any:
        (await alice.post(f"/rooms/{room_id}/kick", {"user_id": bob.user_id})).must()
        event_ids.append(unquote(request.uri.rpartition("/")[2]))
        return {
            "event": signing.sign_event(
                ROOM_VERSIONS["10"], request.json["event"], stranger.name, stranger.key
            )
        }

    stranger.said["invite"] = invite
    dora = stranger.user("dora")
    (await bob.post(f"/rooms/{room_id}/invite", {"user_id": dora})).must(403, "M_FORBIDDEN")
    (event_id,) = event_ids
    assert await events_kept(server, tenant, event_id) == 0
    del stranger.said["invite"]
    (await alice.post(f"/rooms/{room_id}/invite", {"user_id": dora})).must()
    event_id = unquote(stranger.asked("invite")[-1].uri.rpartition("/")[2])
    assert await events_kept(server, tenant, event_id) == 1


async def test_a_join_that_the_room_forbids_meanwhile_leaves_no_trace(
    server: Homeserver, stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    room_id = await public_room(alice)
    dora = stranger.user("dora")
    place = f"{quote(room_id)}/{quote(dora)}"
    made = (await stranger.get(tenant, f"/_matrix/federation/v1/make_join/{place}?ver=10")).must()
    join = stranger.sealed(made)
    (await alice.post(f"/rooms/{room_id}/ban", {"user_id": dora})).must()
    uri = f"/_matrix/federation/v2/send_join/{quote(room_id)}/{quote(join.event_id)}"
    for _ in range(2):
        refused = await stranger.put(tenant, uri, pdu.to_object(ROOM_VERSIONS["10"], join))
        refused.must(403, "M_FORBIDDEN")
        assert await events_kept(server, tenant, join.event_id) == 0


async def test_a_join_that_was_soft_failed_lets_nobody_in(
    server: Homeserver, stranger: Stranger, tenant: Tenant, alice: Person
) -> None:
    """Told by transaction first, it is known when it is sent as a join: still no reason to tell the room's state."""
    room_id = await public_room(alice)
    await stranger.joins(tenant, room_id)
    dora = stranger.user("dora")
    place = f"{quote(room_id)}/{quote(dora)}"
    made = (await stranger.get(tenant, f"/_matrix/federation/v1/make_join/{place}?ver=10")).must()
    join = stranger.sealed(made)
    (await alice.post(f"/rooms/{room_id}/ban", {"user_id": dora})).must()
    await stranger.sends(tenant, join)
    assert await events_kept(server, tenant, join.event_id) == 1
    uri = f"/_matrix/federation/v2/send_join/{quote(room_id)}/{quote(join.event_id)}"
    refused = await stranger.put(tenant, uri, pdu.to_object(ROOM_VERSIONS["10"], join))
    assert (refused.status, refused["errcode"]) == (403, "M_FORBIDDEN")
    assert "state" not in refused.body
    members = (await alice.get(f"/rooms/{room_id}/joined_members")).must()["joined"]
    assert dora not in members
