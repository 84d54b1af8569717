"""States in layers, and the snapshots that hold them, are what plain maps would be."""

from hypothesis import given
from hypothesis import strategies as st

from timserver import core
from timserver.matrix.event_types import MEMBER
from timserver.store import snapshots
from timserver.store.snapshots import Chain, RoomState, State

MEMBER_KEYS = 1_000
"""Others' keys are below, members' from here on."""

events = st.tuples(st.integers(1, 150).map(lambda key: key if key % 3 else key + MEMBER_KEYS), st.booleans())
histories = st.lists(events, max_size=250)


def parts_of(change: State) -> tuple[State, State]:
    return (
        {key: nid for key, nid in change.items() if key < MEMBER_KEYS},
        {key: nid for key, nid in change.items() if key >= MEMBER_KEYS},
    )


def must_be(state: RoomState, model: State) -> None:
    assert (state.others, state.members) == parts_of(model)
    assert core.merged(state.flat) == model
    assert state.numbers == set(model.values())
    asked = [*range(1, 20), *range(MEMBER_KEYS, MEMBER_KEYS + 20)]
    assert state.values(asked) == {key: model[key] for key in asked if key in model}
    assert [state.get(key) for key in asked] == [model.get(key, 0) for key in asked]


@given(histories, st.integers(1, 40))
def test_a_state_that_is_changed_event_by_event(history: list[tuple[int, bool]], step: int) -> None:
    model: State = {}
    state, older, old_model = RoomState(()), RoomState(()), dict(model)
    for nid, (key, stays) in enumerate(history, 1):
        change = {key: nid if stays else 0}
        after = state.after(nid, MEMBER if key >= MEMBER_KEYS else 1, key)
        state = after if stays else state.over(*parts_of(change))
        model = {key: event for key, event in {**model, **change}.items() if event}
        if nid % step == 0:
            must_be(state, model)
            delta = snapshots.change_of(older, state)
            must_be(older.over(delta.others, delta.members), model)
            must_be(older, old_model)
            again = snapshots.change_of(
                RoomState.whole(*parts_of(old_model)), RoomState.whole(*parts_of(model))
            )
            assert again[:2] == delta[:2]
            assert not snapshots.change_of(state, RoomState.whole(*parts_of(model))).is_of_state
            older, old_model = state, model
    assert state.after(7, 1, None) is state


@given(histories)
def test_a_chain_of_snapshots(history: list[tuple[int, bool]]) -> None:
    """Each row, over the rows that it is a change of, is the state; and so is what the chain says."""
    model: State = {}
    chain, rows = Chain(), dict[int, snapshots.SnapshotRow]()
    for nid, (key, stays) in enumerate(history, 1):
        change = {key: nid if stays else 0}
        model = {key: event for key, event in {**model, **change}.items() if event}
        row, chain = snapshots.extend(
            chain, nid, snapshots.Change(*parts_of(change), {key: nid if stays else 0})
        )
        rows[nid] = row
        layers, reach, below = list[tuple[bytes, bytes]](), list[bytes](), row
        while True:
            layers.insert(0, (below.others, below.members))
            reach.insert(0, below.reach or b"")
            if not below.base_nid:
                break
            below = rows[below.base_nid]
        assert len(layers) <= 3
        must_be(RoomState(tuple(layers)), model)
        must_be(chain.state, model)
        assert not snapshots.change_of(RoomState(tuple(layers)), chain.state).is_of_state
        assert chain.state.reach is not None
        assert core.merged(reach) == core.merged(chain.state.reach) == model
