"""Tables `remote_device_list`, `remote_device`: devices of other servers' users, as far as they share a room with us."""

from collections.abc import Sequence

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class ListRow(msgspec.Struct, frozen=True):
    """The version of a user's list; `position` is of our log, when it was complete."""

    user_nid: int
    stream_id: int
    position: int
    stale: bool


class DeviceRow(msgspec.Struct, frozen=True):
    """A device; `json` None: it has no identity keys."""

    user_nid: int
    device_id: str
    display_name: str | None
    json: bytes | None


_VALID = Statement(
    int,
    "select l.user_nid from remote_device_list l where l.tenant_id = $1 and l.user_nid = any ($2::bigint[])"
    " and not l.stale and exists (select from membership t join membership o on o.tenant_id = $1"
    " and o.room_nid = t.room_nid and o.membership = 1 and o.local and o.join_position <= l.position"
    " where t.tenant_id = $1 and t.user_nid = l.user_nid and t.membership = 1 and t.join_position <= l.position)",
)
_SHARED = Statement(
    int,
    "select distinct t.user_nid from membership t where t.tenant_id = $1 and t.user_nid = any ($2::bigint[])"
    " and t.membership = 1 and exists (select from membership o where o.tenant_id = $1 and o.room_nid = t.room_nid"
    " and o.membership = 1 and o.local)",
)
_LOCK = Statement(
    ListRow,
    "select user_nid, stream_id, position, stale from remote_device_list where tenant_id = $1 and user_nid = $2"
    " for update",
)
_SET_LIST = Statement(
    int,
    "insert into remote_device_list (tenant_id, user_nid, stream_id, position) values ($1, $2, $3, $4)"
    " on conflict (tenant_id, user_nid) do update set stream_id = excluded.stream_id, position = excluded.position,"
    " stale = false returning 1",
)
_MARK_STALE = Statement(
    int,
    "insert into remote_device_list as l (tenant_id, user_nid, stream_id, position, stale) values ($1, $2, $3, 0, true)"
    " on conflict (tenant_id, user_nid) do update set stale = true, stream_id = greatest(l.stream_id, excluded.stream_id)"
    " returning 1",
)
_REMEMBERED = Statement(
    int, "select user_nid from remote_device_list where tenant_id = $1 and user_nid = any ($2::bigint[])"
)
_FORGET_LIST = Statement(
    int, "delete from remote_device_list where tenant_id = $1 and user_nid = $2 returning 1"
)
_DEVICES = Statement(
    DeviceRow,
    "select user_nid, device_id, display_name, json from remote_device where tenant_id = $1"
    " and user_nid = any ($2::bigint[]) and json is not null",
)
_PUT = Statement(
    int,
    "insert into remote_device (tenant_id, user_nid, device_id, display_name, json)"
    " select $1, $2, n.device_id, n.display_name, n.json"
    " from unnest($3::text[], $4::text[], $5::bytea[]) n (device_id, display_name, json)"
    " on conflict (tenant_id, user_nid, device_id) do update set display_name = excluded.display_name,"
    " json = excluded.json returning 1",
)
_DELETE = Statement(
    int, "delete from remote_device where tenant_id = $1 and user_nid = $2 and device_id = $3 returning 1"
)
_DELETE_ALL = Statement(int, "delete from remote_device where tenant_id = $1 and user_nid = $2 returning 1")
_COUNT = Statement(int, "select count(*) from remote_device where tenant_id = $1 and user_nid = $2")


async def valid_lists(conn: Connection, tenant: Tenant, user_nids: Sequence[int]) -> set[int]:
    """Whose remembered list holds: it is complete, and some room was shared without a break since."""
    return set(await _VALID.all(conn, tenant, list(user_nids)))


async def sharing_with_us(conn: Connection, tenant: Tenant, user_nids: Sequence[int]) -> set[int]:
    """Who is in a room with somebody of this server."""
    return set(await _SHARED.all(conn, tenant, list(user_nids)))


async def lock_list(conn: Connection, tenant: Tenant, user_nid: int) -> ListRow | None:
    """What is remembered of a user's list, locked: updates of one user come one after the other."""
    return await _LOCK.one(conn, tenant, user_nid)


async def set_list(conn: Connection, tenant: Tenant, row: ListRow) -> None:
    """The list is complete in this version."""
    await _SET_LIST.run(conn, tenant, row.user_nid, row.stream_id, row.position)


async def mark_stale(conn: Connection, tenant: Tenant, user_nid: int, stream_id: int) -> None:
    """The list is not known in the version that an update has told of."""
    await _MARK_STALE.run(conn, tenant, user_nid, stream_id)


async def remembered(conn: Connection, tenant: Tenant, user_nids: Sequence[int]) -> set[int]:
    """Of whom anything is remembered, be it stale."""
    return set(await _REMEMBERED.all(conn, tenant, list(user_nids)))


async def forget(conn: Connection, tenant: Tenant, user_nid: int) -> bool:
    """No longer remember anything of a user's devices; was there anything?"""
    await _DELETE_ALL.run(conn, tenant, user_nid)
    return await _FORGET_LIST.run(conn, tenant, user_nid) > 0


async def devices_of(conn: Connection, tenant: Tenant, user_nids: Sequence[int]) -> list[DeviceRow]:
    """Devices with keys of some users."""
    return await _DEVICES.all(conn, tenant, list(user_nids))


async def put_devices(
    conn: Connection, tenant: Tenant, user_nid: int, rows: Sequence[DeviceRow], *, instead: bool
) -> None:
    """Devices of one user, new or changed; with `instead` there are no others."""
    if instead:
        await _DELETE_ALL.run(conn, tenant, user_nid)
    columns = [row.device_id for row in rows], [row.display_name for row in rows], [row.json for row in rows]
    await _PUT.run(conn, tenant, user_nid, *columns)


async def delete_device(conn: Connection, tenant: Tenant, user_nid: int, device_id: str) -> None:
    """The device is gone."""
    await _DELETE.run(conn, tenant, user_nid, device_id)


async def count_devices(conn: Connection, tenant: Tenant, user_nid: int) -> int:
    """How many are remembered of a user."""
    return await _COUNT.one(conn, tenant, user_nid) or 0
