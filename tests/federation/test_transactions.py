"""Transactions of other servers (RELIABILITY E10, E11, E15, S3, S19): each event has a result of its own."""

import json
from collections.abc import AsyncIterator, Coroutine
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tests.support.federation import Server, as_server
from tests.support.guests import Guest
from tests.support.homeserver import Homeserver, Person, Reply, running, settings_for
from tests.support.talk import room_with
from timserver.api import federation
from timserver.api.endpoint import declared_in
from timserver.matrix import errors, signing
from timserver.matrix.event import Event
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.matrix.transactions import EDUS_MAX, PDUS_MAX
from timserver.remote.errors import RemoteError
from timserver.store import tenants
from timserver.tenancy import Tenant, TenantSettings, Variant
from timserver.usecases.federation.receive_transaction import receive_transaction
from timserver.usecases.tenants import find_tenant

V1 = "/_matrix/federation/v1"


class World(msgspec.Struct):
    """A room of alice's at `here`, which bob of `there` may enter."""

    server: Homeserver
    here: Tenant
    alice: Person
    room: str
    bob: Guest
    there: Server
    count: int = 0

    async def put(self, *pdus: Any, edus: list[Any] | None = None, txn_id: str | None = None) -> Reply:
        """A transaction of `there`."""
        self.count += 1
        body = {
            "origin": self.there.server_name,
            "origin_server_ts": 1,
            "pdus": [json.loads(item.pdu) if isinstance(item, Event) else item for item in pdus],
            "edus": edus or [],
        }
        return await self.there.put(self.here, f"{V1}/send/{txn_id or self.count}", body)

    async def results(self, *pdus: Any) -> dict[str, Any]:
        results: dict[str, Any] = (await self.put(*pdus)).must()["pdus"]
        return results

    async def join(self) -> None:
        event = await self.bob.event(
            self.room, "m.room.member", {"membership": "join"}, state_key=self.bob.user_id
        )
        assert await self.results(event) == {event.event_id: {}}

    async def message(self, text: str) -> Event:
        return await self.bob.event(self.room, "m.room.message", {"msgtype": "m.text", "body": text})

    async def texts(self) -> list[str]:
        reply = (await self.alice.get(f"/rooms/{self.room}/messages", dir="b", limit=100)).must()
        return [event["content"]["body"] for event in reply["chunk"] if event["type"] == "m.room.message"]

    async def acl(self, **content: Any) -> None:
        (await self.alice.put(f"/rooms/{self.room}/state/m.room.server_acl/", content)).must()


async def a_world(server: Homeserver, variant: Variant = Variant.OFF, version: str = "10") -> World:
    there = await server.tenant()
    here = await server.tenant(variant, allowed_servers=(there.server_name,))
    alice = await server.person(here, "alice")
    room = await room_with(alice, preset="public_chat", room_version=version)
    peer = await as_server(server, there)
    bob = Guest(server.ctx, here, f"@bob:{there.server_name}", peer.key)
    return World(server, here, alice, room, bob, peer)


@pytest.fixture
async def world(server: Homeserver) -> World:
    return await a_world(server)


@pytest.mark.parametrize("version", ["3", "6", "10", "11", "12"])
async def test_events_arrive_in_order(server: Homeserver, version: str) -> None:
    world = await a_world(server, version=version)
    await world.join()
    first = await world.message("one")
    second = msgspec.json.decode((await world.message("two")).pdu)
    assert await world.results(first, second) == {first.event_id: {}} | {
        event_id: {} for event_id in await world.results(first, second)
    }
    assert sorted(await world.texts()) == ["one", "two"]


async def test_a_transaction_is_received_once(world: World, server: Homeserver) -> None:
    await world.join()
    one, two = await world.message("one"), await world.message("two")
    first = (await world.put(one, txn_id="again")).must()
    assert (await world.put(two, txn_id="again")).must().raw == first.raw, "the answer that it had"
    assert await world.texts() == ["one"]
    elsewhere = await a_world(server)
    await elsewhere.join()
    assert (await elsewhere.put(txn_id="again")).must()["pdus"] == {}, "another tenant's, another server's"
    long = (await world.put(two, txn_id="x" * 5_000)).must()
    assert long["pdus"] == {two.event_id: {}}


