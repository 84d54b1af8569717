"""S5, sign oracle: whatever another server submits, we sign nothing but the one event that the request is about.

A few hundred mutated requests for each endpoint that returns a signed object; with --long 10,000. Each is a right
request with one to three things changed, properly signed by its server if it can be. What comes back with a signature
of ours must be the event that was sent, and an event that we mean to sign.
"""

import json
import random
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.federation import Server, as_server
from tests.support.homeserver import Homeserver, Person, Reply
from tests.support.rooms_between import join, public_room
from timserver import core
from timserver.matrix import canonical_json, membership_template, signing
from timserver.matrix.errors import MatrixError
from timserver.matrix.ids import EventID, ServerName
from timserver.matrix.pdu import PduTemplate
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat
from timserver.tenancy import Tenant
from timserver.usecases.tenants.signing_key import signing_key

pytestmark = pytest.mark.parametrize("server", ["loopback"], indirect=True)

VERSIONS = ("1", "6", "10", "11", "12")


@pytest.fixture
def count(pytestconfig: pytest.Config) -> int:
    return 10_000 if pytestconfig.getoption("--long") else 250


class Oracle:
    """One tenant that is asked, by the server of another one."""

    def __init__(self, asked: Tenant, liar: Server, key: signing.SigningKey, seed: int) -> None:
        self.asked, self.liar, self.key = asked, liar, key
        self.chance = random.Random(seed)
        self.signed = 0

    def change(self, value: dict[str, Any], options: dict[str, list[Any]]) -> dict[str, Any]:
        """One to three fields replaced or taken away."""
        names = self.chance.sample(list(options), self.chance.randint(1, 3))
        changed = {**value}
        for name in names:
            changed[name] = self.chance.choice(options[name])
        return {name: field for name, field in changed.items() if field is not ...}

    def seal(self, version: str, value: dict[str, Any]) -> dict[str, Any]:
        """With the right hash and signature of the asking server, if it can be written at all; or with wrong ones."""
        rules = ROOM_VERSIONS[version]
        try:
            hashed = {**value, "hashes": {"sha256": signing.content_hash(rules, value)}}
            sealed = signing.sign_event(rules, hashed, self.liar.server_name, self.liar.key)
        except (MatrixError, TypeError, AttributeError, KeyError):
            return {**value, "hashes": {"sha256": "x"}, "signatures": {}}
        match self.chance.randrange(12):
            case 0:
                sealed["hashes"] = {"sha256": "A" * 43}
            case 1:
                sealed["signatures"] = {}
            case 2:
                sealed["signatures"] = {self.asked.server_name: {"ed25519:x": "A" * 86}}
            case 3:
                sealed["origin_server_ts"] = 5
        return sealed

    def event_id(self, version: str, sealed: dict[str, Any]) -> str:
        """The id that the event has, or any."""
        try:
            return signing.event_id(ROOM_VERSIONS[version], sealed)
        except (MatrixError, AssertionError, KeyError, TypeError):
            return "$" + "A" * 43

    def is_signed(self, version: str, event: Any) -> bool:
        """Does it bear a signature of ours that is right?"""
        if not isinstance(event, dict):
            return False
        rules = ROOM_VERSIONS[version]
        name, key = self.asked.server_name, self.key
        return signing.verify_event(rules, event, name, key.key_id, key.public_key)

    def never_in(self, reply: Reply) -> None:
        """A refusal tells no signature."""
        assert self.key.key_id.encode() not in reply.raw
        assert reply.status < 500, (reply.status, reply.raw)


async def oracle(server: Homeserver, asked: Tenant, asking: Tenant, seed: int) -> Oracle:
    liar = await as_server(server, asking)
    return Oracle(asked, liar, await signing_key(server.ctx, asked), seed)


def without_signatures(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in ("signatures", "unsigned")}


def reference(version: str) -> Any:
    given = ROOM_VERSIONS[version].event_id_format is EventIdFormat.GIVEN
    return ["$1:x.example", {"sha256": "h"}] if given else "$" + "B" * 42 + "A"


