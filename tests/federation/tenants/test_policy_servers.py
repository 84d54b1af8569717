"""Rooms with a policy server: nothing of ours leaves without its signature, nothing of others is shown without it.

The policy server stands in place of the loop-back of the test's own context, where use cases are called; to the
running server it is a name that nobody answers for.
"""

import json
from typing import Any

import msgspec
import pytest

from tests.support.federation import as_server
from tests.support.guests import Guest
from tests.support.homeserver import Homeserver, Person
from tests.support.policy_server import KEY, NAME, OTHER_KEY, PolicyServer, content, signed
from tests.support.rooms_between import eventually, join, membership, private_room, public_room
from timserver.context import Context
from timserver.matrix import errors, signing
from timserver.matrix.event import Event
from timserver.matrix.ids import DeviceID, RoomID, UserID
from timserver.matrix.policy_server import KEY_ID
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.remote.errors import RemoteError
from timserver.store import terms
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.admitting import Admitted, Status, admit
from timserver.usecases.events.send_message import send_message
from timserver.usecases.events.send_state import send_state
from timserver.usecases.membership.invite_user import invite_user
from timserver.usecases.rooms.live import current_room

only_loopback = pytest.mark.parametrize("server", ["loopback"], indirect=True)
VERSIONS = ("3", "6", "10", "11", "12")
TEXT = {"msgtype": "m.text", "body": "hello"}


async def guarded_room(ctx: Context, alice: Person, version: str = "10", **policy: Any) -> str:
    """A public room of alice's with a policy server in it."""
    room = await public_room(alice, version)
    await Guest(ctx, alice.tenant, f"@guard:{NAME}").joins(room)
    (await alice.put(f"/rooms/{room}/state/m.room.policy/", policy or content())).must()
    return room


async def requester_of(ctx: Context, person: Person) -> Requester:
    (user_nid,) = await terms.intern(ctx.database, ctx.caches, person.tenant, [person.user_id])
    return Requester(
        user_id=UserID(person.user_id), user_nid=user_nid, device_id=DeviceID(person.device_id), device_nid=0
    )


async def says(ctx: Context, person: Person, room: str, txn_id: str = "1") -> str:
    requester = await requester_of(ctx, person)
    return await send_message(
        ctx, person.tenant, requester, RoomID(room), "m.room.message", {**TEXT, "id": txn_id}, txn_id
    )


async def admitted(ctx: Context, tenant: Tenant, event: Event) -> Admitted:
    room = await current_room(ctx, tenant, event.room_id)
    assert room is not None
    return await admit(ctx, tenant, room, event)


async def shown_ids(reader: Person, room: str) -> list[str]:
    chunk = (await reader.get(f"/rooms/{room}/messages", dir="b", limit=100)).must()["chunk"]
    return [event["event_id"] for event in chunk if event["type"] == "m.room.message"]


def impatient(ctx: Context) -> Context:
    """It waits a second instead of five."""
    limits = ctx.settings.limits.model_copy(update={"policy_server_s_max": 1})
    return msgspec.structs.replace(ctx, settings=ctx.settings.model_copy(update={"limits": limits}))


@only_loopback
@pytest.mark.parametrize("version", VERSIONS)
async def test_own_events_get_the_signature(ctx: Context, alice: Person, version: str) -> None:
    room = await guarded_room(ctx, alice, version)
    policy = PolicyServer(version)
    async with policy.answering(ctx):
        event_id = await says(ctx, alice, room)
        again = await says(ctx, alice, room)
        requester = await requester_of(ctx, alice)
        await send_state(ctx, alice.tenant, requester, RoomID(room), "m.room.topic", "", {"topic": "guarded"})
    assert again == event_id
    (asked,) = [event for event in policy.asked if event["type"] == "m.room.topic"]
    assert set(asked["signatures"]) == {alice.tenant.server_name}
    assert await shown_ids(alice, room) == [event_id]
    filter_ = '{"event_format":"federation"}'
    timeline = (await alice.get("/sync", filter=filter_)).must()["rooms"]["join"][room]["timeline"]["events"]
    by_type = {event["type"]: event["signatures"] for event in timeline}
    for event_type in ("m.room.message", "m.room.topic"):
        assert set(by_type[event_type]) == {alice.tenant.server_name, NAME}
        assert set(by_type[event_type][NAME]) == {KEY_ID}
    assert set(by_type["m.room.policy"]) == {alice.tenant.server_name}