async def test_what_the_room_refuses_says_so(world: World) -> None:
    event = await world.message("not joined")
    results = await world.results(event)
    assert results[event.event_id]["error"].startswith("Rejected by the rules of the room")
    assert await world.texts() == []


async def test_limits_of_a_transaction(world: World) -> None:
    too_many = [{"room_id": world.room}] * (PDUS_MAX + 1)
    (await world.put(*too_many)).must(400, "M_BAD_JSON")
    (await world.put(edus=[{}] * (EDUS_MAX + 1))).must(400, "M_BAD_JSON")
    (await world.put(*too_many[:PDUS_MAX], edus=[{}] * EDUS_MAX)).must()


MALFORMED_PDUS: list[Any] = [
    None,
    1,
    "text",
    [],
    {},
    {"room_id": 1},
    {"room_id": "no room"},
    {"room_id": "!unknown:nowhere.example"},
    {"room_id": "ROOM"},
    {"room_id": "ROOM", "type": "m.room.message", "content": {"a": 1.5}},
    {"room_id": "ROOM", "type": "m.room.message", "depth": 2**60},
    {"room_id": "ROOM", "type": "m.room.message", "content": {"a": "x" * 70_000}},
    {"room_id": "ROOM", "type": "m.room.message", "content": "DEEP"},
    {"room_id": "ROOM", "type": 7, "sender": [], "auth_events": "x", "prev_events": {"a": 1}},
]

MALFORMED_EDUS: list[Any] = [
    None,
    [],
    {},
    {"edu_type": 1, "content": {}},
    {"edu_type": "m.unknown", "content": {"a": 1}},
    {"edu_type": "m.typing", "content": []},
    {"edu_type": "m.typing", "content": {"room_id": [], "user_id": 1}},
    {"edu_type": "m.receipt", "content": {"ROOM": {"m.read": {"@bob": 1}}}},
    {"edu_type": "m.presence", "content": {"push": [1, {}]}},
    {"edu_type": "m.direct_to_device", "content": {"messages": {"@alice": 1}}},
    {"edu_type": "m.device_list_update", "content": {"user_id": "@mallory:elsewhere.example"}},
    {"edu_type": "m.signing_key_update", "content": "DEEP"},
]


def filled(value: Any, room: str) -> Any:
    deep: Any = {"a": "leaf"}
    for _ in range(150):
        deep = {"a": deep}
    text = json.dumps(value).replace('"DEEP"', json.dumps(deep)).replace("ROOM", room)
    return json.loads(text)


@pytest.mark.parametrize("version", ["5", "10", "12"])
async def test_e10_a_malformed_pdu_or_edu_spoils_no_other(server: Homeserver, version: str) -> None:
    world = await a_world(server, version=version)
    await world.join()
    good = await world.message("good")
    bad = [filled(item, world.room) for item in MALFORMED_PDUS]
    edus = [filled(item, world.room) for item in MALFORMED_EDUS]
    typing = {
        "edu_type": "m.typing",
        "content": {"room_id": world.room, "user_id": world.bob.user_id, "typing": True},
    }
    (await world.alice.get("/sync", timeout=0)).must()
    reply = (await world.put(*bad[:7], good, *bad[7:], edus=[*edus[:6], typing, *edus[6:]])).must()
    assert reply["pdus"][good.event_id] == {}
    assert all(result.get("error") for name, result in reply["pdus"].items() if name != good.event_id)
    assert "Internal" not in reply.raw.decode()
    assert await world.texts() == ["good"]
    rooms = (await world.alice.get("/sync", timeout=0)).must()["rooms"]["join"]
    assert world.bob.user_id in json.dumps(rooms[world.room]["ephemeral"])


