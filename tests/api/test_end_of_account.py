"""What is left of a user whose account ended: nothing in the rooms, whoever ended it."""

from tests.support.homeserver import Homeserver, Person
from tests.support.talk import room_with
from timserver.store import accounts
from timserver.usecases.accounts.set_account_state import set_account_state


async def test_the_operator_ends_an_account_and_its_rooms_are_left(
    server: Homeserver, alice: Person, bob: Person
) -> None:
    joined = await room_with(alice, bob)
    invited = (await alice.post("/createRoom", {"invite": [bob.user_id]})).must()["room_id"]
    await set_account_state(server.ctx, bob.tenant, "bob", accounts.DEACTIVATED)
    members = (await alice.get(f"/rooms/{joined}/joined_members")).must()["joined"]
    assert list(members) == [alice.user_id]
    state = (await alice.get(f"/rooms/{invited}/state/m.room.member/{bob.user_id}")).must()
    assert state["membership"] == "leave"
    (
        await server.nobody(bob.tenant).post(
            "/login", {"type": "m.login.password", "user": "bob", "password": "x"}
        )
    ).must(403)
