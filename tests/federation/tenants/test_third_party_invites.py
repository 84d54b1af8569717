"""Invites by address: the identity server tells the invited user's server, which asks the inviting one."""

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tests.support.crypto import new_key, public
from tests.support.federation import as_server, request
from tests.support.homeserver import Homeserver, Person, Reply
from tests.support.rooms_between import eventually, join, membership, private_room, shown
from timserver.matrix import signing
from timserver.tenancy import Variant

IDENTITY = "identity.example.org"
TOKEN = "a-token"


class Identity:
    """An identity server, as far as homeservers meet it."""

    def __init__(self, server: Homeserver) -> None:
        self.server, self.key = server, new_key("0")

    async def invites_address(self, inviter: Person, room: str) -> Reply:
        """What the inviter's client sends after the identity server has stored the invite."""
        content = {
            "display_name": "b…@e…",
            "public_key": public(self.key),
            "key_validity_url": f"https://{IDENTITY}/valid",
        }
        return await inviter.put(f"/rooms/{room}/state/m.room.third_party_invite/{TOKEN}", content)

    def signed(self, user_id: str, token: str = TOKEN) -> dict[str, Any]:
        return signing.sign_object(self.key, IDENTITY, {"mxid": user_id, "token": token})

    async def binds(self, user: Person, inviter: str, room: str, **changed: Any) -> Reply:
        """The address is found to be the user's."""
        entry = {"medium": "email", "address": "bob@example.org", "mxid": user.user_id}
        invite = {**entry, "room_id": room, "sender": inviter, "signed": self.signed(user.user_id), **changed}
        content = msgspec.json.encode({**entry, "invites": [invite]})
        host: dict[str, str] = {"Host": user.tenant.server_name}
        return await request(self.server, "PUT", "/_matrix/federation/v1/3pid/onbind", content, host)


@pytest.fixture
def identity(server: Homeserver) -> Identity:
    return Identity(server)


@pytest.mark.parametrize("version", ["1", "6", "10", "12"])
async def test_a_bound_address_is_invited(
    identity: Identity, alice: Person, bob: Person, version: str
) -> None:
    room = await private_room(alice, version, name="Praxis")
    (await identity.invites_address(alice, room)).must()
    (await identity.binds(bob, alice.user_id, room)).must()
    found = await shown(bob, room, "invite")
    assert found is not None
    events = {event["type"]: event for event in found["invite_state"]["events"]}
    assert events["m.room.name"]["content"] == {"name": "Praxis"}
    assert events["m.room.member"]["sender"] == alice.user_id
    invite = events["m.room.member"]["content"]["third_party_invite"]
    assert invite == {"display_name": "b…@e…", "signed": identity.signed(bob.user_id)}
    (await bob.post(f"/rooms/{room}/join")).must()
    assert await membership(alice, room, bob) == "join"


@pytest.mark.parametrize("version", ["1", "10", "12"])
async def test_a_server_in_the_room_invites_by_itself(
    server: Homeserver, identity: Identity, alice: Person, bob: Person, version: str
) -> None:
    """It signs an event of a user of another server; everybody sees by the identity server's signature that it may."""
    room = await private_room(alice, version)
    dora = await server.person(bob.tenant, "dora")
    (await alice.post(f"/rooms/{room}/invite", {"user_id": dora.user_id})).must()
    (await dora.post(f"/rooms/{room}/join")).must()
    (await identity.invites_address(alice, room)).must()

    async def is_known() -> bool:
        reply = await dora.get(f"/rooms/{room}/state/m.room.third_party_invite/{TOKEN}")
        return reply.status == 200

    await eventually(is_known)
    (await identity.binds(bob, alice.user_id, room)).must()
    assert await shown(bob, room, "invite")

    async def is_invited() -> bool:
        return await membership(alice, room, bob) == "invite"

    await eventually(is_invited)
    state = (await alice.get(f"/rooms/{room}/state")).must().body
    (sender,) = [event["sender"] for event in state if event["state_key"] == bob.user_id]
    assert sender == alice.user_id
    (await bob.post(f"/rooms/{room}/join")).must()