async def test_keys_come_before_what_they_open(world: World) -> None:
    """Both in one transaction: a client that sees the event has, or gets with it, the message with its key."""
    await world.join()
    content = {
        "sender": world.bob.user_id,
        "type": "m.room.encrypted",
        "message_id": "key",
        "messages": {world.alice.user_id: {"*": {"key": "secret"}}},
    }
    receipt = {world.room: {"m.read": {world.bob.user_id: {"data": {"ts": 1}, "event_ids": []}}}}
    said = await world.message("sealed")
    receipt[world.room]["m.read"][world.bob.user_id]["event_ids"] = [said.event_id]
    edus = [
        {"edu_type": "m.receipt", "content": receipt},
        {"edu_type": "m.direct_to_device", "content": content},
    ]
    assert (await world.put(said, edus=edus)).must()["pdus"] == {said.event_id: {}}
    async with world.server.ctx.database.transaction(world.here) as conn:
        tenant_id = world.here.tenant_id
        key_position = await conn.raw.fetchval(
            "select position from to_device where tenant_id = $1", tenant_id
        )
        position = await conn.raw.fetchval("select max(position) from event where tenant_id = $1", tenant_id)
        read_position = await conn.raw.fetchval(
            "select position from receipt where tenant_id = $1", tenant_id
        )
    assert key_position < position < read_position


async def test_e10_tampered_and_forged(world: World) -> None:
    """S3: a wrong hash redacts, a wrong or missing signature drops."""
    await world.join()
    event = await world.message("good")
    tampered = json.loads(event.pdu) | {"content": {"msgtype": "m.text", "body": "bad"}}
    assert (await world.results(tampered)) == {event.event_id: {}}
    assert "bad" not in json.dumps((await world.alice.get(f"/rooms/{world.room}/messages", dir="b")).body)
    second = await world.message("second")
    unsigned = json.loads(second.pdu) | {"signatures": {}}
    assert "not signed" in (await world.results(unsigned))[second.event_id]["error"]
    other_key = signing.make_signing_key(world.there.key.key_id, bytes(32))
    forged = signing.sign_event(
        ROOM_VERSIONS["10"], json.loads(second.pdu) | {"signatures": {}}, world.there.server_name, other_key
    )
    assert "wrong" in (await world.results(forged))[second.event_id]["error"]
    assert (await world.results(second)) == {second.event_id: {}}, "the right one is still welcome"


async def test_e15_the_version_is_that_of_our_room(world: World) -> None:
    """An event of the rules of another version is no event of this room, whatever it says of itself."""
    await world.join()
    good = await world.message("good")
    value = json.loads(good.pdu)
    as_version_1 = value | {
        "event_id": f"$mine:{world.there.server_name}",
        "auth_events": [[event_id, {"sha256": "x"}] for event_id in value["auth_events"]],
        "prev_events": [[event_id, {"sha256": "x"}] for event_id in value["prev_events"]],
        "content": {"body": "of version 1", "msgtype": "m.text", "float": 1.5},
    }
    create = value | {"type": "m.room.create", "state_key": "", "content": {"room_version": "1"}}
    results = await world.results(as_version_1, create, good)
    assert results.pop(good.event_id) == {}
    assert all(result["error"] for result in results.values())
    assert await world.texts() == ["good"]


async def test_unknown_rooms_are_answered_one_by_one(world: World, server: Homeserver) -> None:
    await world.join()
    other = await a_world(server)
    elsewhere = await Guest(server.ctx, other.here, world.bob.user_id, world.there.key).event(
        other.room, "m.room.message", {"msgtype": "m.text", "body": "for others"}
    )
    good = await world.message("good")
    results = await world.results(elsewhere, good)
    assert results == {elsewhere.event_id: {"error": "The room is not known here"}, good.event_id: {}}
    assert await other.texts() == []


