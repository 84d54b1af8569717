"""State: set, read, read by who left."""

from tests.support.homeserver import Homeserver, Person
from tests.support.talk import room_with
from timserver.tenancy import Tenant


async def test_state_is_set_and_read_with_and_without_a_key(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    sent = (await alice.put(f"/rooms/{room}/state/m.room.topic", {"topic": "one"})).must()
    for path in ("m.room.topic", "m.room.topic/"):
        assert (await bob.get(f"/rooms/{room}/state/{path}")).must().body == {"topic": "one"}
    (await alice.put(f"/rooms/{room}/state/org.example.thing/a%2Fb", {"n": 1})).must()
    assert (await bob.get(f"/rooms/{room}/state/org.example.thing/a%2Fb")).must().body == {"n": 1}
    (await bob.get(f"/rooms/{room}/state/org.example.thing/")).must(404, "M_NOT_FOUND")
    event = (await bob.get(f"/rooms/{room}/state/m.room.topic", format="event")).must()
    assert event["event_id"] == sent["event_id"]
    assert event["room_id"] == room
    assert event["sender"] == alice.user_id


async def test_the_same_state_again_is_the_same_event(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    first = (await alice.put(f"/rooms/{room}/state/m.room.name", {"name": "x"})).must()
    again = (await alice.put(f"/rooms/{room}/state/m.room.name", {"name": "x"})).must()
    other = (await alice.put(f"/rooms/{room}/state/m.room.name", {"name": "y"})).must()
    assert first["event_id"] == again["event_id"] != other["event_id"]


async def test_the_whole_state_has_the_rooms_beginnings(alice: Person) -> None:
    room = await room_with(alice, name="Praxis")
    state = (await alice.get(f"/rooms/{room}/state")).must().body
    types = [event["type"] for event in state]
    assert types[:3] == ["m.room.create", "m.room.member", "m.room.power_levels"]
    assert {"m.room.join_rules", "m.room.history_visibility", "m.room.name"} <= set(types)
    assert all(event["room_id"] == room and event["event_id"] for event in state)


async def test_strangers_read_nothing_unless_the_world_may(
    alice: Person, bob: Person, mallory: Person
) -> None:
    room = await room_with(alice)
    paths = ["state", "state/m.room.create/", "members", "joined_members", "messages?dir=b"]
    for stranger in (bob, mallory):
        for path in paths:
            (await stranger.call("GET", f"/rooms/{room}/{path}")).must(403, "M_FORBIDDEN")
    (await alice.put(f"/rooms/{room}/state/m.room.history_visibility/", _WORLD)).must()
    for path in ("state", "members", "messages?dir=b"):
        (await bob.call("GET", f"/rooms/{room}/{path}")).must()
        (await mallory.call("GET", f"/rooms/{room}/{path}")).must(403, "M_FORBIDDEN")
    (await bob.get(f"/rooms/{room}/joined_members")).must(403, "M_FORBIDDEN")


_WORLD = {"history_visibility": "world_readable"}


async def test_who_left_reads_what_was_then(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob, name="before")
    (await bob.post(f"/rooms/{room}/leave")).must()
    (await alice.put(f"/rooms/{room}/state/m.room.name/", {"name": "after"})).must()
    (await alice.put(f"/rooms/{room}/send/m.room.message/1", {"msgtype": "m.text", "body": "after"})).must()
    (await alice.post(f"/rooms/{room}/ban", {"user_id": bob.user_id})).must()
    assert (await bob.get(f"/rooms/{room}/state/m.room.name")).must()["name"] == "before"
    state = (await bob.get(f"/rooms/{room}/state")).must().body
    named = {(event["type"], event["state_key"]): event["content"] for event in state}
    assert named["m.room.name", ""] == {"name": "before"}
    assert named["m.room.member", bob.user_id]["membership"] == "leave"
    page = (await bob.get(f"/rooms/{room}/messages", dir="b", limit=3)).must()
    assert page["chunk"][0]["content"]["membership"] == "leave"
    (await bob.get(f"/rooms/{room}/joined_members")).must(403, "M_FORBIDDEN")
    (await bob.post(f"/rooms/{room}/forget")).must()
    (await bob.get(f"/rooms/{room}/state")).must(403, "M_FORBIDDEN")


async def test_members_now_and_then(server: Homeserver, tenant: Tenant, alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    before = (await alice.get("/sync")).must()["next_batch"]
    carol = await server.person(tenant, "carol")
    (await alice.post(f"/rooms/{room}/invite", {"user_id": carol.user_id})).must()
    (await bob.post(f"/rooms/{room}/leave")).must()

    async def members(**query: str) -> dict[str, str]:
        chunk = (await alice.get(f"/rooms/{room}/members", **query)).must()["chunk"]
        return {event["state_key"]: event["content"]["membership"] for event in chunk}

    assert await members() == {alice.user_id: "join", bob.user_id: "leave", carol.user_id: "invite"}
    assert await members(at=before) == {alice.user_id: "join", bob.user_id: "join"}
    assert await members(membership="join") == {alice.user_id: "join"}
    assert await members(not_membership="leave") == {alice.user_id: "join", carol.user_id: "invite"}
    joined = (await alice.get(f"/rooms/{room}/joined_members")).must()["joined"]
    assert list(joined) == [alice.user_id]


async def test_a_member_event_of_ones_own_making(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    path = f"/rooms/{room}/state/m.room.member"
    named = {"membership": "join", "displayname": "Bob here"}
    (await bob.put(f"{path}/{bob.user_id}", named)).must()
    joined = (await alice.get(f"/rooms/{room}/joined_members")).must()["joined"]
    assert joined[bob.user_id]["display_name"] == "Bob here"
    (await alice.put(f"{path}/{bob.user_id}", {"membership": "join"})).must(403, "M_FORBIDDEN")
    (await alice.put(f"{path}/{bob.user_id}", {"membership": "what"})).must(400, "M_BAD_JSON")
    (await alice.put(f"{path}/{bob.user_id}", {"membership": "leave"})).must()
    (await bob.put(f"{path}/{bob.user_id}", {"membership": "join"})).must(403, "M_FORBIDDEN")
    (await alice.put(f"{path}/{bob.user_id}", {"membership": "invite"})).must()
    invited = (await bob.get("/sync")).must()["rooms"]["invite"]
    assert list(invited) == [room]


async def test_state_needs_power(alice: Person, bob: Person) -> None:
    room = await room_with(alice, bob)
    (await bob.put(f"/rooms/{room}/state/m.room.name", {"name": "mine"})).must(403, "M_FORBIDDEN")
    for version in ("11", "12"):
        room = (await alice.post("/createRoom", {"room_version": version})).must()["room_id"]
        (await alice.put(f"/rooms/{room}/state/m.room.create", {})).must(400, "M_INVALID_ROOM_STATE")
    levels = {"users": {alice.user_id: 100}}  # of a creator, in room version 12
    (await alice.put(f"/rooms/{room}/state/m.room.power_levels", levels)).must(400, "M_INVALID_ROOM_STATE")
    (await alice.put(f"/rooms/{room}/state/m.room.name", {"name": 1.5})).must(400, "M_BAD_JSON")
    big = {"name": "x" * 66_000}
    (await alice.put(f"/rooms/{room}/state/m.room.name", big)).must(413, "M_TOO_LARGE")
