"""Another server's user joins a room of ours (`/send_join`): the server gets the state before the join, and its reasons.

The PDUs go out as the bytes that are stored. A server that wants it short (`omit_members`) gets no member events but
those of the heroes of a room that has no name, and those in the auth chains.

Spec: https://spec.matrix.org/v1.19/server-server-api/#put_matrixfederationv2send_joinroomideventid
"""

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.matrix.membership_request import Submitted
from timserver.store import events, graph, room_servers, snapshots, sync_reads, terms
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.store.snapshots import State
from timserver.tenancy import Tenant
from timserver.usecases.federation.accept_membership import accept_membership
from timserver.usecases.federation.served_pdus import Part
from timserver.usecases.rooms.unnamed import unnamed


class _Rest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the other server is told besides the state and its auth chain."""

    event: Raw
    members_omitted: bool = False
    servers_in_room: list[ServerName] = []


async def accept_join(
    ctx: Context, tenant: Tenant, submitted: Submitted, body: bytes, *, omit_members: bool
) -> list[Part]:
    """What the other server needs to take part in the room, as JSON. Raises what `accept_membership` does."""
    accepted = await accept_membership(ctx, tenant, submitted, body)
    room = accepted.room
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        row = await events.find(conn, tenant, room.version, accepted.event.event_id)
        if row is None:
            raise errors.NotFound("Unknown room")
        before = (await snapshots.read_states(conn, tenant, [row.snapshot_nid]))[row.snapshot_nid]
        state = before.numbers
        servers: list[ServerName] = []
        if omit_members:
            state = {
                *before.others.values(),
                *await _heroes(conn, tenant, row, before.others, before.members),
            }
            servers = await _servers_in_room(ctx, conn, tenant, row.room_nid, submitted.origin)
        chain = await graph.auth_chain(conn, tenant, {*state, row.event_nid})
        if omit_members:
            chain -= state
    rest = msgspec.json.encode(
        _Rest(event=Raw(accepted.event.pdu), members_omitted=omit_members, servers_in_room=servers)
    )
    return [b'{"auth_chain":', sorted(chain), b',"state":', sorted(state), b"," + rest[1:]]


async def _heroes(
    conn: Connection, tenant: Tenant, row: EventRow, others: State, members: State
) -> list[int]:
    """Member events by which a client names a room that has no name."""
    rooms = await unnamed(conn, tenant, {row.room_nid: others})
    heroes = await sync_reads.heroes(conn, tenant, rooms, row.key_nid or 0)
    return [members[user] for user in heroes.get(row.room_nid, []) if user in members]


async def _servers_in_room(
    ctx: Context, conn: Connection, tenant: Tenant, room_nid: int, joining: ServerName
) -> list[ServerName]:
    """Servers with somebody joined, before the join."""
    limit = ctx.settings.limits.servers_in_room_max
    nids = await room_servers.servers_in_room(conn, tenant, room_nid, limit)
    names = await terms.names_of(conn, ctx.caches, tenant, nids)
    others = {ServerName(names[nid]) for nid in nids if nid in names} - {joining}
    return [tenant.server_name, *sorted(others)]