REFUSALS: dict[str, tuple[Any, int, str, str]] = {
    "refused": (
        RemoteError("spam", status=400, errcode="M_FORBIDDEN"),
        400,
        "M_FORBIDDEN",
        "spam",
    ),
    "unknown room": (
        RemoteError("Unknown room", status=404, errcode="M_NOT_FOUND"),
        404,
        "M_NOT_FOUND",
        "Unknown room",
    ),
    "too much": (
        RemoteError("slowly", status=429, errcode="M_LIMIT_EXCEEDED", retry_after_ms=7),
        429,
        "M_LIMIT_EXCEEDED",
        "slowly",
    ),
    "broken": (RemoteError("oops", status=500), 502, "M_UNKNOWN", "The room's policy server does not answer"),
    "no answer": (b"<html>", 502, "M_UNKNOWN", "The room's policy server does not answer"),
    "no signature": ({}, 403, "M_FORBIDDEN", "The room's policy server did not sign the event"),
    "a wrong signature": (
        {NAME: {KEY_ID: "A" * 86}},
        403,
        "M_FORBIDDEN",
        "The room's policy server did not sign the event",
    ),
    "a signature of another key": (
        {NAME: {"ed25519:1": "A" * 86}},
        403,
        "M_FORBIDDEN",
        "The room's policy server did not sign the event",
    ),
}


@only_loopback
@pytest.mark.parametrize("case", REFUSALS, ids=str)
async def test_what_is_not_signed_is_not_sent(ctx: Context, alice: Person, case: str) -> None:
    answer, status, errcode, error = REFUSALS[case]
    room = await guarded_room(ctx, alice)
    async with PolicyServer(verdict=lambda _: answer).answering(ctx):
        with pytest.raises(errors.MatrixError) as refused:
            await says(ctx, alice, room)
    body = refused.value.body()
    assert (refused.value.http_status, body["errcode"], body["error"]) == (status, errcode, error)
    assert body.get("retry_after_ms") == (7 if case == "too much" else None)
    assert await shown_ids(alice, room) == []


@only_loopback
async def test_a_policy_server_that_does_not_answer_is_not_waited_for(ctx: Context, alice: Person) -> None:
    room = await guarded_room(ctx, alice)
    policy = PolicyServer()
    policy.is_dead = True
    async with policy.answering(ctx):
        with pytest.raises(errors.Unknown) as refused:
            await says(impatient(ctx), alice, room)
        assert refused.value.http_status == 502
        policy.is_dead = False
        event_id = await says(ctx, alice, room)
    assert await shown_ids(alice, room) == [event_id]


async def test_a_room_gets_rid_of_a_dead_policy_server(ctx: Context, alice: Person) -> None:
    """Asked by the running server, which finds nobody under that name."""
    room = await guarded_room(ctx, alice)
    (await alice.put(f"/rooms/{room}/send/m.room.message/1", TEXT)).must(502, "M_UNKNOWN")
    (await alice.put(f"/rooms/{room}/state/m.room.policy/other", {})).must(502, "M_UNKNOWN")
    (await alice.put(f"/rooms/{room}/state/m.room.policy/", {})).must()
    (await alice.put(f"/rooms/{room}/send/m.room.message/2", TEXT)).must()


NOT_VALID: dict[str, dict[str, Any]] = {
    "no via": {"public_keys": content()["public_keys"]},
    "a via that is none": {**content(), "via": 1},
    "no keys": {"via": NAME},
    "keys that are none": {"via": NAME, "public_keys": []},
    "another algorithm": {"via": NAME, "public_keys": {"rsa": "x"}},
    "a key that is no string": {"via": NAME, "public_keys": {"ed25519": 1}},
    "a server that is not in the room": content(via="absent.example.org"),
}


