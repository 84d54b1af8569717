"""Other servers lie in every step of a handshake: nothing is signed that we did not want, nothing false is believed.

Named after the rows of RELIABILITY 2.1. Everything but the other server is real.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.support.homeserver import Person
from tests.support.lying_server import LyingServer
from tests.support.sealed_rooms import key_of
from tests.support.told_room import ToldRoom
from timserver.context import Context
from timserver.matrix import errors, signing
from timserver.matrix.ids import DeviceID, ServerName, UserID
from timserver.matrix.json_types import JsonObject
from timserver.matrix.membership_request import Submitted
from timserver.remote.errors import RemoteError
from timserver.store import terms
from timserver.tenancy import Requester, Tenant
from timserver.usecases.federation.fetching import Fetcher
from timserver.usecases.federation.receive_invite import Invite, receive_invite
from timserver.usecases.membership.invite_user import invite_user
from timserver.usecases.membership.join_room import join_room
from timserver.usecases.membership.leave_room import knock_room, leave_room
from timserver.usecases.rooms.live import live_room

pytestmark = pytest.mark.parametrize("server", ["loopback"], indirect=True)

LIAR = "liar.lying.example"
OWNER = f"@owner:{LIAR}"
VERSIONS = ("1", "2", "6", "10", "11", "12")


@asynccontextmanager
async def facing(ctx: Context, liar: LyingServer) -> AsyncIterator[LyingServer]:
    """Instead of the loop-back there is the liar."""
    before = ctx.remote.loopback
    ctx.remote.loopback = liar
    try:
        yield liar
    finally:
        ctx.remote.loopback = before


async def requester_of(ctx: Context, person: Person) -> Requester:
    (user_nid,) = await terms.intern(ctx.database, ctx.caches, person.tenant, [person.user_id])
    return Requester(
        user_id=UserID(person.user_id), user_nid=user_nid, device_id=DeviceID(person.device_id), device_nid=0
    )


async def joins(ctx: Context, person: Person, liar: LyingServer) -> None:
    requester = await requester_of(ctx, person)
    async with facing(ctx, liar):
        await join_room(ctx, person.tenant, requester, liar.room.room_id, via=[liar.name])


def room_of(version: str = "10", join_rule: dict[str, Any] | None = None) -> ToldRoom:
    return ToldRoom(version, OWNER, join_rule)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_honest_server_is_believed(ctx: Context, alice: Person, version: str) -> None:
    room = room_of(version)
    liar = LyingServer(LIAR, room)
    await joins(ctx, alice, liar)
    known = await live_room(ctx, alice.tenant, room.room_id)
    assert known is not None
    assert known.joined_count == 2


def changed(**changes: Any) -> Callable[[Any], Any]:
    return lambda answer: {**answer, "event": {**answer["event"], **changes}}


TEMPLATES: dict[str, Callable[[Any], Any]] = {
    "another type": changed(type="m.room.power_levels", content={"users": {"@x:y": 100}}),
    "another user": changed(sender="@bob:other.example", state_key="@bob:other.example"),
    "another target": changed(state_key="@owner:liar.lying.example"),
    "another room": changed(room_id="!other:liar.lying.example"),
    "a leave": changed(content={"membership": "leave"}),
    "a ban": changed(content={"membership": "ban"}),
    "no content": changed(content="x"),
    "no prev_events": changed(prev_events=[]),
    "a depth that is none": changed(depth=1e400),
    "another room version": lambda answer: {**answer, "room_version": "org.example.unknown"},
    "a number as version": lambda answer: {**answer, "room_version": 10},
    "no event": lambda answer: {"room_version": "10"},
    "an array": lambda answer: [],
    "no JSON": lambda answer: b"<html>",
    "a grant by a third server": changed(
        content={"membership": "join", "join_authorised_via_users_server": "@x:third.example"}
    ),
}


@pytest.mark.parametrize("lie", TEMPLATES, ids=str)
async def test_e2_a_false_template_is_not_signed(ctx: Context, alice: Person, lie: str) -> None:
    liar = LyingServer(LIAR, room_of(), make_join=TEMPLATES[lie])
    with pytest.raises(errors.Unknown):
        await joins(ctx, alice, liar)
    assert not liar.sent, "an event of ours left the server"
    assert await live_room(ctx, alice.tenant, liar.room.room_id) is None


async def test_e2_what_is_smuggled_into_a_template_stays_out(ctx: Context, alice: Person) -> None:
    content = {"membership": "join", "displayname": "Mallory", "third_party_invite": {"x": 1}, "evil": True}
    liar = LyingServer(LIAR, room_of(), make_join=changed(content=content, evil=True, redacts="$x"))
    await joins(ctx, alice, liar)
    ((step, event),) = liar.sent
    assert step == "send_join"
    assert event["content"] == {"membership": "join", "displayname": "alice"}
    assert not {"evil", "redacts", "unsigned"} & event.keys()


async def test_e2_a_server_that_knows_no_versions_gets_no_event_of_another(
    ctx: Context, alice: Person
) -> None:
    """The template says version 1 by silence; nothing it names has the form of that version."""
    liar = LyingServer(LIAR, room_of(), make_join=lambda answer: {"event": answer["event"]})
    with pytest.raises(errors.Unknown):
        await joins(ctx, alice, liar)
    assert not liar.sent


def without(event_type: str) -> Callable[[Any], Any]:
    def lie(answer: Any) -> Any:
        return {
            **answer,
            **{
                part: [event for event in answer[part] if event["type"] != event_type]
                for part in ("state", "auth_chain")
            },
        }

    return lie


def tampered(event_type: str, **changes: Any) -> Callable[[Any], Any]:
    def lie(answer: Any) -> Any:
        return {
            **answer,
            **{
                part: [
                    {**event, **changes} if event["type"] == event_type else event for event in answer[part]
                ]
                for part in ("state", "auth_chain")
            },
        }

    return lie


ANSWERS: dict[str, Callable[[Any], Any]] = {
    "no create event": without("m.room.create"),
    "no power levels": without("m.room.power_levels"),
    "no join rules": without("m.room.join_rules"),
    "no members": without("m.room.member"),
    "nothing": lambda answer: {"state": [], "auth_chain": []},
    "no state": lambda answer: {"auth_chain": answer["auth_chain"]},
    "an unsigned create event": tampered("m.room.create", signatures={}),
    "unsigned power levels": tampered("m.room.power_levels", signatures={}),
    "power levels with a wrong signature": tampered(
        "m.room.power_levels", signatures={LIAR: {"ed25519:1": "A" * 86}}
    ),
    "power levels of an unknown key": tampered(
        "m.room.power_levels", signatures={LIAR: {"ed25519:2": "A" * 86}}
    ),
    "power levels of another room": tampered("m.room.power_levels", room_id="!other:liar.lying.example"),
    "events that are none": lambda answer: {**answer, "state": [1, "x", None, [], {}]},
    "state twice": lambda answer: {**answer, "state": [*answer["state"], answer["state"][0]][::-1] * 2},
    "an array": lambda answer: [],
    "no JSON": lambda answer: b"\xff\xfe",
    "endless depth": lambda answer: b'{"state":' + b"[" * 100_000,
    "500": lambda answer: RemoteError("x", status=500, transient=True),
}
BELIEVED = {"state twice"}
"""Repeated events are one event."""
UNREAD = {"an array", "no JSON", "endless depth", "no state", "500"}
"""These are no answers: the next server would be asked."""


@pytest.mark.parametrize("lie", ANSWERS, ids=str)
async def test_e1_a_false_room_is_not_entered(ctx: Context, alice: Person, lie: str) -> None:
    liar = LyingServer(LIAR, room_of(), send_join=ANSWERS[lie])
    if lie in BELIEVED:
        await joins(ctx, alice, liar)
        return
    with pytest.raises(errors.Unknown) as refused:
        await joins(ctx, alice, liar)
    assert refused.value.http_status == 502
    known = await live_room(ctx, alice.tenant, liar.room.room_id)
    assert known is None or not known.joined_local()
    assert [step for step, _ in liar.sent] == ["send_join", *(["send_leave"] if lie not in UNREAD else [])]
    for step, event in liar.sent:
        assert event["content"]["membership"] == step.removeprefix("send_")


async def test_a_join_that_cannot_be_taken_back_is_refused_all_the_same(ctx: Context, alice: Person) -> None:
    gone = RemoteError("no answer", transient=True)
    liar = LyingServer(LIAR, room_of(), send_join=ANSWERS["nothing"], make_leave=lambda _: gone)
    with pytest.raises(errors.Unknown) as refused:
        await joins(ctx, alice, liar)
    assert refused.value.http_status == 502
    assert [step for step, _ in liar.sent] == ["send_join"]


class DeadServer(LyingServer):
    """It was there until `is_dead`; since then it does not answer at all."""

    is_dead = False

    async def request(
        self,
        origin: Tenant,
        destination: ServerName,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        content: JsonObject | None,
    ) -> bytes:
        if self.is_dead:
            await asyncio.Event().wait()
        return await super().request(origin, destination, method, path, query, content)


def impatient(ctx: Context) -> Context:
    """It waits a second instead of twenty."""
    limits = ctx.settings.limits.model_copy(update={"leave_s_max": 1})
    return msgspec.structs.replace(ctx, settings=ctx.settings.model_copy(update={"limits": limits}))


async def test_a_room_whose_only_other_server_is_dead_can_be_left(ctx: Context, alice: Person) -> None:
    dead = DeadServer(LIAR, room_of())
    await joins(ctx, alice, dead)
    async with facing(ctx, dead):
        dead.is_dead = True
        since = (await alice.get("/sync")).must()["next_batch"]
        (await alice.post(f"/rooms/{dead.room.room_id}/leave")).must()
    assert dead.room.room_id in (await alice.get("/sync", since=since)).must()["rooms"]["leave"]


@pytest.mark.parametrize("membership", ["invite", "knock"])
async def test_what_a_dead_server_holds_open_is_ended_here(
    ctx: Context, alice: Person, membership: str
) -> None:
    """An invite is refused and a knock is taken back, although nobody can be told."""
    dead = DeadServer(LIAR, room_of("10", {"join_rule": "knock"}))
    requester = await requester_of(ctx, alice)
    room = dead.room
    async with facing(ctx, dead):
        if membership == "knock":
            await knock_room(ctx, alice.tenant, requester, room.room_id, via=[dead.name])
        else:
            invited = {"membership": "invite"}
            event = room.says(OWNER, "m.room.member", invited, state_key=alice.user_id)
            submitted = Submitted(
                origin=ServerName(LIAR), room_id=room.room_id, event_id=event.event_id, membership="invite"
            )
            invite = Invite(submitted=submitted, room_version="10", event=event.pdu, shown=[])
            await receive_invite(ctx, alice.tenant, invite)
        synced = (await alice.get("/sync")).must()
        assert room.room_id in synced["rooms"][membership]
        dead.is_dead = True
        await leave_room(impatient(ctx), alice.tenant, requester, room.room_id)
    assert room.room_id not in (await alice.get("/sync")).must().body.get("rooms", {}).get(membership, {})
    told = (await alice.get("/sync", since=synced["next_batch"], timeout=10_000)).must()
    assert list(told["rooms"]["leave"]) == [room.room_id]
    assert "send_leave" not in [step for step, _ in dead.sent]


async def test_e1_one_bad_event_of_long_ago_keeps_nobody_out(ctx: Context, alice: Person) -> None:
    room = room_of()
    room.says(OWNER, "m.room.topic", {"topic": "x"}, state_key="")
    liar = LyingServer(LIAR, room, send_join=tampered("m.room.topic", signatures={}))
    await joins(ctx, alice, liar)
    known = await live_room(ctx, alice.tenant, room.room_id)
    assert known is not None
    assert known.joined_count == 2


async def test_e7_a_state_told_at_a_gap_has_the_create_event_of_the_room(ctx: Context, alice: Person) -> None:
    """The creator's server has a second room of the same id; before version 12 nothing keeps it from that."""
    room, twin = room_of("10"), ToldRoom("10", f"@twin:{LIAR}")
    assert room.room_id == twin.room_id
    liar = LyingServer(LIAR, room)
    await joins(ctx, alice, liar)
    known = await live_room(ctx, alice.tenant, room.room_id)
    assert known is not None
    message = room.event(OWNER, "m.room.message", {"body": "after a gap"})
    async with facing(ctx, liar):
        told = await Fetcher(ctx, alice.tenant, known, liar.name).state_before(message.event_id)
        assert told.others.items() <= known.others.items()
        liar.room = twin
        with pytest.raises(RemoteError, match="the state is that of another room"):
            await Fetcher(ctx, alice.tenant, known, liar.name).state_before(message.event_id)


