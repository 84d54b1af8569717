"""Step: where a state event stands among the auth chains, and what a state reaches (`core.chains`, MAP 3.4).

So the difference of two states' auth chains is found without walking them, however large the room is.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from timserver import core
from timserver.context import Context
from timserver.core import Placed
from timserver.store import chains
from timserver.store.live_rooms import LiveRoom
from timserver.store.snapshots import RoomState
from timserver.tenancy import Tenant


async def placed_events(
    ctx: Context, tenant: Tenant, room: LiveRoom, nids: Iterable[int]
) -> dict[int, Placed]:
    """Where stored events stand, from the room in memory or the database."""
    wanted = set(nids)
    found = {nid: room.placed[nid] for nid in wanted if nid in room.placed}
    missing = list(wanted - found.keys())
    if missing:
        async with ctx.database.transaction(tenant) as conn:
            for nid, placed in (await chains.placed(conn, tenant, missing)).items():
                found[nid] = placed
                room.keep_placed(nid, placed)
    return found


async def place_at_head(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    new: tuple[int, int, str],
    auth: Sequence[int],
    ends: Mapping[int, int] = MappingProxyType({}),
) -> Placed:
    """Place a state event that is written at the head of the room; it may go on with a chain.

    `new` is its number, its key and its type; `ends` has the chains that went on in the same append.
    """
    nid, key_nid, event_type = new
    found = await placed_events(ctx, tenant, room, auth)
    cited = [found[auth_nid] for auth_nid in auth if auth_nid in found]
    known = {0: 0}
    for event in cited:
        if event.key != key_nid or not event.chain:
            continue
        end = ends.get(event.chain) or room.chain_ends.get(event.chain)
        if end is None:
            async with ctx.database.transaction(tenant) as conn:
                end = await chains.end_of(conn, tenant, room.room_nid, event.chain)
        known[event.chain] = end
    return core.place(nid, key_nid, cited, known, _new_chain(nid, event_type))


def place_beside(new: tuple[int, int, str], cited: Sequence[Placed], ends: Mapping[int, int]) -> Placed:
    """Place a state event that is not written at the head: it goes on with chains in `ends` only."""
    nid, key_nid, event_type = new
    known = {event.chain: ends.get(event.chain, event.position + 1) for event in cited}
    return core.place(nid, key_nid, cited, known, _new_chain(nid, event_type))


def _new_chain(nid: int, event_type: str) -> int:
    return nid if event_type in core.CITABLE_TYPES else 0


async def with_reach_after(
    ctx: Context,
    tenant: Tenant,
    room: LiveRoom,
    change: tuple[RoomState, RoomState],
    removed: Iterable[int],
    added: Sequence[Placed],
) -> RoomState:
    """The second of two states with what it reaches, told by what the first one does and by which events left and came.

    Worked out anew when these do not tell, which is rare; not known when it was not known of the first state.
    """
    before, after = change
    if before.reach is None:
        return after
    nids = [nid for nid in removed if nid]
    gone = await placed_events(ctx, tenant, room, nids)
    vectors = [gone[nid].vector if nid in gone else None for nid in nids]
    layer = core.reach_after(before.reach, vectors, [event.vector for event in added])
    if layer is not None:
        return after.reaching((*before.reach, layer))
    return await with_reach(ctx, tenant, room, after)


async def with_reach(ctx: Context, tenant: Tenant, room: LiveRoom, state: RoomState) -> RoomState:
    """A state with what it reaches, worked out from all its events."""
    nids = state.numbers
    found = {nid: room.placed[nid] for nid in nids if nid in room.placed}
    async with ctx.database.transaction(tenant) as conn:
        found |= await chains.placed(conn, tenant, nids - found.keys())
    whole = core.reach(event.vector for event in found.values()) if len(found) == len(nids) else None
    return state if whole is None else state.reaching((whole,))
