"""Steps: a receipt of a user, ours or another server's, is placed on an event and written.

Spec: https://spec.matrix.org/v1.19/client-server-api/#receipts
"""

import msgspec

from timserver.matrix import errors
from timserver.matrix.ids import EventID
from timserver.matrix.receipts import ReceiptType, check_event_in_thread
from timserver.store import account_data, events, receipts, rooms
from timserver.store.database import Connection
from timserver.store.events import OUTLIER, REJECTED, SOFT_FAILED, EventRow
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.store.streams import ACCOUNT_DATA, RECEIPT, Fact
from timserver.tenancy import Tenant
from timserver.usecases.events.visible import visible

_HIDDEN = OUTLIER | REJECTED | SOFT_FAILED
_KINDS = {ReceiptType.READ: receipts.READ, ReceiptType.READ_PRIVATE: receipts.READ_PRIVATE}


class Marker(msgspec.Struct, frozen=True):
    """One receipt to set."""

    kind: ReceiptType
    event_id: EventID
    thread_id: str | None = None


async def place_receipt(
    conn: Connection, tenant: Tenant, user_nid: int, room: LiveRoom, marker: Marker
) -> EventRow | None:
    """The event that the marker moves forward to; None when it would not move.

    Raises `Forbidden` for who is not in the room, `NotFound` for events that the user cannot see (RELIABILITY C2),
    `InvalidParam` for an event that is not in the thread.
    """
    membership = await rooms.room_of(conn, tenant, user_nid, room.room_nid)
    if membership is None or membership.membership != JOIN:
        raise errors.Forbidden("You are not in this room")
    row = await events.find(conn, tenant, room.version, marker.event_id)
    if row is None or row.room_nid != room.room_nid or row.flags & _HIDDEN:
        if marker.kind is ReceiptType.FULLY_READ:
            return None
        raise errors.NotFound("Event not found")
    if not await visible(conn, tenant, user_nid, membership, [row]):
        raise errors.NotFound("Event not found")
    if marker.kind is ReceiptType.FULLY_READ:
        return row
    if marker.thread_id is not None:
        root = await events.by_nids(conn, tenant, [row.thread_nid]) if row.thread_nid else {}
        ids = [events.event_id_of(room.version, found.event_hash) for found in root.values()]
        check_event_in_thread(marker.event_id, ids[0] if ids else None, marker.thread_id)
    before = await receipts.position_of(
        conn, tenant, room.room_nid, user_nid, _KINDS[marker.kind], marker.thread_id or ""
    )
    return row if before is None or row.position > before else None


async def write_receipt(
    conn: Connection,
    tenant: Tenant,
    user_nid: int,
    room: LiveRoom,
    marker: Marker,
    row: EventRow,
    stamp: tuple[int, int],
) -> Fact:
    """At (time, log position), the position just taken; the fact that tells the room, or the user alone."""
    position = stamp[1]
    if marker.kind is ReceiptType.FULLY_READ:
        content = msgspec.json.encode({"event_id": marker.event_id})
        await account_data.put(conn, tenant, user_nid, room.room_nid, "m.fully_read", content, position)
        return Fact(position, ACCOUNT_DATA, 0, user_nid)
    kind = _KINDS[marker.kind]
    thread_nid = (row.thread_nid or row.event_nid) if marker.thread_id not in (None, "main") else 0
    await receipts.put(
        conn,
        tenant,
        room.room_nid,
        user_nid,
        (kind, marker.thread_id or "", thread_nid),
        (row.event_nid, row.position),
        stamp,
    )
    return Fact(position, RECEIPT, room.room_nid, user_nid if kind == receipts.READ_PRIVATE else 0)