async def test_e4_state_with_wrong_hashes_is_taken_redacted(ctx: Context, alice: Person) -> None:
    room = room_of()
    room.says(OWNER, "m.room.topic", {"topic": "true"}, state_key="")
    liar = LyingServer(LIAR, room, send_join=tampered("m.room.topic", content={"topic": "false"}))
    await joins(ctx, alice, liar)
    topic = await alice.get(f"/rooms/{room.room_id}/state/m.room.topic")
    assert topic.must().body == {}


async def test_a_restricted_join_needs_the_signature_that_grants_it(ctx: Context, alice: Person) -> None:
    rule = {"join_rule": "restricted", "allow": []}
    granted = {"membership": "join", "join_authorised_via_users_server": OWNER}

    def grants(answer: Any) -> Any:
        event = liar.room.template(alice.user_id, "m.room.member", granted, state_key=alice.user_id)
        return changed(
            content=granted, auth_events=list(event.auth_events), prev_events=list(event.prev_events)
        )(answer)

    def signs(answer: Any) -> Any:
        event = {**answer["event"], "content": {"membership": "ban"}}
        signed = signing.sign_event(liar.room.version, answer["event"], ServerName(LIAR), key_of(LIAR))
        return {**answer, "event": {**event, "signatures": signed["signatures"]}}

    liar = LyingServer(LIAR, room_of("10", rule), make_join=grants)
    with pytest.raises(errors.Unknown):
        await joins(ctx, alice, liar)
    liar.lies["send_join"] = lambda answer: {
        **answer,
        "event": {**answer["event"], "signatures": {LIAR: {"ed25519:1": "A" * 86}}},
    }
    with pytest.raises(errors.Unknown):
        await joins(ctx, alice, liar)
    liar.lies["send_join"] = signs  # only the signature is taken, whatever else came back
    await joins(ctx, alice, liar)
    member = await alice.get(f"/rooms/{liar.room.room_id}/state/m.room.member/{alice.user_id}")
    assert member.must().body == {**granted, "displayname": "alice"}


