"""Rooms that everybody here has left and forgotten are deleted for real (A_28564)."""

import asyncpg

from tests.support.homeserver import Homeserver, Person
from tests.support.talk import room_with
from timserver.usecases.rooms.purge_rooms import purge_rooms


async def test_a_room_goes_when_all_have_left_and_forgotten_it(
    server: Homeserver, alice: Person, bob: Person, mallory: Person, database_url: str
) -> None:
    room, kept = await room_with(alice, bob), await room_with(alice, bob)
    foreign = await room_with(mallory)
    (await mallory.post(f"/rooms/{foreign}/leave")).must()
    (await mallory.post(f"/rooms/{foreign}/forget")).must()
    (await alice.put(f"/directory/room/%23x:{alice.tenant.server_name}", {"room_id": room})).must()
    for person in (alice, bob):
        assert await purge_rooms(server.ctx, alice.tenant) == 0
        (await person.post(f"/rooms/{room}/leave")).must()
        (await person.post(f"/rooms/{room}/forget")).must()
    (await bob.post(f"/rooms/{kept}/leave")).must()
    database = await asyncpg.connect(database_url)
    nid = await database.fetchval("select room_nid from room where room_id = $1", room)
    assert await purge_rooms(server.ctx, alice.tenant) == 1
    tables = await database.fetch(
        "select table_name from information_schema.columns"
        " where table_schema = current_schema() and column_name = 'room_nid'"
    )
    for row in tables:
        count = await database.fetchval(f"select count(*) from {row['table_name']} where room_nid = $1", nid)
        assert count == 0, row["table_name"]
    assert await database.fetchval("select count(*) from room where room_id = $1", foreign) == 1
    await database.close()
    (await alice.get(f"/directory/room/%23x:{alice.tenant.server_name}")).must(404, "M_NOT_FOUND")
    (await alice.put(f"/rooms/{kept}/send/m.room.message/1", {"msgtype": "m.text", "body": "x"})).must()
    assert list((await alice.get("/sync")).must()["rooms"]["join"]) == [kept]
