"""What a room's next event follows: the newest events, and nothing that these already follow, by whatever way."""

import copy

import pytest

from tests.support.told_room import ToldRoom
from timserver.context import Context
from timserver.matrix.event import Event
from timserver.store import terms
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import RoomState
from timserver.tenancy import Tenant
from timserver.usecases.events.admitting import Status, admit
from timserver.usecases.federation.importing import Entry, import_room

ALICE, BOB, CAROL = "@alice:s1.example", "@bob:s2.example", "@carol:s2.example"
DAN = "@dan:s3.example"


@pytest.fixture
def told() -> ToldRoom:
    """Alice's room, which Bob and Carol of another server have joined."""
    room = ToldRoom("10", ALICE)
    for who in (BOB, CAROL):
        room.says(who, "m.room.member", {"membership": "join"}, state_key=who)
    return room


async def enter(ctx: Context, tenant: Tenant, told: ToldRoom) -> LiveRoom:
    """The room as it is after the last event, a join."""
    join = told.events[-1]
    state = [event for event in told.state.values() if event is not join]
    chain = told.auth_chain()
    entry = Entry(version=told.version, room_id=told.room_id, join=join, state=state, auth_chain=chain)
    return await import_room(ctx, tenant, entry)


def fork(told: ToldRoom) -> ToldRoom:
    """The same room, going on elsewhere."""
    other = copy.copy(told)
    other.events, other.state = list(told.events), dict(told.state)
    return other


def ends(live: LiveRoom) -> list[str]:
    return [event_id for _, event_id in live.extremities]


def message(told: ToldRoom, sender: str, text: str) -> Event:
    return told.says(sender, "m.room.message", {"msgtype": "m.text", "body": text})


async def test_what_is_followed_through_a_soft_failed_event_is_no_end(
    ctx: Context, tenant: Tenant, told: ToldRoom
) -> None:
    """Bob is banned here while he still talks there, in turn with Carol; what she says stands, what he says fails
    softly.
    """
    live = await enter(ctx, tenant, told)
    elsewhere = fork(told)
    ban = told.says(ALICE, "m.room.member", {"membership": "ban"}, state_key=BOB)
    assert (await admit(ctx, tenant, live, ban)).status is Status.NEW
    last = ban
    for number in range(30):
        spoken = message(elsewhere, BOB, f"failing {number}")
        assert (await admit(ctx, tenant, live, spoken)).status is Status.SOFT_FAILED
        spoken = message(elsewhere, BOB, f"failing again {number}")
        assert (await admit(ctx, tenant, live, spoken)).status is Status.SOFT_FAILED
        last = message(elsewhere, CAROL, f"standing {number}")
        assert (await admit(ctx, tenant, live, last)).status is Status.NEW
        assert ends(live) == [ban.event_id, last.event_id]


async def test_what_is_followed_already_is_no_end(ctx: Context, tenant: Tenant, told: ToldRoom) -> None:
    """A gap is closed from behind: its events are part of the room, and nothing follows them anew."""
    live = await enter(ctx, tenant, told)
    state = live.state
    topic = told.says(ALICE, "m.room.topic", {"topic": "in the gap"}, state_key="")
    in_gap = message(told, BOB, "in the gap, too")
    later = told.says(ALICE, "m.room.topic", {"topic": "later"}, state_key="")
    last = message(told, CAROL, "behind the gap")
    assert (await admit(ctx, tenant, live, later, before=state)).status is Status.NEW
    assert (await admit(ctx, tenant, live, last)).status is Status.NEW
    current = live.state
    assert (await admit(ctx, tenant, live, in_gap, before=state)).status is Status.NEW
    assert ends(live)[-1:] == [last.event_id]
    assert (await admit(ctx, tenant, live, topic)).status is Status.NEW
    assert ends(live) == [last.event_id]
    assert (live.state.others, live.state.members) == (current.others, current.members)


@pytest.mark.parametrize("changed", [False, True], ids=["as it was", "changed since"])
async def test_what_the_state_comes_from_is_no_end(
    ctx: Context, tenant: Tenant, told: ToldRoom, changed: bool
) -> None:
    """Somebody sends an event of the state with which we came in, and not what follows it: the state from before it must
    not come back, for the others would have to join once more, which the join rules forbid by now.
    """
    bobs_join = next(event for event in told.events if event.key == ("m.room.member", BOB))
    message(told, BOB, "not known here")
    told.says(DAN, "m.room.member", {"membership": "join"}, state_key=DAN)
    live = await enter(ctx, tenant, told)
    first = live.state
    closed = told.says(ALICE, "m.room.join_rules", {"join_rule": "invite"}, state_key="")
    assert (await admit(ctx, tenant, live, closed)).status is Status.NEW
    last = closed
    if changed:
        last = told.says(BOB, "m.room.member", {"membership": "join", "displayname": "Bob"}, state_key=BOB)
        assert (await admit(ctx, tenant, live, last)).status is Status.NEW
    current = live.state
    (alice,) = await terms.key_nids(ctx.database, ctx.caches, tenant, [("m.room.member", ALICE)])
    before = RoomState.whole(first.others, first.values([alice]))
    assert (await admit(ctx, tenant, live, bobs_join, before=before)).status is Status.NEW
    assert ends(live) == [last.event_id]
    assert (live.state.others, live.state.members) == (current.others, current.members)
