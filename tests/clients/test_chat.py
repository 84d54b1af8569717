"""Two and five people talk in encrypted rooms and hand each other files."""

import pytest

from tests.clients.cast import Cast, Kind
from tests.clients.person import converse, gather_in_room, hand_over_file


@pytest.mark.parametrize(("first", "second"), [("js", "js"), ("js", "nio"), ("nio", "js"), ("nio", "nio")])
async def test_two_people_talk_in_private(cast: Cast, first: Kind, second: Kind) -> None:
    alice, bob = await cast.person(first, "alice"), await cast.person(second, "bob")
    room = await gather_in_room(alice, bob, direct=True)

    await converse(room, alice, bob)
    await converse(room, bob, alice)
    await converse(room, alice, bob)
    await hand_over_file(room, alice, bob)
    await hand_over_file(room, bob, alice)


async def test_five_people_talk_in_a_group(cast: Cast) -> None:
    alice, bob, carol = await cast.js("alice"), await cast.nio("bob"), await cast.js("carol")
    dave, erin = await cast.nio("dave"), await cast.js("erin")
    everyone = (alice, bob, carol, dave, erin)
    room = await gather_in_room(alice, bob, carol, dave, erin)

    for speaker in everyone:
        await converse(room, speaker, *(listener for listener in everyone if listener is not speaker))
    await hand_over_file(room, alice, bob, carol, dave, erin)
    await hand_over_file(room, dave, alice, bob, carol, erin)


async def test_who_left_gets_no_more_keys(cast: Cast) -> None:
    alice, bob, carol = await cast.js("alice"), await cast.nio("bob"), await cast.js("carol")
    room = await gather_in_room(alice, bob, carol)
    await converse(room, alice, bob, carol)

    keys_before = await carol.room_keys(room)
    await carol.leaves(room)
    for remaining in (alice, bob):
        await remaining.sees_membership(room, carol.user_id, "leave")
    await converse(room, alice, bob)
    await converse(room, bob, alice)
    assert keys_before == await carol.room_keys(room) != await alice.room_keys(room)