@only_loopback
@pytest.mark.parametrize("case", NOT_VALID, ids=str)
async def test_what_names_no_policy_server_binds_nobody(ctx: Context, alice: Person, case: str) -> None:
    room = await guarded_room(ctx, alice, **NOT_VALID[case])
    guest = Guest(ctx, alice.tenant, "@guest:other.lying.example")
    (await alice.put(f"/rooms/{room}/send/m.room.message/1", TEXT)).must()
    assert (await admitted(ctx, alice.tenant, await guest.joins(room))).status is Status.KNOWN


@only_loopback
async def test_it_ends_when_the_policy_server_leaves(ctx: Context, alice: Person) -> None:
    room = await guarded_room(ctx, alice)
    guard = Guest(ctx, alice.tenant, f"@guard:{NAME}")
    version = ROOM_VERSIONS["10"]
    leave = signed(version, await guard.event(room, "m.room.member", {"membership": "leave"}, guard.user_id))
    assert (await admitted(ctx, alice.tenant, leave)).status is Status.NEW
    (await alice.put(f"/rooms/{room}/send/m.room.message/1", TEXT)).must()


@only_loopback
async def test_a_server_that_is_named_against_its_will_is_none(
    server: Homeserver, ctx: Context, alice: Person
) -> None:
    """We are no policy server, whatever a room says: our users can still leave it."""
    room = await guarded_room(ctx, alice, **content(via=alice.tenant.server_name))
    (await alice.post(f"/rooms/{room}/leave")).must()


@only_loopback
@pytest.mark.parametrize("version", VERSIONS)
async def test_others_events_with_the_signature_are_taken_without_asking(
    ctx: Context, alice: Person, version: str
) -> None:
    room = await guarded_room(ctx, alice, version)
    guest = Guest(ctx, alice.tenant, "@guest:other.lying.example")
    policy = PolicyServer(version)
    async with policy.answering(ctx):
        for event in (
            await guest.event(room, "m.room.member", {"membership": "join"}, guest.user_id),
            await guest.event(room, "m.room.topic", {"topic": "no power"}, ""),
        ):
            found = await admitted(ctx, alice.tenant, signed(ROOM_VERSIONS[version], event))
            assert found.status is (Status.NEW if event.type == "m.room.member" else Status.REJECTED)
    assert policy.asked == []


@only_loopback
async def test_a_missing_or_wrong_signature_is_asked_for(ctx: Context, alice: Person) -> None:
    version = ROOM_VERSIONS["10"]
    room = await guarded_room(ctx, alice)
    guest = Guest(ctx, alice.tenant, "@guest:other.lying.example")
    policy = PolicyServer()
    async with policy.answering(ctx):
        await guest.joins(room)
        unsigned = await guest.says(room, "unsigned")
        wrong = signed(version, await guest.event(room, "m.room.message", TEXT), OTHER_KEY)
        assert (await admitted(ctx, alice.tenant, wrong)).status is Status.NEW
        assert len(policy.asked) == 3
        assert (await admitted(ctx, alice.tenant, wrong)).status is Status.KNOWN
        assert len(policy.asked) == 3, "what is here is not asked for again"
    assert await shown_ids(alice, room) == [wrong.event_id, unsigned.event_id]
    filter_ = '{"event_format":"federation"}'
    timeline = (await alice.get("/sync", filter=filter_)).must()["rooms"]["join"][room]["timeline"]["events"]
    stored = {name: value for name, value in timeline[-1].items() if name != "event_id"}
    assert signing.verify_event(version, stored, NAME, KEY_ID, KEY.public_key), "as it goes on to others"