INVITES: dict[str, Callable[[Any], Any]] = {
    "no signature": lambda answer: {"event": {**answer["event"], "signatures": {}}},
    "a wrong signature": lambda answer: {
        "event": {**answer["event"], "signatures": {LIAR: {"ed25519:1": "A" * 86}}}
    },
    "a key nobody knows": lambda answer: {
        "event": {**answer["event"], "signatures": {LIAR: {"ed25519:9": "A" * 86}}}
    },
    "no event": lambda answer: {},
    "a list": lambda answer: [200, answer],
    "no JSON": lambda answer: b"ok",
}


@pytest.mark.parametrize("lie", INVITES, ids=str)
async def test_an_invite_that_is_not_signed_back_is_not_sent(ctx: Context, alice: Person, lie: str) -> None:
    room = (await alice.post("/createRoom", {"room_version": "10"})).must()["room_id"]
    liar = LyingServer(LIAR, room_of(), invite=INVITES[lie])
    requester = await requester_of(ctx, alice)
    async with facing(ctx, liar):
        with pytest.raises(errors.Unknown):
            await invite_user(ctx, alice.tenant, requester, room, UserID(OWNER))
    members = (await alice.get(f"/rooms/{room}/members")).must()["chunk"]
    assert [member["state_key"] for member in members] == [alice.user_id]


