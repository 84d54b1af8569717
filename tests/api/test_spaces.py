"""Spaces, summaries of rooms, rooms shared with somebody."""

from typing import Any

from tests.support.homeserver import Homeserver, Person
from tests.support.talk import room_with
from timserver.tenancy import Tenant


async def _space(person: Person, name: str, **wanted: Any) -> str:
    body = {"name": name, "creation_content": {"type": "m.space"}, "preset": "public_chat", **wanted}
    space: str = (await person.post("/createRoom", body)).must()["room_id"]
    return space


async def _add(person: Person, space: str, child: str, **content: Any) -> None:
    path = f"/rooms/{space}/state/m.space.child/{child}"
    (await person.put(path, {"via": [person.tenant.server_name], **content})).must()


async def _tree(person: Person, space: str, **query: Any) -> list[str]:
    reply = (await person.get(f"/_matrix/client/v1/rooms/{space}/hierarchy", **query)).must()
    return [room["name"] for room in reply["rooms"]]


async def test_a_tree_is_walked_depth_first_in_order(alice: Person, bob: Person) -> None:
    root, ward = await _space(alice, "root"), await _space(alice, "ward")
    one = await room_with(alice, name="one", preset="public_chat")
    two = await room_with(alice, name="two", preset="public_chat")
    hidden = await room_with(alice, name="hidden")
    await _add(alice, root, two)
    await _add(alice, root, ward, order="a", suggested=True)
    await _add(alice, root, hidden, order="b")
    await _add(alice, ward, one)
    await _add(alice, ward, root)  # a circle
    assert await _tree(alice, root) == ["root", "ward", "one", "hidden", "two"]
    assert await _tree(bob, root) == ["root", "ward", "one", "two"]
    assert await _tree(bob, root, max_depth=1) == ["root", "ward", "two"]
    assert await _tree(bob, root, suggested_only="true") == ["root", "ward"]
    reply = (await bob.get(f"/_matrix/client/v1/rooms/{root}/hierarchy")).must()
    children = reply["rooms"][0]["children_state"]
    assert [child["state_key"] for child in children] == [ward, hidden, two]
    assert set(children[0]) == {"type", "state_key", "sender", "content", "origin_server_ts"}
    assert (reply["rooms"][0]["room_type"], reply["rooms"][2]["children_state"]) == ("m.space", [])
    (await alice.put(f"/rooms/{root}/state/m.space.child/{two}", {})).must()
    assert await _tree(bob, root) == ["root", "ward", "one"]


async def test_a_tree_comes_in_pages_bound_to_what_was_asked(alice: Person) -> None:
    root = await _space(alice, "root")
    for number in range(3):
        await _add(alice, root, await room_with(alice, name=str(number)))
    path = f"/_matrix/client/v1/rooms/{root}/hierarchy"
    first = (await alice.get(path, limit=2)).must()
    second = (await alice.get(path, limit=2, **{"from": first["next_batch"]})).must()
    assert [room["name"] for room in [*first["rooms"], *second["rooms"]]] == ["root", "0", "1", "2"]
    assert "next_batch" not in second.body
    other = await alice.get(path, limit=2, max_depth=3, **{"from": first["next_batch"]})
    other.must(400, "M_INVALID_PARAM")


async def test_restricted_rooms_are_shown_to_who_may_join(
    alice: Person, bob: Person, mallory: Person
) -> None:
    space = await _space(alice, "space")
    rule = {
        "type": "m.room.join_rules",
        "content": {
            "join_rule": "restricted",
            "allow": [{"type": "m.room_membership", "room_id": space}],
        },
    }
    room = (await alice.post("/createRoom", {"name": "inner", "initial_state": [rule]})).must()["room_id"]
    await _add(alice, space, room)
    assert await _tree(bob, space) == ["space"]
    summary = f"/_matrix/client/v1/room_summary/{room}"
    (await bob.get(summary)).must(404, "M_NOT_FOUND")
    (await bob.post(f"/rooms/{room}/join")).must(403, "M_FORBIDDEN")
    (await bob.post(f"/rooms/{space}/join")).must()
    assert await _tree(bob, space) == ["space", "inner"]
    shown = (await bob.get(summary)).must()
    assert (shown["name"], shown["join_rule"], shown["allowed_room_ids"]) == ("inner", "restricted", [space])
    assert "membership" not in shown.body
    (await bob.post(f"/rooms/{room}/join")).must()
    assert (await bob.get(summary)).must()["membership"] == "join"
    (await mallory.get(summary)).must(404, "M_NOT_FOUND")
    assert await _tree(mallory, space) == ["space"], "another server, which may see what is public"


async def test_rooms_shared_with_somebody(
    server: Homeserver, tenant: Tenant, alice: Person, bob: Person, mallory: Person
) -> None:
    shared, _, left = await room_with(alice, bob), await room_with(alice), await room_with(alice, bob)
    (await bob.post(f"/rooms/{left}/leave")).must()
    path = "/_matrix/client/v1/mutual_rooms"
    found = (await alice.get(path, user_id=bob.user_id)).must()
    assert found.body == {"joined": [shared], "count": 1}
    assert (await alice.get(path, user_id=mallory.user_id)).must()["joined"] == []
    (await alice.get(path, user_id=alice.user_id)).must(400, "M_INVALID_PARAM")
    (await alice.get(path)).must(400, "M_MISSING_PARAM")
