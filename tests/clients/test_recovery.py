"""A person who lost every device comes back with the recovery key."""

from tests.clients.cast import Cast
from tests.clients.person import converse, gather_in_room


async def test_old_messages_are_readable_after_a_new_login(cast: Cast) -> None:
    account = await cast.account("alice")
    lost, bob = await cast.js(account, "lost laptop"), await cast.js("bob")
    recovery_key = await lost.sets_up_recovery()
    room = await gather_in_room(lost, bob, direct=True)
    mine, theirs = await converse(room, lost, bob), await converse(room, bob, lost)
    await lost.has_backed_up(2)
    await lost.logs_out()

    new = await cast.js(account, "new laptop")
    event_id = (await bob.sees(room, theirs)).event_id
    assert await new.cannot_read(room, event_id) == "HISTORICAL_MESSAGE_BACKUP_UNCONFIGURED"

    assert await new.recovers(recovery_key) == {"total": 2, "imported": 2}
    assert (await new.sees(room, mine)).sender == new.user_id
    assert (await new.sees(room, theirs)).sender == bob.user_id
    assert (await new.trust_in_device(new.user_id, new.device_id))["cross_signed"]
    await converse(room, new, bob)
    await converse(room, bob, new)
