"""What one homeserver asks another for its users: profiles, aliases, directories, spaces, OpenID."""

from urllib.parse import quote

import pytest

from tests.support.federation import as_server
from tests.support.homeserver import Homeserver, Person
from tests.support.talk import room_with
from timserver.tenancy import Tenant, Variant


async def test_the_profile_of_another_servers_user(server: Homeserver, alice: Person, bob: Person) -> None:
    (await bob.put(f"/profile/{bob.user_id}/displayname", {"displayname": "Bob"})).must()
    (await bob.put(f"/profile/{bob.user_id}/m.tz", {"m.tz": "Europe/Berlin"})).must()
    found = (await alice.get(f"/profile/{bob.user_id}")).must()
    assert found.body == {"displayname": "Bob", "m.tz": "Europe/Berlin"}
    assert (await alice.get(f"/profile/{bob.user_id}/displayname")).must().body == {"displayname": "Bob"}
    (await alice.get(f"/profile/{bob.user_id}/avatar_url")).must(404, "M_NOT_FOUND")
    (await alice.get(f"/profile/@nobody:{bob.tenant.server_name}")).must(404, "M_NOT_FOUND")
    (await alice.get("/profile/@bob:nowhere.example.net")).must(404, "M_NOT_FOUND")


async def test_a_26290_in_epa_profiles_are_for_who_shares_a_room(server: Homeserver, tenant: Tenant) -> None:
    epa = await server.tenant(Variant.EPA, allowed_servers=(tenant.server_name,))
    insured = await server.person(epa, "insured")
    asks = await as_server(server, tenant)
    for user_id in (insured.user_id, f"@nobody:{epa.server_name}"):
        uri = f"/_matrix/federation/v1/query/profile?user_id={quote(user_id, safe='')}"
        (await asks.get(epa, uri)).must(403, "M_FORBIDDEN")


async def test_only_own_users_and_aliases_are_answered_for(
    server: Homeserver, tenant: Tenant, other: Tenant, alice: Person
) -> None:
    asks = await as_server(server, tenant)
    uri = f"/_matrix/federation/v1/query/profile?user_id={quote(alice.user_id, safe='')}"
    (await asks.get(other, uri)).must(400, "M_INVALID_PARAM")
    uri = f"/_matrix/federation/v1/query/directory?room_alias=%23a:{tenant.server_name}"
    (await asks.get(other, uri)).must(404, "M_NOT_FOUND")
    (await asks.get(other, "/_matrix/federation/v1/query/nonsense")).must(404, "M_UNRECOGNIZED")


async def test_an_alias_of_another_server(alice: Person, bob: Person) -> None:
    room = await room_with(bob, room_alias_name="lobby")
    server_name = bob.tenant.server_name
    found = (await alice.get(f"/directory/room/{quote(f'#lobby:{server_name}', safe='')}")).must()
    assert found.body == {"room_id": room, "servers": [server_name]}
    missing = quote(f"#missing:{server_name}", safe="")
    (await alice.get(f"/directory/room/{missing}")).must(404, "M_NOT_FOUND")
    (await alice.get("/directory/room/%23a:nowhere.example.net")).must(404, "M_NOT_FOUND")
    (await alice.post(f"/join/{missing}")).must(404, "M_NOT_FOUND")


async def test_the_directory_of_another_server(alice: Person, bob: Person) -> None:
    rooms = [
        await room_with(bob, preset="public_chat", visibility="public", name=f"room {number}")
        for number in range(3)
    ]
    server_name = bob.tenant.server_name
    page = (await alice.get("/publicRooms", server=server_name, limit=2)).must()
    assert len(page["chunk"]) == 2
    rest = (await alice.get("/publicRooms", server=server_name, since=page["next_batch"])).must()
    assert {room["room_id"] for room in page["chunk"] + rest["chunk"]} == set(rooms)
    wanted = {"filter": {"generic_search_term": "room 1"}}
    found = (await alice.post(f"/publicRooms?server={server_name}", wanted)).must()
    assert [room["name"] for room in found["chunk"]] == ["room 1"]
    assert (await alice.get("/publicRooms")).must()["chunk"] == []
    (await alice.get("/publicRooms", server="nowhere.example.net")).must(404, "M_NOT_FOUND")