@only_loopback
@pytest.mark.parametrize("case", ["refused", "no answer", "no signature", "a wrong signature"])
async def test_what_it_does_not_want_is_soft_failed(ctx: Context, alice: Person, case: str) -> None:
    room = await guarded_room(ctx, alice)
    guest = Guest(ctx, alice.tenant, "@guest:other.lying.example")
    async with PolicyServer().answering(ctx):
        await guest.joins(room)
    async with PolicyServer(verdict=lambda _: REFUSALS[case][0]).answering(ctx):
        spam = await guest.event(room, "m.room.message", TEXT)
        assert (await admitted(ctx, alice.tenant, spam)).status is Status.SOFT_FAILED
        topic = await guest.event(room, "m.room.member", {"membership": "leave"}, guest.user_id)
        assert (await admitted(ctx, alice.tenant, topic)).status is Status.SOFT_FAILED
    assert await shown_ids(alice, room) == []
    reply = await alice.get(f"/rooms/{room}/state/m.room.member/{guest.user_id}")
    assert reply.must()["membership"] == "join"
    async with PolicyServer().answering(ctx):
        event_id = await says(ctx, alice, room)
    context = (await alice.get(f"/rooms/{room}/event/{event_id}")).must()
    assert context["event_id"] == event_id


@only_loopback
async def test_what_the_room_rejects_is_not_asked_for(ctx: Context, alice: Person) -> None:
    room = await guarded_room(ctx, alice)
    guest = Guest(ctx, alice.tenant, "@guest:other.lying.example")
    policy = PolicyServer()
    async with policy.answering(ctx):
        event = await guest.event(room, "m.room.message", TEXT)
        assert (await admitted(ctx, alice.tenant, event)).status is Status.REJECTED
    assert policy.asked == []


@only_loopback
async def test_an_invite_elsewhere_needs_it_before_it_is_shown(
    ctx: Context, alice: Person, bob: Person
) -> None:
    room = await guarded_room(ctx, alice)
    requester = await requester_of(ctx, alice)
    refusal = RemoteError("not this one", status=400, errcode="M_FORBIDDEN")
    policy = PolicyServer(verdict=lambda _: refusal)
    async with policy.answering(ctx):
        with pytest.raises(errors.RefusedByPolicyServer):
            await invite_user(ctx, alice.tenant, requester, RoomID(room), UserID(bob.user_id))
    assert [event["content"]["membership"] for event in policy.asked] == ["invite"]
    assert await membership(alice, room, bob) is None
    assert (await bob.get("/sync")).must().body.get("rooms", {}).get("invite", {}) == {}


async def test_between_servers(
    server: Homeserver, ctx: Context, alice: Person, bob: Person, carol: Person
) -> None:
    """Whatever the transport: what comes unsigned is not shown, what comes signed is; and nobody joins unseen."""
    room = await public_room(alice)
    await join(bob, room, alice)
    await Guest(ctx, alice.tenant, f"@guard:{NAME}").joins(room)
    (await alice.put(f"/rooms/{room}/state/m.room.policy/", content())).must()
    there = await as_server(server, bob.tenant)
    guest = Guest(ctx, alice.tenant, bob.user_id, there.key)
    bare = await guest.event(room, "m.room.message", TEXT)
    good = signed(ROOM_VERSIONS["10"], await guest.event(room, "m.room.message", {**TEXT, "good": True}))
    for txn, event in enumerate((bare, good)):
        body = {"origin": bob.tenant.server_name, "origin_server_ts": 1, "pdus": [json.loads(event.pdu)]}
        reply = await there.put(alice.tenant, f"/_matrix/federation/v1/send/policy{txn}", body)
        assert reply.must()["pdus"] == {event.event_id: {}}

    async def shown() -> list[str]:
        return await shown_ids(alice, room)

    assert await eventually(shown) == [good.event_id]
    via = {"via": alice.tenant.server_name}
    (await carol.call("POST", f"/join/{room}", {}, params=via)).must(403, "M_FORBIDDEN")
    assert await membership(alice, room, carol) is None
    theirs = await private_room(carol)
    (await carol.put(f"/rooms/{theirs}/send/m.room.message/1", TEXT)).must()
