"""S5, sign oracle: whatever another server submits, we sign nothing but the one event that the request is about.

A few hundred mutated requests for each endpoint that signs an event of others; with --long 10,000. Each is a right
request with one to three things changed, properly signed by its server if it can be. What comes back with a signature
of ours must be the event that was sent, and an event that we mean to sign. Answers that bear no signature of ours, and
those of the notary, are in `test_sign_oracle_answers.py`.
"""

import json
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from tests.support.homeserver import Homeserver, Person
from tests.support.rooms_between import join, public_room
from tests.support.sign_oracle import SOME_EVENT_ID, Options, Oracle, oracle, reference, without_signatures
from timserver import core
from timserver.matrix import canonical_json, membership_template
from timserver.matrix.ids import EventID, ServerName
from timserver.matrix.pdu import PduTemplate
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.tenancy import Tenant

pytestmark = pytest.mark.parametrize("server", ["loopback"], indirect=True)

VERSIONS = ("1", "6", "10", "11", "12")
GRANTED = membership_template.GRANTED_BY


@pytest.fixture
def count(pytestconfig: pytest.Config) -> int:
    return 10_000 if pytestconfig.getoption("--long") else 250


def right_invite(number: int, version: str, theirs: str, ours: str) -> dict[str, Any]:
    """An invite as it should be."""
    server_name = theirs.partition(":")[2]
    invite: dict[str, Any] = {
        "type": "m.room.member",
        "sender": theirs,
        "state_key": ours,
        "room_id": f"!r{number}:{server_name}",
        "content": {"membership": "invite"},
        "depth": 3,
        "origin_server_ts": 1,
        "prev_events": [reference(version)],
        "auth_events": [reference(version)],
    }
    return {**invite, "event_id": f"${number}:{server_name}"} if version == "1" else invite


def wrong_invites(theirs: str, ours: str) -> Options:
    """What an invite could have instead."""
    return {
        "type": ["m.room.power_levels", "m.room.create", "", 1, ...],
        "sender": [ours, "@x:third.example", theirs, f"{theirs}.evil", 1, ...],
        "state_key": [theirs, "@x:third.example", "", ours.upper(), f"{ours}:8448", None, ...],
        "room_id": [f"!r:{theirs.partition(':')[2]}", "x", "!x:y", ours, 1, ...],
        "content": [
            {"membership": "leave"},
            {"membership": "ban"},
            {"membership": "join", GRANTED: ours},
            {"membership": ["invite"]},
            {"membership": "invite", "third_party_invite": {"signed": {}}},
            {},
            [],
            ...,
        ],
        "depth": [-1, 1.5, 2**60, "3", ...],
        "auth_events": [[], [1], ["x"] * 11, ...],
        "prev_events": [[], ["x"] * 21, {}, ...],
        "redacts": ["$x"],
        "event_id": ["$other:third.example", "$x:y", 1],
        "x": [{"a": [{}] * 3}, 1e10, "\u0000"],
    }


@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_s5_invites(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person, api: str, count: int
) -> None:
    them = await oracle(server, tenant, bob.tenant, 1)
    theirs, ours = bob.user_id, alice.user_id
    options = wrong_invites(theirs, ours)
    for number in range(count):
        version = "1" if api == "v1" else them.chance.choice(VERSIONS)
        right = right_invite(number, version, theirs, ours)
        is_right = them.chance.random() < 0.1
        sealed = them.seal(version, right if is_right else them.change(right, options))
        room_in_path = them.chance.choice([sealed.get("room_id")] * 2 + options["room_id"][:1])
        id_in_path = them.chance.choice([them.event_id(version, sealed)] * 3 + [SOME_EVENT_ID])
        uri = f"/_matrix/federation/{api}/invite/{quote(str(room_in_path))}/{quote(str(id_in_path))}"
        body: dict[str, Any] = sealed
        if api == "v2":
            said = them.chance.choice([version] * 6 + ["1", "12", "org.example"])
            body = {"room_version": said, "event": sealed, "invite_room_state": []}
        reply = await them.liar.put(tenant, uri, body)
        if reply.status != 200:
            them.must_refuse(reply)
            continue
        event = reply.body[1]["event"] if api == "v1" else reply["event"]
        assert them.is_signed(version, event)
        assert (event["type"], event["content"]["membership"]) == ("m.room.member", "invite")
        assert (event["sender"], event["state_key"]) == (theirs, ours)
        assert (event["room_id"], them.event_id(version, event)) == (room_in_path, id_in_path)
        assert without_signatures(event) == without_signatures(sealed)
        them.signed += 1
    them.told(f"invite {api}")
    assert 0 < them.signed < count / 4


class Restricted(msgspec.Struct):
    """A room of alice's that lets in who is in the space: bob, but not eve of the same server."""

    space: str
    room: str
    alice: Person
    bob: Person
    eve: Person

    def wrong_joins(self, template: dict[str, Any]) -> Options:
        """What a join could have instead."""
        alice = self.alice.user_id
        return {
            "type": ["m.room.power_levels", "m.room.name", 1, ...],
            "sender": [self.eve.user_id, alice, "@x:third.example", ...],
            "state_key": [self.eve.user_id, alice, "", None, ...],
            "room_id": [self.space, "!x:y", ...],
            "content": [
                {"membership": "invite", GRANTED: alice},
                {"membership": "leave", GRANTED: alice},
                {"membership": "ban", GRANTED: alice},
                {"membership": "join", GRANTED: self.bob.user_id},
                {"membership": "join", GRANTED: f"@nobody:{self.alice.tenant.server_name}"},
                {"membership": "join", GRANTED: 1},
                {"membership": "join"},
                {},
                ...,
            ],
            "auth_events": [template["auth_events"][:1], [], ["$" + "B" * 42 + "A"], ...],
            "prev_events": [[], ["$" + "B" * 42 + "A"], ...],
            "depth": [0, 1.5, 2**60, ...],
            "origin_server_ts": [7, "x", ...],
        }


