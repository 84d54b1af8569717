"""Another server pages back in a room, or asks for what lies between events that it has.

Events that the server may not see go out redacted, as long as it is in the room (`visible_to_server`).

Spec: https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events
"""

from collections.abc import Sequence

from msgspec import Raw

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import RoomID, ServerName
from timserver.store import events, served_events
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.federation.asked_room import asked_room
from timserver.usecases.federation.visible_to_server import audience_of, pdus_for


async def read_back(
    ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID, event_ids: Sequence[str], limit: int
) -> list[Raw]:
    """The events and those before them, the newest first, at most `limit`. Raises `Forbidden`.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1backfillroomid
    """
    room = await asked_room(ctx, tenant, origin, room_id)
    limits = ctx.settings.limits
    count = min(limit, limits.backfill_events_max)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        roots = await _known(conn, tenant, room, event_ids[: limits.backfill_events_max])
        nids = await served_events.walk_back(
            conn, tenant, room.room_nid, [row.event_nid for row in roots], limit=max(count, 0)
        )
        rows = sorted((await events.by_nids(conn, tenant, nids)).values(), key=_age, reverse=True)
        return await _shown(ctx, conn, tenant, origin, room, rows)


async def read_missing(
    ctx: Context,
    tenant: Tenant,
    origin: ServerName,
    room_id: RoomID,
    *,
    between: tuple[Sequence[str], Sequence[str]],
    depth_min: int,
    limit: int,
) -> list[Raw]:
    """What lies before the second and is not, or behind, the first of `between`; oldest first. Raises `Forbidden`.

    Spec: https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1get_missing_eventsroomid
    """
    room = await asked_room(ctx, tenant, origin, room_id)
    limits = ctx.settings.limits
    count = max(0, min(limit, limits.missing_events_max))
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        earliest, latest = [
            {row.event_nid for row in await _known(conn, tenant, room, ids[: limits.backfill_events_max])}
            for ids in between
        ]
        nids = await served_events.walk_back(
            conn,
            tenant,
            room.room_nid,
            sorted(latest),
            without=sorted(earliest),
            depth_min=max(0, depth_min),
            limit=count + len(latest),
        )
        found = await events.by_nids(conn, tenant, set(nids) - latest - earliest)
        wanted = sorted((row for row in found.values() if row.depth >= depth_min), key=_age, reverse=True)
        return await _shown(ctx, conn, tenant, origin, room, wanted[:count][::-1])


async def _known(
    conn: Connection, tenant: Tenant, room: LiveRoom, event_ids: Sequence[str]
) -> list[EventRow]:
    keys = []
    for event_id in event_ids:
        try:
            keys.append(events.event_key(room.version, event_id))
        except ValueError:
            continue
    return await served_events.find_in_room(conn, tenant, room.room_nid, keys) if keys else []


async def _shown(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    origin: ServerName,
    room: LiveRoom,
    rows: Sequence[EventRow],
) -> list[Raw]:
    audience = await audience_of(ctx, conn, tenant, origin, room.room_nid)
    pdus = await pdus_for(conn, tenant, audience, room, rows)
    if not pdus and not audience.in_room:
        raise errors.Forbidden("You are not in this room")
    return pdus


def _age(row: EventRow) -> tuple[int, int]:
    return row.depth, row.position
