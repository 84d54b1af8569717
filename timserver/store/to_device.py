"""Tables `to_device`, `to_device_txn`: the inboxes of local devices.

One request puts at most one message into an inbox, and every request has a position of its own: a position names at
most one message of a device, so an inbox may be cut at any of its positions.
"""

from collections.abc import Sequence

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class Delivery(msgspec.Struct, frozen=True):
    """A message for one device: JSON of `{sender, type, content}`."""

    device_nid: int
    message: bytes


class Target(msgspec.Struct, frozen=True):
    """A device that can be written to."""

    user_nid: int
    device_nid: int
    device_id: str


class _Message(msgspec.Struct, frozen=True):
    position: int
    message: bytes


_TARGETS = Statement(
    Target,
    "select user_nid, device_nid, device_id from device where tenant_id = $1 and user_nid = any ($2::bigint[])",
)
_INBOX = Statement(
    _Message,
    "select position, message from to_device where tenant_id = $1 and device_nid = $2 and position > $3"
    " and position <= $4 order by position, message_nid limit $5",
)
_DELETE_UP_TO = Statement(
    int, "delete from to_device where tenant_id = $1 and device_nid = $2 and position <= $3 returning 1"
)
_PUT = Statement(
    int,
    "insert into to_device (tenant_id, device_nid, position, message_nid, message)"
    " select $1, n.device_nid, $2, 0, n.message from unnest($3::bigint[], $4::bytea[]) n (device_nid, message) returning 1",
)
_BEGIN_TXN = Statement(
    int,
    "insert into to_device_txn (tenant_id, device_nid, txn_id, created_ts) values ($1, $2, $3, $4)"
    " on conflict do nothing returning 1",
)
_FORGET_TXNS = Statement(
    int, "delete from to_device_txn where tenant_id = $1 and device_nid = $2 and created_ts < $3 returning 1"
)
_TRIM = Statement(
    int,
    "delete from to_device t using unnest($2::bigint[]) d (device_nid) where t.tenant_id = $1"
    " and t.device_nid = d.device_nid and t.position <= (select o.position from to_device o where o.tenant_id = $1"
    " and o.device_nid = d.device_nid order by o.position desc offset $3 limit 1) returning 1",
)
_DELETE_ALL = Statement(
    int, "delete from to_device where tenant_id = $1 and device_nid = any ($2::bigint[]) returning 1"
)
_DELETE_ALL_TXNS = Statement(
    int, "delete from to_device_txn where tenant_id = $1 and device_nid = any ($2::bigint[]) returning 1"
)


async def targets(conn: Connection, tenant: Tenant, user_nids: Sequence[int]) -> list[Target]:
    """Devices of some users."""
    return await _TARGETS.all(conn, tenant, list(user_nids))


async def inbox(
    conn: Connection, tenant: Tenant, device_nid: int, after: int, up_to: int, limit: int
) -> list[tuple[int, bytes]]:
    """The oldest `limit` messages of positions in (after, up_to]: position and raw JSON."""
    rows = await _INBOX.all(conn, tenant, device_nid, after, up_to, limit)
    return [(row.position, row.message) for row in rows]


async def delete_inbox(conn: Connection, tenant: Tenant, device_nid: int, up_to: int) -> None:
    """Messages up to a position were received."""
    await _DELETE_UP_TO.run(conn, tenant, device_nid, up_to)


async def begin_txn(conn: Connection, tenant: Tenant, device_nid: int, txn_id: str, now_ms: int) -> bool:
    """False when the device has sent this transaction before."""
    return await _BEGIN_TXN.one(conn, tenant, device_nid, txn_id, now_ms) is not None


async def put(conn: Connection, tenant: Tenant, position: int, deliveries: Sequence[Delivery]) -> None:
    """Write messages at a position that was just taken; at most one for each device."""
    await _PUT.run(
        conn,
        tenant,
        position,
        [item.device_nid for item in deliveries],
        [item.message for item in deliveries],
    )


async def trim_inboxes(conn: Connection, tenant: Tenant, device_nids: Sequence[int], keep: int) -> int:
    """Drop all but the newest `keep` messages of each device; how many were dropped."""
    return await _TRIM.run(conn, tenant, list(device_nids), keep)


async def forget_txns(conn: Connection, tenant: Tenant, device_nid: int, before_ms: int) -> None:
    """Forget old transaction ids of a sender."""
    await _FORGET_TXNS.run(conn, tenant, device_nid, before_ms)


async def delete_inboxes(conn: Connection, tenant: Tenant, device_nids: Sequence[int]) -> None:
    """All that waits for devices, and their transaction ids."""
    await _DELETE_ALL.run(conn, tenant, list(device_nids))
    await _DELETE_ALL_TXNS.run(conn, tenant, list(device_nids))