@pytest.mark.parametrize("variant", [Variant.PRO, Variant.EPA])
async def test_a_26520_no_other_server_sees_the_directory(
    server: Homeserver, alice: Person, variant: Variant
) -> None:
    closed = await server.tenant(variant, allowed_servers=(alice.tenant.server_name,))
    (await alice.get("/publicRooms", server=closed.server_name)).must(403, "M_FORBIDDEN")


async def child_of(person: Person, space: str, room: str, via: str, **more: object) -> None:
    content = {"via": [via], **more}
    (await person.put(f"/rooms/{space}/state/m.space.child/{room}", content)).must()


async def test_a_space_that_spans_servers(alice: Person, bob: Person) -> None:
    ours, theirs = alice.tenant.server_name, bob.tenant.server_name
    open_room = await room_with(bob, preset="public_chat", name="open")
    closed = await room_with(bob, name="closed")
    below = await room_with(
        bob, preset="public_chat", name="below", creation_content={"type": "m.space"}, room_version="10"
    )
    await child_of(bob, below, open_room, theirs, order="1")
    await child_of(bob, below, closed, theirs, order="2")
    top = await room_with(alice, name="top", creation_content={"type": "m.space"})
    own = await room_with(alice, name="own")
    await child_of(alice, top, below, theirs, order="a")
    await child_of(alice, top, own, ours, order="b")
    path = f"/_matrix/client/v1/rooms/{top}/hierarchy"
    found = (await alice.get(path)).must()["rooms"]
    assert [room["name"] for room in found] == ["top", "below", "open", "own"]
    assert [child["state_key"] for child in found[1]["children_state"]] == [open_room, closed]
    first = (await alice.get(path, limit=2)).must()
    rest = (await alice.get(path, limit=2, **{"from": first["next_batch"]})).must()
    assert [room["name"] for room in first["rooms"] + rest["rooms"]] == ["top", "below", "open", "own"]
    summary = (await alice.get(f"/_matrix/client/v1/room_summary/{open_room}", via=theirs)).must()
    assert (summary["name"], summary["join_rule"]) == ("open", "public")
    (await alice.get(f"/_matrix/client/v1/room_summary/{closed}", via=theirs)).must(404, "M_NOT_FOUND")


async def test_a_space_for_another_server(server: Homeserver, tenant: Tenant, bob: Person) -> None:
    asks = await as_server(server, tenant)
    space = await room_with(bob, preset="public_chat", creation_content={"type": "m.space"})
    shown, hidden = await room_with(bob, preset="public_chat"), await room_with(bob)
    for room in (shown, hidden, "!unknown:nowhere.example.net"):
        await child_of(bob, space, room, bob.tenant.server_name, suggested=room == shown)
    uri = f"/_matrix/federation/v1/hierarchy/{quote(space, safe='')}"
    found = (await asks.get(bob.tenant, uri)).must()
    assert [room["room_id"] for room in found["children"]] == [shown]
    assert found["inaccessible_children"] == [hidden]
    assert len(found["room"]["children_state"]) == 3
    suggested = (await asks.get(bob.tenant, f"{uri}?suggested_only=true")).must()
    assert [child["state_key"] for child in suggested["room"]["children_state"]] == [shown]
    uri = f"/_matrix/federation/v1/hierarchy/{quote(hidden, safe='')}"
    (await asks.get(bob.tenant, uri)).must(404, "M_NOT_FOUND")


async def test_an_openid_token_says_who_somebody_is(server: Homeserver, bob: Person) -> None:
    """Needs no signature and no place in the federation list (A_26224: exempt), but the token."""
    token = (await bob.post(f"/user/{bob.user_id}/openid/request_token")).must()["access_token"]
    headers = {"Host": bob.tenant.server_name}
    url = f"{server.url}/_matrix/federation/v1/openid/userinfo"
    async with server.http.get(url, params={"access_token": token}, headers=headers) as response:
        assert response.status == 200
        assert await response.json() == {"sub": bob.user_id}
    async with server.http.get(url, params={"access_token": "unknown"}, headers=headers) as response:
        assert (response.status, (await response.json())["errcode"]) == (401, "M_UNKNOWN_TOKEN")
