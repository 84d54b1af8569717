"""Table `dehydrated_device`: at most one of a user."""

from collections.abc import Sequence

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class DehydratedRow(msgspec.Struct, frozen=True):
    """A dehydrated device; `device_data` is JSON."""

    device_nid: int
    device_id: str
    device_data: bytes


_FIND = Statement(
    DehydratedRow,
    "select d.device_nid, d.device_id, h.device_data from dehydrated_device h"
    " join device d on d.tenant_id = $1 and d.device_nid = h.device_nid where h.tenant_id = $1 and h.user_nid = $2",
)
_SET = Statement(
    int,
    "insert into dehydrated_device (tenant_id, user_nid, device_nid, device_data) values ($1, $2, $3, $4)"
    " on conflict (tenant_id, user_nid) do update set device_nid = excluded.device_nid,"
    " device_data = excluded.device_data returning 1",
)
_DELETE = Statement(
    int, "delete from dehydrated_device where tenant_id = $1 and device_nid = any ($2::bigint[]) returning 1"
)
_OTHERS = Statement(
    int,
    "select d.device_nid from device d where d.tenant_id = $1 and d.user_nid = $2 and not exists"
    " (select from dehydrated_device h where h.tenant_id = $1 and h.user_nid = $2 and h.device_nid = d.device_nid)",
)


async def find(conn: Connection, tenant: Tenant, user_nid: int) -> DehydratedRow | None:
    """The user's dehydrated device."""
    return await _FIND.one(conn, tenant, user_nid)


async def put(conn: Connection, tenant: Tenant, user_nid: int, device_nid: int, device_data: bytes) -> None:
    """Make a device the user's dehydrated one."""
    await _SET.run(conn, tenant, user_nid, device_nid, device_data)


async def delete(conn: Connection, tenant: Tenant, device_nids: Sequence[int]) -> None:
    """Forget those of the devices that are dehydrated."""
    await _DELETE.run(conn, tenant, list(device_nids))


async def other_devices(conn: Connection, tenant: Tenant, user_nid: int) -> list[int]:
    """All devices of the user but the dehydrated one: those that end when all sessions do."""
    return await _OTHERS.all(conn, tenant, user_nid)
