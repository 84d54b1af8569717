"""A user has read up to an event.

Spec: https://spec.matrix.org/v1.19/client-server-api/#receipts
"""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import EventID, RoomID
from timserver.matrix.receipts import ReceiptType, check_event_in_thread
from timserver.store import account_data, events, log, receipts, rooms
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.store.streams import ACCOUNT_DATA, RECEIPT, Fact
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.visible import visible
from timserver.usecases.rooms.live import must_live_room

_KINDS = {ReceiptType.READ: receipts.READ, ReceiptType.READ_PRIVATE: receipts.READ_PRIVATE}


class Marker(msgspec.Struct, frozen=True):
    """One receipt to set."""

    kind: ReceiptType
    event_id: EventID
    thread_id: str | None = None


async def set_receipts(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, markers: list[Marker]
) -> None:
    """Receipts only go forward; those that do not are ignored. Raises `Forbidden` for who is not in the room, and for
    events that the user cannot see (RELIABILITY C2).
    """
    room = await must_live_room(ctx, tenant, room_id)
    facts: list[Fact] = []
    async with ctx.database.transaction(tenant) as conn:
        wanted = []
        for marker in markers:
            row = await _event(conn, tenant, requester, room, marker)
            if row is not None:
                wanted.append((marker, row))
        if not wanted:
            return
        position = await log.take(conn, tenant, len(wanted))
        for place, (marker, row) in enumerate(wanted):
            at = position - len(wanted) + 1 + place
            facts.append(await _write(ctx, conn, tenant, requester, room, marker, row, at))
    ctx.streams.publish(tenant, position, facts, len(facts))


async def _event(
    conn: Connection, tenant: Tenant, requester: Requester, room: LiveRoom, marker: Marker
) -> EventRow | None:
    """The event that the marker moves forward to; None when it would not move."""
    membership = await rooms.room_of(conn, tenant, requester.user_nid, room.room_nid)
    if membership is None or membership.membership != JOIN:
        raise errors.Forbidden("You are not in this room")
    row = await events.find(conn, tenant, room.version, marker.event_id)
    if row is None or row.room_nid != room.room_nid:
        if marker.kind is ReceiptType.FULLY_READ:
            return None
        raise errors.NotFound("Event not found")
    if not await visible(conn, tenant, requester.user_nid, membership, [row]):
        raise errors.NotFound("Event not found")
    if marker.kind is ReceiptType.FULLY_READ:
        return row
    if marker.thread_id is not None:
        root = await events.by_nids(conn, tenant, [row.thread_nid]) if row.thread_nid else {}
        ids = [events.event_id_of(room.version, found.event_hash) for found in root.values()]
        check_event_in_thread(marker.event_id, ids[0] if ids else None, marker.thread_id)
    before = await receipts.position_of(
        conn, tenant, room.room_nid, requester.user_nid, _KINDS[marker.kind], marker.thread_id or ""
    )
    return row if before is None or row.position > before else None


async def _write(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    requester: Requester,
    room: LiveRoom,
    marker: Marker,
    row: EventRow,
    position: int,
) -> Fact:
    me = requester.user_nid
    if marker.kind is ReceiptType.FULLY_READ:
        content = msgspec.json.encode({"event_id": marker.event_id})
        await account_data.put(conn, tenant, me, room.room_nid, "m.fully_read", content, position)
        return Fact(position, ACCOUNT_DATA, 0, me)
    kind = _KINDS[marker.kind]
    thread_nid = (row.thread_nid or row.event_nid) if marker.thread_id not in (None, "main") else 0
    await receipts.put(
        conn,
        tenant,
        room.room_nid,
        me,
        (kind, marker.thread_id or "", thread_nid),
        (row.event_nid, row.position),
        (ctx.clock.now_ms(), position),
    )
    return Fact(position, RECEIPT, room.room_nid, me if kind == receipts.READ_PRIVATE else 0)