async def test_a_room_that_everybody_here_has_left(world: World) -> None:
    await world.join()
    event = await world.message("too late")
    (await world.alice.post(f"/rooms/{world.room}/leave")).must()
    assert await world.results(event) == {event.event_id: {"error": "Nobody of this server is in the room"}}


async def test_e11_access_control_lists_stand_on_every_way_in(world: World) -> None:
    await world.join()
    name = world.there.server_name
    before = await world.message("before")
    for denied in (
        {"allow": ["*"], "deny": [name.upper()]},
        {"allow": ["*"], "deny": [f"*.{name.partition('.')[2]}"]},
        {"allow": [world.here.server_name]},
        {},
    ):
        await world.acl(**denied)
        assert await world.results(before) == {
            before.event_id: {"error": "The room does not let your server take part"}
        }
        typing = {"room_id": world.room, "user_id": world.bob.user_id, "typing": True}
        receipt = {
            world.room: {"m.read": {world.bob.user_id: {"event_ids": [before.event_id], "data": {"ts": 1}}}}
        }
        (
            await world.put(
                edus=[
                    {"edu_type": "m.typing", "content": typing},
                    {"edu_type": "m.receipt", "content": receipt},
                ]
            )
        ).must()
        synced = (await world.alice.get("/sync", timeout=0)).must()["rooms"]["join"][world.room]
        assert world.bob.user_id not in json.dumps(synced.get("ephemeral", {}))
    await world.acl(allow=["*"])
    again = await world.message("after")
    assert await world.results(again) == {again.event_id: {}}


@pytest.fixture
async def second(database_url: str) -> AsyncIterator[Homeserver]:
    async with running(settings_for(database_url)) as homeserver:
        yield homeserver


@pytest.mark.parametrize("follows", ["what we remember", "what the other process did"])
async def test_e11_what_another_process_did_to_the_room_counts(
    world: World, second: Homeserver, follows: str
) -> None:
    """Memory says whether the room takes anything of a server; when it is behind, the event's own write finds out."""
    await world.join()
    there = msgspec.structs.replace(
        world,
        server=second,
        alice=Person(second, world.here, world.alice.user_id, world.alice.token, world.alice.device_id),
        bob=Guest(second.ctx, world.here, world.bob.user_id, world.there.key),
    )

    async def during(change: Coroutine[Any, Any, object]) -> Event:
        message = await world.message("early")
        await change
        return message if follows == "what we remember" else await there.message("late")

    denied = {"error": "The room does not let your server take part"}
    message = await during(there.acl(allow=["*"], deny=[world.there.server_name]))
    assert await world.results(message) == {message.event_id: denied}
    await there.acl(allow=["*"])
    message = await there.message("allowed again")
    assert await world.results(message) == {message.event_id: {}}
    assert await world.texts() == ["allowed again"]
    message = await during(there.alice.post(f"/rooms/{world.room}/leave"))
    gone = {"error": "Nobody of this server is in the room"}
    assert await world.results(message) == {message.event_id: gone}


async def test_an_invite_is_taken_back_after_another_process_left_the_room(
    world: World, second: Homeserver
) -> None:
    """Memory thinks that we take part, so the leave goes the way of every event; it is not lost there."""
    await world.join()
    carl = await world.server.person(world.here, "carl")
    levels = (await world.alice.get(f"/rooms/{world.room}/state/m.room.power_levels")).must().body
    levels["users"][world.bob.user_id] = 100
    (await world.alice.put(f"/rooms/{world.room}/state/m.room.power_levels", levels)).must()
    invite = await world.bob.event(world.room, "m.room.member", {"membership": "invite"}, carl.user_id)
    assert await world.results(invite) == {invite.event_id: {}}
    back = await world.bob.event(world.room, "m.room.member", {"membership": "leave"}, carl.user_id)
    there = Person(second, world.here, world.alice.user_id, world.alice.token, world.alice.device_id)
    (await there.post(f"/rooms/{world.room}/leave")).must()
    assert await world.results(back) == {back.event_id: {}}
    synced = (await carl.get("/sync", timeout=0)).must()
    assert world.room not in synced.body.get("rooms", {}).get("invite", {})


