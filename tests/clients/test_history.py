"""A room of 1,000 encrypted messages is read back to its first one."""

from tests.clients.cast import Cast
from tests.clients.person import gather_in_room

MESSAGES = 1_000


async def test_a_thousand_messages_are_paged_back(cast: Cast) -> None:
    """By nio, which has every key, and by matrix-js-sdk on a new device, which has them from the backup only."""
    account = await cast.account("alice")
    alice, bob = await cast.js(account), await cast.nio("bob")
    recovery_key = await alice.sets_up_recovery()
    room = await gather_in_room(alice, bob)
    texts = [f"message {number}" for number in range(MESSAGES)]

    await alice.sends_many(room, texts)
    await bob.sees(room, texts[-1])
    assert await bob.pages_back(room, MESSAGES, page_size=100) == texts

    await alice.has_backed_up(MESSAGES // 100)
    new = await cast.js(account, "new laptop")
    await new.recovers(recovery_key)
    assert await new.pages_back(room, MESSAGES, page_size=100) == texts
