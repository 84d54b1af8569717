"""What a process has forgotten of a room, it reads again: also when it forgets it because of what is being read."""

import pytest

from tests.federation.test_admitting_at_the_head import BOB, CREATOR, enter
from tests.support.told_room import ToldRoom
from timserver.context import Context
from timserver.core import Placed
from timserver.matrix.event import Event, StateKey
from timserver.store import live_rooms
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.events.placing import placed_events
from timserver.usecases.events.stored_events import events_of
from timserver.usecases.rooms.live import state_events

KEYS: list[StateKey] = [
    ("m.room.create", ""),
    ("m.room.power_levels", ""),
    ("m.room.join_rules", ""),
    ("m.room.member", CREATOR),
    ("m.room.member", BOB),
]


def fill(live: LiveRoom, kept: int, event: Event) -> None:
    """One event of the state is remembered, and so much else that the next one to be read is one too many."""
    placed = Placed(kept, 1, 0, 0, None)
    live.events.clear()
    live.placed.clear()
    for number in range(live_rooms._EVENTS_KEPT_MAX - 1):
        live.keep(-1 - number, event)
    for number in range(live_rooms._PLACED_KEPT_MAX - 1):
        live.keep_placed(-1 - number, placed)
    live.keep(kept, event)


@pytest.mark.parametrize("kept_key", KEYS)
async def test_all_that_is_asked_for_is_told(ctx: Context, tenant: Tenant, kept_key: StateKey) -> None:
    live = await enter(ctx, tenant, ToldRoom("10", CREATOR))
    found = await state_events(ctx, tenant, live, KEYS)
    (kept, event), nids = found[kept_key], [nid for nid, _ in found.values()]
    places = await placed_events(ctx, tenant, live, nids)
    assert len(places) == len(nids) == len(KEYS)
    fill(live, kept, event)
    assert (await events_of(ctx, tenant, live, nids)).keys() == set(nids)
    fill(live, kept, event)
    again = await state_events(ctx, tenant, live, KEYS)
    assert {key: nid for key, (nid, _) in again.items()} == {key: nid for key, (nid, _) in found.items()}
    assert all(again[key][1].event_id == old.event_id for key, (_, old) in found.items())
    fill(live, kept, event)
    live.keep_placed(kept, places[kept])
    assert await placed_events(ctx, tenant, live, nids) == places