@pytest.fixture
async def restricted(server: Homeserver, alice: Person, bob: Person) -> Restricted:
    eve = await server.person(bob.tenant, "eve")
    space = await public_room(alice)
    allow = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
    rules = [{"type": "m.room.join_rules", "state_key": "", "content": allow}]
    body = {"preset": "private_chat", "room_version": "10", "initial_state": rules}
    room = (await alice.post("/createRoom", body)).must()["room_id"]
    await join(bob, space, alice)
    return Restricted(space, room, alice, bob, eve)


async def template_of(them: Oracle, restricted: Restricted) -> dict[str, Any]:
    """What make_join says; nobody has signed it."""
    bob = restricted.bob.user_id
    uri = f"/_matrix/federation/v1/make_join/{quote(restricted.room)}/{quote(bob)}?ver=10"
    made = await them.liar.get(them.asked, uri)
    template = {name: value for name, value in made.must()["event"].items() if name != "origin"}
    assert template["content"][GRANTED] == restricted.alice.user_id
    assert "signatures" not in template
    return template


async def test_s5_joins_into_a_restricted_room(
    server: Homeserver, tenant: Tenant, restricted: Restricted, count: int
) -> None:
    """Nobody but bob gets a signature."""
    bob, eve, room = restricted.bob, restricted.eve, restricted.room
    them = await oracle(server, tenant, bob.tenant, 2)
    template = await template_of(them, restricted)
    options = restricted.wrong_joins(template)
    for _ in range(count):
        changed = them.change(template, options)
        if them.chance.random() < 0.3:
            changed |= {"sender": eve.user_id, "state_key": eve.user_id}
        if them.chance.random() < 0.05:
            changed = template
        sealed = them.seal("10", changed)
        id_in_path = them.chance.choice([them.event_id("10", sealed)] * 4 + [SOME_EVENT_ID])
        room_in_path = them.chance.choice([room] * 4 + [restricted.space])
        uri = f"/_matrix/federation/v2/send_join/{quote(room_in_path)}/{quote(id_in_path)}"
        reply = await them.liar.put(tenant, uri, sealed)
        if reply.status != 200:
            them.must_refuse(reply)
            continue
        must_be_granted(them, restricted, reply["event"], sealed, (room_in_path, id_in_path))
    them.told("send_join")
    assert them.signed > 0
    assert (await eve.get(f"/rooms/{room}/state")).status == 403
    members = (await restricted.alice.get(f"/rooms/{room}/members")).must()["chunk"]
    assert eve.user_id not in {member["state_key"] for member in members}


def must_be_granted(
    them: Oracle,
    restricted: Restricted,
    event: dict[str, Any],
    sealed: dict[str, Any],
    asked: tuple[str, str],
) -> None:
    """The event that was sent, of the path's room and id; signed by us if we let bob in by it."""
    assert without_signatures(event) == without_signatures(sealed)
    assert (event["room_id"], them.event_id("10", event)) == asked
    assert (event["type"], event["content"]["membership"]) == ("m.room.member", "join")
    assert event["sender"] == event["state_key"]
    if event["content"].get(GRANTED) == restricted.alice.user_id:
        assert event["sender"] == restricted.bob.user_id
        assert them.is_signed("10", event)
        them.signed += 1
    else:
        assert not them.is_signed("10", event)


async def test_e3_what_is_sent_to_another_room_stays_out(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person
) -> None:
    """CVE-2020-26257: the room in the path is another than the event's."""
    room, other = await public_room(alice), await public_room(alice)
    them = await oracle(server, tenant, bob.tenant, 4)
    uri = f"/_matrix/federation/v1/make_join/{quote(room)}/{quote(bob.user_id)}?ver=10"
    template = (await them.liar.get(tenant, uri)).must()["event"]
    event = core.seal(
        ROOM_VERSIONS["10"],
        PduTemplate(
            room_id=template["room_id"],
            sender=template["sender"],
            type=template["type"],
            state_key=template["state_key"],
            content=template["content"],
            prev_events=tuple(map(EventID, template["prev_events"])),
            auth_events=tuple(map(EventID, template["auth_events"])),
            depth=template["depth"],
            origin_server_ts=1,
        ),
        server_name=ServerName(bob.tenant.server_name),
        signing_key=them.liar.key,
    )
    body = json.loads(event.pdu)
    assert canonical_json.encode(body) == event.pdu
    for api in ("v2/send_join", "v2/send_leave", "v1/send_knock"):
        uri = f"/_matrix/federation/{api}/{quote(other)}/{quote(event.event_id)}"
        (await them.liar.put(tenant, uri, body)).must(400, "M_INVALID_PARAM")
    uri = f"/_matrix/federation/v2/send_join/{quote(room)}/{quote(event.event_id)}"
    (await them.liar.put(tenant, uri, body)).must()
    again = (await them.liar.put(tenant, uri, body)).must()
    assert {item["type"] for item in again["state"]} >= {"m.room.create", "m.room.power_levels"}
    short = (await them.liar.put(tenant, f"{uri}?omit_members=true", body)).must()
    assert short["members_omitted"] is True
    assert short["servers_in_room"] == [tenant.server_name]
    members = {item["state_key"] for item in short["state"] if item["type"] == "m.room.member"}
    assert members == {alice.user_id}, "the hero of a room without a name"