async def test_an_invite_comes_back_as_it_went(ctx: Context, alice: Person) -> None:
    """The other server changes it and signs what it changed: nothing but its signature is taken, so it does not fit."""
    room = (await alice.post("/createRoom", {"room_version": "10"})).must()["room_id"]

    def lie(answer: Any) -> Any:
        event = {**answer["event"], "content": {"membership": "invite", "displayname": "x"}, "depth": 1}
        return {"event": signing.sign_event(liar.room.version, event, ServerName(LIAR), key_of(LIAR))}

    liar = LyingServer(LIAR, room_of(), invite=lie)
    requester = await requester_of(ctx, alice)
    async with facing(ctx, liar):
        with pytest.raises(errors.Unknown):
            await invite_user(ctx, alice.tenant, requester, room, UserID(OWNER))
        del liar.lies["invite"]
        await invite_user(ctx, alice.tenant, requester, room, UserID(OWNER))
    (_, invite), _ = liar.sent
    shown = {event["type"] for event in invite["invite_room_state"]}
    assert {"m.room.create", "m.room.member"} <= shown


@pytest.mark.parametrize(
    ("errcode", "status", "kind"),
    [
        ("M_FORBIDDEN", 403, errors.Forbidden),
        ("M_INVITE_BLOCKED", 403, errors.InviteBlocked),
        ("M_INVALID_PARAM", 400, errors.Unknown),
        ("M_MISSING_PARAM", 400, errors.Unknown),
        (None, 500, errors.Unknown),
    ],
)
async def test_refused_invites_are_told_as_the_spec_wants(
    ctx: Context, alice: Person, errcode: str | None, status: int, kind: type[errors.MatrixError]
) -> None:
    room = (await alice.post("/createRoom", {"room_version": "10"})).must()["room_id"]
    refusal = RemoteError("no", status=status, errcode=errcode)
    liar = LyingServer(LIAR, room_of(), invite=lambda _: refusal)
    requester = await requester_of(ctx, alice)
    async with facing(ctx, liar):
        with pytest.raises(kind) as found:
            await invite_user(ctx, alice.tenant, requester, room, UserID(OWNER))
    assert found.value.http_status == (502 if kind is errors.Unknown else 403)


