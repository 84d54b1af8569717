"""Step: what becomes of a room's current state, key by key, when another server's event is admitted."""

import msgspec

from timserver.context import Context
from timserver.matrix.event import Event
from timserver.matrix.event_types import MEMBER
from timserver.matrix.ids import UserID, server_name_of
from timserver.store import events, graph, terms
from timserver.store.admission import StateChange
from timserver.store.graph import Node
from timserver.store.live_rooms import INVITE, JOIN, KNOCK, LEAVE, MEMBERSHIP_CODES, LiveRoom
from timserver.store.snapshots import Change
from timserver.tenancy import Tenant
from timserver.usecases.membership.stripped import stripped_state


class StateChanges(msgspec.Struct, frozen=True):
    """The changes, and by how much the numbers of joined and invited change."""

    rows: list[StateChange]
    joined: int
    invited: int


class _Content(msgspec.Struct):
    membership: object = None


class _Body(msgspec.Struct):
    content: _Content


_membership_of = msgspec.json.Decoder(_Body).decode


async def state_changes(
    ctx: Context, tenant: Tenant, room: LiveRoom, delta: Change, event: Event, own: Node
) -> StateChanges:
    """`delta` is what is written over the current state; `event` is the one that made it, `own` its row to be."""
    others, members = delta.others, delta.members
    if not others and not members:
        return StateChanges([], 0, 0)
    wanted = {nid for nid in (*others.values(), *members.values()) if nid != own.event_nid}
    wanted |= {room.others[key] for key, nid in others.items() if not nid}
    async with ctx.database.transaction(tenant) as conn:
        nodes = await graph.nodes_of(conn, tenant, wanted) if wanted else {}
        bodies = await events.bodies(conn, tenant, set(members.values()) & wanted) if wanted else {}
        names = await terms.names_of(conn, ctx.caches, tenant, members) if members else {}
    nodes[own.event_nid] = own
    rows = [
        StateChange(
            key_nid=key,
            type_nid=nodes[nid or room.others[key]].type_nid,
            event_nid=nid,
            old_nid=room.others.get(key, 0),
        )
        for key, nid in others.items()
    ]
    bodies[own.event_nid] = event.pdu
    for key, nid in members.items():
        rows.append(await _member_change(ctx, tenant, room, UserID(names[key]), key, (nid, bodies.get(nid))))
    return _counted(room, rows)


async def _member_change(
    ctx: Context, tenant: Tenant, room: LiveRoom, user_id: UserID, key: int, new: tuple[int, bytes | None]
) -> StateChange:
    nid, body = new
    membership = LEAVE
    if body is not None:
        value = _membership_of(body).content.membership
        membership = MEMBERSHIP_CODES.get(value, LEAVE) if isinstance(value, str) else LEAVE
    server_name = server_name_of(user_id)
    local = server_name == tenant.server_name
    server_nid = None
    if not local:
        (server_nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [server_name])
    old = room.members.get(key)
    return StateChange(
        key_nid=key,
        type_nid=MEMBER,
        event_nid=nid,
        old_nid=old.event_nid if old else 0,
        membership=membership,
        local=local,
        server_nid=server_nid,
        stripped=await stripped_state(ctx, tenant, room) if local and membership in (INVITE, KNOCK) else None,
    )


def _counted(room: LiveRoom, rows: list[StateChange]) -> StateChanges:
    joined = invited = 0
    for row in rows:
        if row.membership is not None:
            before = room.membership_of(row.key_nid)
            joined += (row.membership == JOIN) - (before == JOIN)
            invited += (row.membership == INVITE) - (before == INVITE)
    return StateChanges(rows, joined, invited)
