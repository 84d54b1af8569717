"""An invite across homeservers: shown to the invited, accepted, refused, and taken back."""

import json

import pytest

from tests.support.federation import as_server
from tests.support.homeserver import Homeserver, Person
from tests.support.rooms_between import VERSIONS, eventually, membership, private_room, public_room, shown
from timserver import core
from timserver.matrix.ids import EventID, RoomID, UserID
from timserver.matrix.pdu import PduTemplate
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.tenancy import Variant


async def invite(inviter: Person, room: str, invitee: Person, **body: object) -> None:
    (await inviter.post(f"/rooms/{room}/invite", {"user_id": invitee.user_id, **body})).must()


async def invited_to(person: Person, room: str) -> dict[str, dict[str, object]]:
    found = await shown(person, room, "invite")
    assert found is not None
    return {event["type"]: event for event in found["invite_state"]["events"]}


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_invite_is_shown_and_accepted(alice: Person, bob: Person, version: str) -> None:
    room = await private_room(alice, version, name="Praxis")
    await invite(alice, room, bob, reason="please")
    seen = await invited_to(bob, room)
    assert seen["m.room.name"]["content"] == {"name": "Praxis"}
    assert seen["m.room.create"]["sender"] == alice.user_id
    assert seen["m.room.member"]["content"] == {"membership": "invite", "reason": "please"}
    assert await membership(alice, room, bob) == "invite"
    (await bob.post(f"/rooms/{room}/join")).must()
    assert await membership(alice, room, bob) == "join"
    assert await shown(bob, room, "join")


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_invite_is_refused(alice: Person, bob: Person, version: str) -> None:
    room = await private_room(alice, version)
    await invite(alice, room, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    (await bob.post(f"/rooms/{room}/leave", {"reason": "no"})).must()
    assert await membership(alice, room, bob) == "leave"
    after = (await bob.get("/sync", since=since)).must()
    assert list(after["rooms"]["leave"]) == [room]
    assert await shown(bob, room, "invite") is None
    via = {"via": alice.tenant.server_name}
    (await bob.call("POST", f"/join/{room}", {}, params=via)).must(403, "M_FORBIDDEN")


async def test_a_direct_chat_begins_with_an_invite(alice: Person, bob: Person) -> None:
    body = {"preset": "trusted_private_chat", "is_direct": True, "invite": [bob.user_id]}
    room = (await alice.post("/createRoom", body)).must()["room_id"]
    seen = await invited_to(bob, room)
    assert seen["m.room.member"]["content"] == {"membership": "invite", "is_direct": True}
    (await bob.post(f"/rooms/{room}/join")).must()
    joined = await shown(bob, room, "join")
    assert joined is not None
    (own,) = (event for event in joined["timeline"]["events"] if event.get("state_key") == bob.user_id)
    assert own["unsigned"]["prev_content"] == {"membership": "invite", "is_direct": True}
    assert own["unsigned"]["prev_sender"] == alice.user_id


async def test_a_state_event_invites_too(alice: Person, bob: Person) -> None:
    room = await private_room(alice)
    path = f"/rooms/{room}/state/m.room.member/{bob.user_id}"
    (await alice.put(path, {"membership": "invite", "displayname": "B"})).must()
    seen = await invited_to(bob, room)
    assert seen["m.room.member"]["content"] == {"membership": "invite", "displayname": "B"}


async def test_the_event_bears_both_signatures(alice: Person, bob: Person, server: Homeserver) -> None:
    room = await private_room(alice)
    await invite(alice, room, bob)
    filter_ = '{"event_format":"federation"}'
    synced = (await alice.get("/sync", filter=filter_)).must()
    events = synced["rooms"]["join"][room]["timeline"]["events"]
    (event,) = [event for event in events if event.get("state_key") == bob.user_id]
    assert set(event["signatures"]) == {alice.tenant.server_name, bob.tenant.server_name}


async def test_who_may_not_invite_bothers_nobody(
    server: Homeserver, alice: Person, bob: Person, carol: Person
) -> None:
    room = await private_room(alice, power_level_content_override={"invite": 50})
    dora = await server.person(alice.tenant, "dora")
    await invite(alice, room, dora)
    (await dora.post(f"/rooms/{room}/join")).must()
    reply = await dora.post(f"/rooms/{room}/invite", {"user_id": bob.user_id})
    reply.must(403, "M_FORBIDDEN")
    assert await shown(bob, room, "invite") is None


async def test_unknown_and_deactivated_users_are_not_invited(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    room = await private_room(alice)
    unknown = f"@nobody:{bob.tenant.server_name}"
    (await alice.post(f"/rooms/{room}/invite", {"user_id": unknown})).must(403, "M_FORBIDDEN")
    lost = f"@bob:nobody{room[1:6].lower()}.invalid"
    (await alice.post(f"/rooms/{room}/invite", {"user_id": lost})).must(502, "M_UNKNOWN")
    assert len((await alice.get(f"/rooms/{room}/members")).must()["chunk"]) == 1


async def test_the_other_side_of_places_2_and_5(server: Homeserver, alice: Person) -> None:
    """S19: neither do TI-M tenants invite who is outside the federation, nor can they be invited by them."""
    for variant in (Variant.PRO, Variant.EPA):
        eve = await server.person(await server.tenant(variant), "eve")
        room = await private_room(alice)
        (await alice.post(f"/rooms/{room}/invite", {"user_id": eve.user_id})).must(403, "M_FORBIDDEN")
        theirs = await private_room(eve)
        (await eve.post(f"/rooms/{theirs}/invite", {"user_id": alice.user_id})).must(403, "M_FORBIDDEN")
        assert await shown(eve, room, "invite") is None
        assert await shown(alice, theirs, "invite") is None


async def test_an_invite_into_a_room_where_the_server_is(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    room = await public_room(alice)
    via = {"via": alice.tenant.server_name}
    (await bob.call("POST", f"/join/{room}", {}, params=via)).must()
    dora = await server.person(bob.tenant, "dora")
    await invite(alice, room, dora)
    assert await membership(alice, room, dora) == "invite"


async def test_when_nobody_answers_an_invite_is_refused_here_alone(
    server: Homeserver, alice: Person, bob: Person, carol: Person
) -> None:
    """The invited side is rid of it even if the inviter's server lets nobody in (a dead one looks the same)."""
    room = await private_room(alice)
    await invite(alice, room, bob)
    (await alice.post(f"/rooms/{room}/leave")).must()
    assert await shown(bob, room, "invite")
    (await bob.post(f"/rooms/{room}/leave")).must()
    assert await shown(bob, room, "invite") is None
    (await bob.post(f"/rooms/{room}/forget")).must()


async def test_a_second_invite_after_a_refusal(alice: Person, bob: Person) -> None:
    room = await private_room(alice)
    for _ in range(2):
        await invite(alice, room, bob)
        assert await shown(bob, room, "invite")
        (await bob.post(f"/rooms/{room}/leave")).must()
    await invite(alice, room, bob)
    (await bob.post(f"/rooms/{room}/join")).must()
    assert await membership(alice, room, bob) == "join"


async def test_the_end_of_an_account_refuses_invites(server: Homeserver, alice: Person, bob: Person) -> None:
    room = await private_room(alice)
    await invite(alice, room, bob)
    auth = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": bob.user_id},
        "password": "a password for tests",
    }
    (await bob.post("/account/deactivate", {"auth": auth})).must()

    async def has_left() -> bool:
        return await membership(alice, room, bob) == "leave"

    await eventually(has_left)


@pytest.mark.parametrize("version", ["1", "6", "10", "12"])
async def test_an_invite_that_is_taken_back_goes_away(alice: Person, bob: Person, version: str) -> None:
    room = await private_room(alice, version)
    await invite(alice, room, bob)
    assert await shown(bob, room, "invite")
    (await alice.post(f"/rooms/{room}/kick", {"user_id": bob.user_id})).must()

    async def is_gone() -> bool:
        return await shown(bob, room, "invite") is None

    assert await eventually(is_gone, patience_s=5)
    rooms = (await bob.get("/sync", filter='{"room":{"include_leave":true}}')).must()["rooms"]
    (end,) = rooms["leave"][room]["timeline"]["events"]
    assert (end["sender"], end["content"]["membership"]) == (alice.user_id, "leave")
    assert await shown(bob, room, "leave") is None


async def test_a_ban_ends_an_invite_too(alice: Person, bob: Person) -> None:
    room = await private_room(alice)
    await invite(alice, room, bob)
    since = (await bob.get("/sync")).must()["next_batch"]
    (await alice.post(f"/rooms/{room}/ban", {"user_id": bob.user_id})).must()

    async def left() -> bool:
        rooms = (await bob.get("/sync", since=since)).must().body.get("rooms", {})
        return room in rooms.get("leave", {})

    assert await eventually(left)


async def test_an_invite_is_taken_back_by_who_gave_it(server: Homeserver, alice: Person, bob: Person) -> None:
    """A moderator's kick ends it in the room; the invited cannot tell a moderator from anybody else there."""
    room = await private_room(alice)
    dora = await server.person(alice.tenant, "dora")
    for person in (dora, bob):
        await invite(alice, room, person)
    (await dora.post(f"/rooms/{room}/join")).must()
    levels = (await alice.get(f"/rooms/{room}/state/m.room.power_levels")).must().body
    users = {**levels["users"], dora.user_id: 50}
    (await alice.put(f"/rooms/{room}/state/m.room.power_levels/", {**levels, "users": users})).must()
    (await dora.post(f"/rooms/{room}/kick", {"user_id": bob.user_id})).must()
    other = await private_room(alice, invite=[bob.user_id])
    (await alice.post(f"/rooms/{other}/kick", {"user_id": bob.user_id})).must()

    async def is_gone() -> bool:
        return await shown(bob, other, "invite") is None

    assert await eventually(is_gone)
    assert await shown(bob, room, "invite")
    assert await membership(alice, room, bob) == "leave"


async def test_nobody_else_takes_an_invite_back(
    server: Homeserver, alice: Person, bob: Person, carol: Person
) -> None:
    """A server that was never in the room says that the invite has ended: it does not know the invite's id."""
    room = await private_room(alice)
    await invite(alice, room, bob)
    liar = await as_server(server, carol.tenant)
    cited = "$" + "A" * 43
    event = core.seal(
        ROOM_VERSIONS["10"],
        PduTemplate(
            room_id=RoomID(room),
            sender=UserID(carol.user_id),
            type="m.room.member",
            state_key=bob.user_id,
            content={"membership": "leave"},
            prev_events=(EventID(cited),),
            auth_events=(EventID(cited),),
            depth=9,
            origin_server_ts=1,
        ),
        server_name=carol.tenant.server_name,
        signing_key=liar.key,
    )
    body = {"origin": carol.tenant.server_name, "origin_server_ts": 1, "pdus": [json.loads(event.pdu)]}
    reply = (await liar.put(bob.tenant, "/_matrix/federation/v1/send/1", body)).must()
    assert reply["pdus"][event.event_id]["error"]
    assert await shown(bob, room, "invite")
