"""What a destination gets of a part of the log, and the tables that are only for it: `to_device_outbox`, `device_change`.

The events themselves are in `outbox` (written by the append functions) and `event`.
"""

from collections.abc import Sequence

import msgspec

from timserver.store.database import Connection, Database
from timserver.store.destinations import Taken
from timserver.store.statement import Function, Statement
from timserver.tenancy import Tenant

EVENT, RECEIPT, TO_DEVICE, DEVICE_LIST, TYPING, PRESENCE, JOINED = 1, 2, 4, 5, 6, 7, 8

CROSS_SIGNING = ""
"""Stands for the cross-signing keys among the ids of devices."""


class Outgoing(msgspec.Struct, frozen=True):
    """One fact; which fields have a value says `migrations/functions/outgoing.sql`."""

    kind: int
    position: int
    user_nid: int | None
    room_id: str | None
    room_version: str | None
    ts: int | None
    number: int | None
    detail: str | None
    body: bytes | None


class RoomEvent(msgspec.Struct, frozen=True):
    """An event of a catch-up."""

    position: int
    sender_nid: int
    json: bytes


class LatestChange(msgspec.Struct, frozen=True):
    """The last change of a user's devices."""

    user_nid: int
    device_id: str
    position: int
    previous_position: int | None


_OUTGOING = Function(Outgoing, "outgoing", 7)
_OF_ROOMS = Function(RoomEvent, "outgoing_of_rooms", 5)
_PUT_MESSAGES = Statement(
    int,
    "insert into to_device_outbox (tenant_id, server_nid, position, message, created_ts)"
    " select $1, n.server_nid, $2, n.message, $3 from unnest($4::bigint[], $5::bytea[]) n (server_nid, message)"
    " returning 1",
)
_TRIM_MESSAGES = Statement(
    int,
    "delete from to_device_outbox t where t.tenant_id = $1 and t.server_nid = $2 and t.position <= ("
    " select max(x.position) from (select o.position, o.created_ts,"
    " row_number() over (order by o.position desc) as place,"
    " sum(length(o.message)) over (order by o.position desc) as bytes"
    " from to_device_outbox o where o.tenant_id = $1 and o.server_nid = $2) x"
    " where x.place > $3 or x.bytes > $4 or x.created_ts < $5) returning 1",
)
_NOTE_DEVICES = Statement(
    int,
    "insert into device_change (tenant_id, user_nid, device_id, position, previous_position)"
    " select $1, $2, n.device_id, $3 + n.place - cardinality($4::text[]), case when n.place > 1"
    " then $3 + n.place - 1 - cardinality($4::text[]) else (select max(c.position) from device_change c"
    " where c.tenant_id = $1 and c.user_nid = $2 and c.device_id <> '') end"
    " from unnest($4::text[]) with ordinality n (device_id, place)"
    " on conflict (tenant_id, user_nid, device_id) do update set position = excluded.position,"
    " previous_position = excluded.previous_position returning 1",
)
_LATEST_CHANGES = Statement(
    LatestChange,
    "select distinct on (user_nid) user_nid, device_id, position, previous_position from device_change"
    " where tenant_id = $1 and user_nid = any ($2::bigint[]) and device_id <> '' order by user_nid, position desc",
)
_STREAM_ID = Statement(
    int,
    "select max(position) from device_change where tenant_id = $1 and user_nid = $2 and device_id <> ''",
)


async def facts(
    database: Database, tenant: Tenant, taken: Taken, *, passing: bool, presence: bool
) -> list[Outgoing]:
    """What is in the transaction, in the order of the log; typing and presence only with `passing`."""
    return await _OUTGOING.all(
        database,
        tenant,
        taken.server_nid,
        taken.sent_position,
        taken.taken_position,
        taken.with_events,
        passing,
        presence,
    )


async def events_of_rooms(database: Database, tenant: Tenant, taken: Taken) -> list[RoomEvent]:
    """The newest events of the rooms of a catch-up."""
    return await _OF_ROOMS.all(
        database, tenant, taken.server_nid, taken.catch_up_room, taken.taken_room, taken.catch_up_from
    )


async def put_messages(
    conn: Connection, tenant: Tenant, position: int, now_ms: int, messages: Sequence[tuple[int, bytes]]
) -> None:
    """Messages to devices (server, content of the EDU) at a position that was just taken, one for each server."""
    servers, contents = [server for server, _ in messages], [content for _, content in messages]
    await _PUT_MESSAGES.run(conn, tenant, position, now_ms, servers, contents)


async def trim_messages(
    conn: Connection, tenant: Tenant, server_nid: int, kept: tuple[int, int], oldest_ts: int
) -> int:
    """Drop all but the newest messages for a server: at most (count, bytes), none older than `oldest_ts`."""
    return await _TRIM_MESSAGES.run(conn, tenant, server_nid, *kept, oldest_ts)


async def note_devices(
    conn: Connection, tenant: Tenant, user_nid: int, position: int, device_ids: Sequence[str]
) -> None:
    """Devices of a local user changed ('' for the cross-signing keys): each takes one of the positions up to one that
    was just taken.
    """
    await _NOTE_DEVICES.run(conn, tenant, user_nid, position, sorted(device_ids, reverse=True))


async def latest_changes(conn: Connection, tenant: Tenant, user_nids: Sequence[int]) -> list[LatestChange]:
    """The last change of the devices of some local users."""
    return await _LATEST_CHANGES.all(conn, tenant, list(user_nids))


async def stream_id(conn: Connection, tenant: Tenant, user_nid: int) -> int:
    """The `stream_id` of the last `m.device_list_update` of a local user; what `/user/devices` answers with."""
    return await _STREAM_ID.one(conn, tenant, user_nid) or 0
