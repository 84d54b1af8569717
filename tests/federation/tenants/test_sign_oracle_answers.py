"""S5, sign oracle: endpoints that answer about events, and must not lend our signature to what was asked.

Templates bear no signature, who leaves or knocks gets none back, and an invite by address is no event of ours. Fifty
mutated requests for each endpoint; with --long 10,000.
"""

from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.support.homeserver import Homeserver, Person
from tests.support.mutations import mutated, sendable
from tests.support.rooms_between import join, public_room
from tests.support.sign_oracle import SOME_EVENT_ID, Options, oracle
from timserver.tenancy import Tenant

pytestmark = pytest.mark.parametrize("server", ["loopback"], indirect=True)

FEDERATION = "/_matrix/federation"


@pytest.fixture
def count(pytestconfig: pytest.Config) -> int:
    return 10_000 if pytestconfig.getoption("--long") else 50


async def a_room(alice: Person, bob: Person, step: str) -> str:
    """A room that bob may enter, may leave, or may knock at."""
    if step == "knock":
        rules = [{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}]
        body = {"preset": "private_chat", "room_version": "10", "initial_state": rules}
        room: str = (await alice.post("/createRoom", body)).must()["room_id"]
        return room
    room = await public_room(alice)
    if step == "leave":
        await join(bob, room, alice)
    return room


@pytest.mark.parametrize("step", ["join", "leave", "knock"])
async def test_s5_templates_bear_no_signature(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person, step: str, count: int
) -> None:
    room = await a_room(alice, bob, step)
    them = await oracle(server, tenant, bob.tenant, 3)
    users = (bob.user_id, bob.user_id, alice.user_id, "@x:third.example", f"@new:{bob.tenant.server_name}")
    for _ in range(count):
        user = them.text(*users)
        versions = [("ver", them.text("10", "10", "1")) for _ in range(them.chance.randint(0, 3))]
        asked = f"{quote(them.text(room), safe='')}/{quote(user, safe='')}"
        uri = f"{FEDERATION}/v1/make_{step}/{asked}?{urlencode(versions)}"
        reply = await them.liar.get(tenant, uri)
        if reply.status != 200:
            them.must_refuse(reply)
            continue
        them.never_in(reply)
        them.answered += 1
        event = reply["event"]
        assert not {"signatures", "hashes", "event_id"} & event.keys()
        assert (event["type"], event["sender"], event["state_key"]) == ("m.room.member", user, user)
        assert (event["room_id"], event["content"]["membership"]) == (room, step)
        assert user.endswith(f":{bob.tenant.server_name}")
    them.told(f"make_{step}")
    assert 0 < them.answered < count


def wrong_memberships(alice: Person, bob: Person) -> Options:
    """What a leave or a knock could have instead."""
    return {
        "type": ["m.room.power_levels", "m.room.create", 1, ...],
        "sender": [alice.user_id, "@x:third.example", 1, ...],
        "state_key": [alice.user_id, f"@y:{bob.tenant.server_name}", "", None, ...],
        "room_id": ["!x:y", alice.user_id, 1, ...],
        "content": [{"membership": name} for name in ("join", "leave", "ban", "invite", "knock")] + [[], ...],
        "auth_events": [[], [SOME_EVENT_ID], [1], ...],
        "prev_events": [[], [SOME_EVENT_ID], {}, ...],
        "depth": [-1, 1.5, 2**60, ...],
        "x": [{"a": 1e10}, "\u0000", 2**53],
    }


@pytest.mark.parametrize(("step", "api"), [("leave", "v2"), ("knock", "v1")])
async def test_s5_who_leaves_or_knocks_gets_no_signature(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person, step: str, api: str, count: int
) -> None:
    room = await a_room(alice, bob, step)
    them = await oracle(server, tenant, bob.tenant, 4)
    made = await them.liar.get(
        tenant, f"{FEDERATION}/v1/make_{step}/{quote(room)}/{quote(bob.user_id)}?ver=10"
    )
    template = {name: value for name, value in made.must()["event"].items() if name != "origin"}
    options = wrong_memberships(alice, bob)
    before = await said_by(alice, room)
    for number in range(count):
        sealed = them.seal("10", template if number == count - 1 else them.change(template, options))
        id_in_path = them.chance.choice([them.event_id("10", sealed)] * 4 + [SOME_EVENT_ID])
        room_in_path = them.text(room)
        uri = f"{FEDERATION}/{api}/send_{step}/{quote(room_in_path, safe='')}/{quote(id_in_path)}"
        reply = await them.liar.put(tenant, uri, sealed)
        if reply.status != 200:
            them.must_refuse(reply)
            continue
        them.answered += 1
        shown = reply.body.get("knock_room_state", [])
        assert {event["sender"] for event in shown} <= {alice.user_id}, "the room's own state"
        assert reply.body.keys() <= {"knock_room_state"}
    them.told(f"send_{step}")
    assert await said_by(alice, room) == before, "nothing is said in the name of ours"


async def said_by(person: Person, room: str) -> set[str]:
    """Ids of the state that somebody has set."""
    state = (await person.get(f"/rooms/{room}/state")).must().body
    return {event["event_id"] for event in state if event["sender"] == person.user_id}


async def test_s5_an_invite_by_address_is_no_event_of_ours(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person, count: int
) -> None:
    """`exchange_third_party_invite`: nothing is invited without the invite by address that the room must have."""
    room = await a_room(alice, bob, "leave")
    them = await oracle(server, tenant, bob.tenant, 5)
    before = await said_by(alice, room)
    signed = {"mxid": bob.user_id, "token": "x", "signatures": {"id.example": {"ed25519:0": "A" * 86}}}
    right: dict[str, Any] = {
        "type": "m.room.member",
        "room_id": room,
        "sender": alice.user_id,
        "state_key": bob.user_id,
        "content": {
            "membership": "invite",
            "third_party_invite": {"display_name": "b", "signed": signed},
        },
    }
    for _ in range(count):
        body = mutated(them.chance, right, them.chance.randint(0, 3))
        uri = f"{FEDERATION}/v1/exchange_third_party_invite/{quote(them.text(room), safe='')}"
        them.must_refuse(await them.liar.put(tenant, uri, sendable(body)))
    them.told("exchange_third_party_invite")
    assert await said_by(alice, room) == before
