"""Somebody at a web client, Hydrogen in headless Chromium, talks with somebody at matrix-js-sdk."""

from collections.abc import AsyncIterator

import pytest

from tests.clients.cast import Cast
from tests.clients.conftest import LOGS
from tests.clients.driver import Driver
from tests.clients.hydrogen_person import HydrogenPerson


@pytest.fixture
async def alice(cast: Cast, browser: Driver) -> AsyncIterator[HydrogenPerson]:
    """Logged in, with an empty room list."""
    person = await HydrogenPerson.logs_in(browser, await cast.account("alice"))
    yield person
    await person.leaves_the_stage()


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
async def test_a_conversation_in_the_browser(cast: Cast, alice: HydrogenPerson, encrypted: bool) -> None:
    bob = await cast.js("bob")
    room = await bob.opens_room(alice.user_id, encrypted=encrypted, direct=True)
    await alice.accepts_invite()
    await bob.sees_membership(room, alice.user_id, "join")

    await alice.sends("Guten Morgen from the browser")
    seen = await bob.sees(room, "Guten Morgen from the browser")
    await bob.sends(room, "Guten Tag from the SDK", encrypted=encrypted)
    await alice.sees("Guten Tag from the SDK")

    assert (seen.sender, seen.encrypted) == (alice.user_id, encrypted)
    await alice.takes_picture(LOGS / f"hydrogen-{'encrypted' if encrypted else 'plain'}.png")