ROOM_ROUTES = sorted(
    (item for module in federation.MODULES for item in declared_in(module) if "{roomId}" in item.paths[0]),
    key=lambda item: item.operation_id,
)


@pytest.mark.parametrize("name", [item.operation_id for item in ROOM_ROUTES])
async def test_e11_every_room_route_asks_the_list(world: World, name: str) -> None:
    """Generated from the routes: with the server denied, each answers 403. Only the hierarchy hides the room; and the
    old way to invite knows no event of this room's version.
    """
    from tests.api.server_auth_matrix import ROWS  # noqa: PLC0415 - a table of another part

    await world.join()
    item = next(item for item in ROOM_ROUTES if item.operation_id == name)
    event = await world.message("known")
    await world.results(event)
    carol = await world.server.person(world.here, "carol")
    invite = await world.bob.event(
        world.room, "m.room.member", {"membership": "invite"}, state_key=carol.user_id
    )
    await world.acl(allow=["*"], deny=[world.there.server_name])
    uri = item.paths[0] + ROWS[name].query
    names = {
        "roomId": world.room,
        "eventId": (invite if "send_invite" in name else event).event_id,
        "userId": world.bob.user_id,
        "serverName": world.here.server_name,
    }
    for key, value in names.items():
        uri = uri.replace("{" + key + "}", quote(value, safe=""))
    body = ROWS[name].body
    if name == "send_invite_v1":
        body = json.loads(invite.pdu)
    elif name == "send_invite_v2":
        body = {"event": json.loads(invite.pdu), "room_version": "10", "invite_room_state": []}
    elif "send_" in name:
        body = json.loads(event.pdu)
    reply = await world.there.call(world.here, item.method, uri, body)
    if name == "get_space_hierarchy":
        reply.must(404, "M_NOT_FOUND")
    elif name == "send_invite_v1":
        reply.must(400, "M_INVALID_PARAM")
    else:
        assert reply.must(403, "M_FORBIDDEN")["error"] == "The room does not let your server take part"


async def test_s19_events_of_a_third_server_must_be_of_the_federation(server: Homeserver) -> None:
    """Place 6 of REQUIREMENTS 2.5: a listed server passes on an event of one that is not."""
    world = await a_world(server, Variant.PRO)
    await world.join()
    outsider = await server.tenant()
    peer = await as_server(server, outsider)
    eve = Guest(server.ctx, world.here, f"@eve:{outsider.server_name}", peer.key)
    joins = await eve.event(world.room, "m.room.member", {"membership": "join"}, state_key=eve.user_id)
    good = await world.message("good")
    results = await world.results(joins, good)
    assert results == {joins.event_id: {"error": "not part of federation"}, good.event_id: {}}
    assert await world.texts() == ["good"]
    direct = await peer.put(world.here, f"{V1}/send/1", {"pdus": [json.loads(joins.pdu)]})
    direct.must(403, "M_FORBIDDEN")


async def test_s19_a_server_that_drops_off_the_list(server: Homeserver) -> None:
    """FED-10: nothing more is taken from it, the room stays."""
    world = await a_world(server, Variant.EPA)
    await world.join()
    said = await world.message("while listed")
    assert await world.results(said) == {said.event_id: {}}
    async with server.ctx.database.directory() as conn:
        await tenants.update_settings(conn, world.here, TenantSettings(registration=True))
    server.ctx.caches.drop_named(world.here.tenant_id, "tenant")
    event = await world.message("afterwards")
    there = await find_tenant(server.ctx, world.there.server_name)
    assert there is not None
    content = {"pdus": [json.loads(event.pdu)]}
    with pytest.raises(RemoteError) as found:
        await server.ctx.remote.request(
            there, world.here.server_name, "PUT", f"{V1}/send/off-the-list", content=content
        )
    assert (found.value.status, found.value.error) == (403, "not part of federation")
    assert await world.texts() == ["while listed"]


