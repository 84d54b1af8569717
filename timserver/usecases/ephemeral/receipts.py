"""Steps: a receipt of a user, ours or another server's, is placed on an event and written.

Spec: https://spec.matrix.org/v1.19/client-server-api/#receipts
"""

import msgspec

from timserver.matrix import errors
from timserver.matrix.ids import EventID
from timserver.matrix.receipts import MAIN_THREAD, ReceiptType, check_event_in_thread
from timserver.store import account_data, events, receipts, relations, rooms
from timserver.store.database import Connection
from timserver.store.events import OUTLIER, REJECTED, SOFT_FAILED, EventRow
from timserver.store.live_rooms import JOIN, LiveRoom
from timserver.store.streams import ACCOUNT_DATA, RECEIPT, Fact
from timserver.tenancy import Tenant
from timserver.usecases.events.visible import visible

_HIDDEN = OUTLIER | REJECTED | SOFT_FAILED
_RELATIONS_MAX = 5
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
        if not await _is_related(conn, tenant, room, row, marker.thread_id):
            check_event_in_thread(marker.event_id, ids[0] if ids else None, marker.thread_id)
    before = await receipts.position_of(
        conn, tenant, room.room_nid, user_nid, _KINDS[marker.kind], marker.thread_id or ""
    )
    return row if before is None or row.position > before else None


async def _is_related(
    conn: Connection, tenant: Tenant, room: LiveRoom, row: EventRow, thread_id: str
) -> bool:
    """Does the event relate to the thread's root over others that are in no thread, as a reaction to a reference?

    It belongs to the main timeline then; who has a thread open that shows it too may have read up to it there.
    """
    if thread_id == MAIN_THREAD or row.thread_nid is not None:
        return False
    above = await relations.targets_above(conn, tenant, row.event_nid, _RELATIONS_MAX)
    return bool(above) and events.event_key(room.version, EventID(thread_id)) in above


async def _root_nid(conn: Connection, tenant: Tenant, room: LiveRoom, marker: Marker, row: EventRow) -> int:
    """The number of the root of the thread that a receipt names; 0 for the main timeline and for all of them."""
    if marker.thread_id in (None, MAIN_THREAD):
        return 0
    if row.thread_nid or marker.thread_id == marker.event_id:
        return row.thread_nid or row.event_nid
    root = await events.find(conn, tenant, room.version, EventID(marker.thread_id or ""))
    return root.event_nid if root is not None and root.room_nid == room.room_nid else row.event_nid


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
    thread_nid = await _root_nid(conn, tenant, room, marker, row)
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