@pytest.mark.parametrize("api", ["v1", "v2"])
async def test_s5_invites(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person, api: str, count: int
) -> None:
    them = await oracle(server, tenant, bob.tenant, 1)
    theirs, ours = bob.user_id, alice.user_id
    room_id = f"!r:{bob.tenant.server_name}"
    signed = 0
    for number in range(count):
        version = "1" if api == "v1" else them.chance.choice(VERSIONS)
        right: dict[str, Any] = {
            "type": "m.room.member",
            "sender": theirs,
            "state_key": ours,
            "room_id": f"!r{number}:{bob.tenant.server_name}",
            "content": {"membership": "invite"},
            "depth": 3,
            "origin_server_ts": 1,
            "prev_events": [reference(version)],
            "auth_events": [reference(version)],
        }
        if version == "1":
            right["event_id"] = f"${number}:{bob.tenant.server_name}"
        options: dict[str, list[Any]] = {
            "type": ["m.room.power_levels", "m.room.create", "", 1, ...],
            "sender": [ours, "@x:third.example", theirs, f"{theirs}.evil", 1, ...],
            "state_key": [theirs, "@x:third.example", "", ours.upper(), f"{ours}:8448", None, ...],
            "room_id": [room_id, "x", "!x:y", ours, 1, ...],
            "content": [
                {"membership": "leave"},
                {"membership": "ban"},
                {"membership": "join", "join_authorised_via_users_server": ours},
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
        harmless = them.chance.random() < 0.1
        sealed = them.seal(version, right if harmless else them.change(right, options))
        room_in_path = them.chance.choice([sealed.get("room_id"), sealed.get("room_id"), room_id])
        id_in_path = them.chance.choice([them.event_id(version, sealed)] * 3 + ["$" + "C" * 42 + "A"])
        uri = f"/_matrix/federation/{api}/invite/{quote(str(room_in_path))}/{quote(str(id_in_path))}"
        body: dict[str, Any] = sealed
        if api == "v2":
            said = them.chance.choice([version] * 6 + ["1", "12", "org.example"])
            body = {"room_version": said, "event": sealed, "invite_room_state": []}
        reply = await them.liar.put(tenant, uri, body)
        if reply.status != 200:
            them.never_in(reply)
            continue
        event = reply.body[1]["event"] if api == "v1" else reply["event"]
        assert them.is_signed(version, event)
        assert (event["type"], event["content"]["membership"]) == ("m.room.member", "invite")
        assert (event["sender"], event["state_key"]) == (theirs, ours)
        assert (event["room_id"], them.event_id(version, event)) == (room_in_path, id_in_path)
        assert without_signatures(event) == without_signatures(sealed)
        signed += 1
    assert 0 < signed < count / 4


async def test_s5_joins_into_a_restricted_room(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person, count: int
) -> None:
    """Bob is in the allowed room, eve of the same server is not: nobody but bob gets a signature."""
    eve = await server.person(bob.tenant, "eve")
    space = await public_room(alice)
    allow = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}
    rules = [{"type": "m.room.join_rules", "state_key": "", "content": allow}]
    body = {"preset": "private_chat", "room_version": "10", "initial_state": rules}
    room = (await alice.post("/createRoom", body)).must()["room_id"]
    await join(bob, space, alice)
    them = await oracle(server, tenant, bob.tenant, 2)
    uri = f"/_matrix/federation/v1/make_join/{quote(room)}/{quote(bob.user_id)}?ver=10"
    made = await them.liar.get(tenant, uri)
    template = {name: value for name, value in made.must()["event"].items() if name != "origin"}
    granted = membership_template.GRANTED_BY
    assert template["content"][granted] == alice.user_id
    assert "signatures" not in template
    signed = 0
    for _ in range(count):
        options: dict[str, list[Any]] = {
            "type": ["m.room.power_levels", "m.room.name", 1, ...],
            "sender": [eve.user_id, alice.user_id, "@x:third.example", ...],
            "state_key": [eve.user_id, alice.user_id, "", None, ...],
            "room_id": [space, "!x:y", ...],
            "content": [
                {"membership": "invite", granted: alice.user_id},
                {"membership": "leave", granted: alice.user_id},
                {"membership": "ban", granted: alice.user_id},
                {"membership": "join", granted: bob.user_id},
                {"membership": "join", granted: f"@nobody:{tenant.server_name}"},
                {"membership": "join", granted: 1},
                {"membership": "join"},
                {},
                ...,
            ],
            "auth_events": [template["auth_events"][:1], [], ["$" + "B" * 42 + "A"], ...],
            "prev_events": [[], ["$" + "B" * 42 + "A"], ...],
            "depth": [0, 1.5, 2**60, ...],
            "origin_server_ts": [7, "x", ...],
        }
        changed = them.change(template, options)
        if them.chance.random() < 0.3:
            changed |= {"sender": eve.user_id, "state_key": eve.user_id}
        if them.chance.random() < 0.05:
            changed = template
        sealed = them.seal("10", changed)
        id_in_path = them.chance.choice([them.event_id("10", sealed)] * 4 + ["$" + "C" * 42 + "A"])
        room_in_path = them.chance.choice([room] * 4 + [space])
        uri = f"/_matrix/federation/v2/send_join/{quote(room_in_path)}/{quote(id_in_path)}"
        reply = await them.liar.put(tenant, uri, sealed)
        if reply.status != 200:
            them.never_in(reply)
            continue
        event = reply["event"]
        assert without_signatures(event) == without_signatures(sealed)
        assert (event["room_id"], them.event_id("10", event)) == (room_in_path, id_in_path)
        assert event["type"] == "m.room.member"
        assert event["content"]["membership"] == "join"
        assert event["sender"] == event["state_key"]
        if event["content"].get(granted) == alice.user_id:
            assert event["sender"] == bob.user_id
            assert them.is_signed("10", event)
            signed += 1
        else:
            assert not them.is_signed("10", event)
    assert signed > 0
    eve_sees = await eve.get(f"/rooms/{room}/state")
    assert eve_sees.status == 403
    members = (await alice.get(f"/rooms/{room}/members")).must()["chunk"]
    assert eve.user_id not in {member["state_key"] for member in members}


@pytest.mark.parametrize("step", ["join", "leave", "knock"])
async def test_s5_templates_and_answers_bear_no_signature(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person, step: str
) -> None:
    room = await public_room(alice)
    them = await oracle(server, tenant, bob.tenant, 3)
    for user in (bob.user_id, alice.user_id, "@x:third.example", "x"):
        uri = f"/_matrix/federation/v1/make_{step}/{quote(room)}/{quote(user)}?ver=10&ver=1"
        reply = await them.liar.get(tenant, uri)
        them.never_in(reply)
        assert b"signatures" not in reply.raw


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