async def test_an_answer_outlives_the_process(world: World) -> None:
    """Events are known when they come again, or refused again; that EDUs were taken is remembered."""
    await world.join()
    good = await world.message("good")
    bad = {**json.loads(good.pdu), "origin_server_ts": 1}
    answers = world.server.ctx.caches.transactions.answers
    for txn_id, events, refused in (("taken", [good], 0), ("refused", [good, bad], 1), ("empty", [], 0)):
        first = (await world.put(*events, txn_id=txn_id)).must()
        assert sum("error" in result for result in first["pdus"].values()) == refused
        answers.drop_where(lambda *_: True)
        assert (await world.put(*events, txn_id=txn_id)).must().raw == first.raw
    assert await world.texts() == ["good"]


async def test_edus_are_taken_once(world: World) -> None:
    """Even when the process that took them is gone."""
    await world.join()
    since = (await world.alice.get("/sync", timeout=0)).must()["next_batch"]
    message = {
        "sender": world.bob.user_id,
        "type": "m.test",
        "message_id": "1",
        "messages": {world.alice.user_id: {"*": {}}},
    }
    for message["message_id"] in ("1", "2"):
        edus = [{"edu_type": "m.direct_to_device", "content": message}]
        assert (await world.put(edus=edus, txn_id="once")).must().body == {"pdus": {}}
        world.server.ctx.caches.transactions.answers.drop_where(lambda *_: True)
    reply = (await world.alice.get("/sync", since=since, timeout=0)).must()
    assert len(reply["to_device"]["events"]) == 1


async def test_a_server_sends_one_transaction_after_the_other(world: World) -> None:
    ctx = world.server.ctx
    key = (world.here.tenant_id, world.there.server_name)
    ctx.caches.transactions.receiving[key] = ctx.settings.limits.federation_transactions_at_once
    with pytest.raises(errors.LimitExceeded):
        await receive_transaction(ctx, world.here, world.there.server_name, "1", b'{"pdus":[]}')
    del ctx.caches.transactions.receiving[key]
    answer = await receive_transaction(ctx, world.here, world.there.server_name, "1", b'{"pdus":[]}')
    assert answer == b'{"pdus":{}}'
    assert not ctx.caches.transactions.receiving


async def test_who_falls_out_of_a_room_where_forks_end_is_told_by_another_process(
    world: World, second: Homeserver
) -> None:
    """The event names nobody: that the room was closed before carl entered takes carl out of it again."""
    await world.join()
    carl, dora = [await world.server.person(world.here, name) for name in ("carl", "dora")]
    levels = (await world.alice.get(f"/rooms/{world.room}/state/m.room.power_levels")).must().body
    levels["users"][world.bob.user_id] = 100
    (await world.alice.put(f"/rooms/{world.room}/state/m.room.power_levels", levels)).must()
    (await dora.post(f"/join/{world.room}")).must()
    close = await world.bob.event(world.room, "m.room.join_rules", {"join_rule": "invite"}, "")
    (await carl.post(f"/join/{world.room}")).must()
    there = [Person(second, world.here, who.user_id, who.token, who.device_id) for who in (carl, dora)]
    told = [(await who.get("/sync", timeout=0)).must()["next_batch"] for who in there]
    told = [
        (await who.get("/sync", since=since, timeout=0)).must()["next_batch"]
        for who, since in zip(there, told, strict=True)
    ]
    assert await world.results(close) == {close.event_id: {}}
    of_carl, of_dora = [
        (await who.get("/sync", since=since, timeout=5_000)).must()
        for who, since in zip(there, told, strict=True)
    ]
    assert list(of_carl["rooms"]["leave"]) == [world.room]
    assert carl.user_id in of_dora["device_lists"]["left"]