@pytest.mark.parametrize("version", ["7", "10", "11", "12"])
async def test_a_knock_shows_only_what_is_right(ctx: Context, alice: Person, version: str) -> None:
    room = room_of(version, {"join_rule": "knock"})
    room.says(OWNER, "m.room.name", {"name": "true"}, state_key="")
    forged = {**LyingServer(LIAR, room).told(room.state["m.room.name", ""]), "signatures": {}}

    def lie(answer: Any) -> Any:
        told = [event for event in answer["knock_room_state"] if event["type"] != "m.room.name"]
        return {"knock_room_state": [*told, {**forged, "content": {"name": "false"}}, 1, {}]}

    liar = LyingServer(LIAR, room, send_knock=lie)
    requester = await requester_of(ctx, alice)
    async with facing(ctx, liar):
        await knock_room(ctx, alice.tenant, requester, room.room_id, via=[liar.name])
        synced = (await alice.get("/sync")).must()["rooms"]["knock"][room.room_id]["knock_state"]["events"]
        assert "m.room.name" not in {event["type"] for event in synced}
        liar.lies["make_leave"] = changed(content={"membership": "join"})
        await leave_room(ctx, alice.tenant, requester, room.room_id)
    assert [step for step, _ in liar.sent] == ["send_knock"], "the false template of a leave was not signed"
    assert "knock" not in (await alice.get("/sync")).must().body.get("rooms", {})