@pytest.mark.parametrize("case", ["another key", "another token", "another inviter", "no such invite"])
async def test_e2_what_no_identity_server_signed_invites_nobody(
    server: Homeserver, identity: Identity, alice: Person, bob: Person, case: str
) -> None:
    room = await private_room(alice)
    dora = await server.person(bob.tenant, "dora")
    (await alice.post(f"/rooms/{room}/invite", {"user_id": dora.user_id})).must()
    if case != "no such invite":
        (await identity.invites_address(alice, room)).must()
    asking, changed = identity, {}
    if case == "another key":
        asking = Identity(server)
    elif case == "another token":
        changed["signed"] = identity.signed(bob.user_id, "other")
    sender = dora.user_id if case == "another inviter" else alice.user_id
    for joined in (False, True):  # asking the inviting server, and inviting by itself
        if joined:
            (await dora.post(f"/rooms/{room}/join")).must()
        (await asking.binds(bob, sender, room, **changed)).must()
        assert await shown(bob, room, "invite") is None
        assert await membership(alice, room, bob) is None


async def test_what_is_not_about_a_user_of_the_server_is_refused(
    server: Homeserver, identity: Identity, alice: Person, bob: Person
) -> None:
    room = await private_room(alice)
    other = identity.signed(alice.user_id)
    (await identity.binds(bob, alice.user_id, room, signed=other)).must(400, "M_INVALID_PARAM")
    (await identity.binds(bob, "nobody", room)).must(400, "M_INVALID_PARAM")
    nobody = Person(server, bob.tenant, f"@nobody:{bob.tenant.server_name}", "", "")
    (await identity.binds(nobody, alice.user_id, room)).must(400, "M_INVALID_PARAM")


def exchange_of(identity: Identity, room: str, inviter: Person, user: Person) -> dict[str, Any]:
    third_party = {"display_name": "x", "signed": identity.signed(user.user_id)}
    return {
        "type": "m.room.member",
        "room_id": room,
        "sender": inviter.user_id,
        "state_key": user.user_id,
        "content": {"membership": "invite", "third_party_invite": third_party},
    }


async def test_only_own_users_are_exchanged(
    server: Homeserver, identity: Identity, alice: Person, bob: Person, carol: Person
) -> None:
    room = await private_room(alice)
    (await identity.invites_address(alice, room)).must()
    there, third = await as_server(server, bob.tenant), await as_server(server, carol.tenant)
    uri = f"/_matrix/federation/v1/exchange_third_party_invite/{quote(room, safe='')}"
    body = exchange_of(identity, room, alice, bob)
    (await third.put(alice.tenant, uri, body)).must(403, "M_FORBIDDEN")
    (await there.put(alice.tenant, uri, {**body, "sender": carol.user_id})).must(403, "M_FORBIDDEN")
    (await there.put(alice.tenant, uri, {**body, "room_id": "!other:x"})).must(400, "M_INVALID_PARAM")
    (await there.put(carol.tenant, uri, body)).must(404, "M_NOT_FOUND")
    assert await shown(bob, room, "invite") is None
    content = {**body["content"], "displayname": "Mallory", "evil": True}
    (await there.put(alice.tenant, uri, {**body, "content": content, "evil": True})).must()
    member = (await alice.get(f"/rooms/{room}/state/m.room.member/{bob.user_id}")).must().body
    assert member == {
        "membership": "invite",
        "third_party_invite": {"display_name": "b…@e…", "signed": identity.signed(bob.user_id)},
    }
    assert await shown(carol, room, "invite") is None


async def test_who_is_in_the_room_stays_in_it(
    server: Homeserver, identity: Identity, alice: Person, bob: Person
) -> None:
    """By the rules of the room alone a member could be made an invited one."""
    room = await private_room(alice, preset="public_chat")
    await join(bob, room, alice)
    (await identity.invites_address(alice, room)).must()
    (await identity.binds(bob, alice.user_id, room)).must()
    there = await as_server(server, bob.tenant)
    uri = f"/_matrix/federation/v1/exchange_third_party_invite/{quote(room, safe='')}"
    body = exchange_of(identity, room, alice, bob)
    (await there.put(alice.tenant, uri, body)).must(403, "M_FORBIDDEN")
    assert await membership(alice, room, bob) == "join"


async def test_ti_m_knows_no_addresses(server: Homeserver, identity: Identity, alice: Person) -> None:
    for variant in (Variant.PRO, Variant.EPA):
        listed = await server.tenant(variant, allowed_servers=(alice.tenant.server_name,))
        eve = await server.person(listed, "eve")
        (await identity.binds(eve, alice.user_id, "!x:y")).must(403, "M_FORBIDDEN")
        room = await private_room(eve)
        (await identity.invites_address(eve, room)).must(403, "M_FORBIDDEN")
        asking = await as_server(server, alice.tenant)
        uri = f"/_matrix/federation/v1/exchange_third_party_invite/{quote(room, safe='')}"
        body = exchange_of(identity, room, eve, alice)
        (await asking.put(listed, uri, body)).must(403, "M_FORBIDDEN")
