"""People verify each other and their own devices by cross-signing, comparing emoji."""

import asyncio

import nio
import pytest

from tests.clients.cast import Cast
from tests.clients.js_person import JsPerson
from tests.clients.person import converse, gather_in_room

PRESS_APART_SECONDS = 1
"""Pressed in the same instant, the SDK may send its `done` beside its `mac`, and the other side takes them in order only."""


async def compare(asker: JsPerson, answerer: JsPerson) -> None:
    """From an accepted request to both having confirmed the same emoji and numbers."""
    shown, also_shown = await asyncio.gather(asker.starts_comparing(), answerer.joins_comparing())
    assert len(shown.emoji) == 7
    assert shown == also_shown
    await asker.confirms()
    await asyncio.sleep(PRESS_APART_SECONDS)
    await answerer.confirms()
    await asyncio.gather(asker.finishes_comparing(), answerer.finishes_comparing())


async def test_two_people_verify_each_other(cast: Cast) -> None:
    alice, bob = await cast.js("alice"), await cast.js("bob")
    await alice.sets_up_recovery()
    await bob.sets_up_recovery()
    room = await gather_in_room(alice, bob, direct=True)

    await alice.asks_to_verify(bob.user_id, room=room)
    await bob.accepts_verification(alice.user_id)
    await compare(alice, bob)

    await alice.trusts_user(bob.user_id)
    await bob.trusts_user(alice.user_id)
    await alice.trusts_device(bob.user_id, bob.device_id)
    await bob.trusts_device(alice.user_id, alice.device_id)
    await converse(room, alice, bob)
    await converse(room, bob, alice)


async def test_a_new_device_is_verified_from_the_old_one_and_then_trusted_by_others(cast: Cast) -> None:
    account = await cast.account("alice")
    laptop, bob = await cast.js(account), await cast.js("bob")
    await laptop.sets_up_recovery()
    await bob.sets_up_recovery()
    room = await gather_in_room(laptop, bob, direct=True)
    await laptop.asks_to_verify(bob.user_id, room=room)
    await bob.accepts_verification(laptop.user_id)
    await compare(laptop, bob)

    phone = await cast.js(account, "phone")
    assert not (await bob.trust_in_device(phone.user_id, phone.device_id))["cross_signed"]
    await laptop.knows_device(phone.user_id, phone.device_id)
    await phone.asks_to_verify(phone.user_id, device=laptop.device_id)
    await laptop.accepts_verification(phone.user_id)
    await compare(phone, laptop)

    await bob.trusts_device(phone.user_id, phone.device_id)
    await phone.trusts_user(bob.user_id)
    await converse(room, bob, laptop, phone)
    await converse(room, phone, laptop, bob)


async def test_fingerprints_are_compared_across_clients(cast: Cast) -> None:
    """nio knows no cross-signing: its users trust devices one by one, and it refuses to send to any other."""
    alice, bob = await cast.js("alice"), await cast.nio("bob")
    room = await gather_in_room(alice, bob, direct=True)
    bob.cautious = True
    with pytest.raises(nio.OlmUnverifiedDeviceError):
        await bob.sends(room, "refused before it reaches the server")

    assert bob.fingerprint_of(alice.user_id, alice.device_id) == await alice.fingerprint()
    assert await alice.fingerprint_of(bob.user_id, bob.device_id) == bob.fingerprint()
    bob.marks_verified(alice.user_id, alice.device_id)
    await alice.marks_verified(bob.user_id, bob.device_id)

    assert bob.trusts_device(alice.user_id, alice.device_id)
    assert (await alice.trust_in_device(bob.user_id, bob.device_id))["local"]
    await converse(room, bob, alice)
    await converse(room, alice, bob)


async def test_two_nio_devices_verify_each_other(cast: Cast) -> None:
    alice, bob = await cast.nio("alice"), await cast.nio("bob")
    room = await gather_in_room(alice, bob, direct=True)
    await converse(room, alice, bob)
    await converse(room, bob, alice)

    await alice.verification.starts(bob.user_id, bob.device_id)
    numbers, also_numbers = await asyncio.gather(alice.verification.numbers(), bob.verification.joins())
    assert numbers == also_numbers
    await asyncio.gather(alice.verification.confirms(), bob.verification.confirms())

    assert alice.trusts_device(bob.user_id, bob.device_id)
    assert bob.trusts_device(alice.user_id, alice.device_id)
