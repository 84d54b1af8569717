"""Table `pusher`: where a user's devices want to be notified."""

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

_OF = Statement(
    bytes, "select body from pusher where tenant_id = $1 and user_nid = $2 order by app_id, pushkey"
)
_PUT = Statement(
    int,
    "insert into pusher (tenant_id, user_nid, app_id, pushkey, device_nid, body) values ($1, $2, $3, $4, $5, $6)"
    " on conflict (tenant_id, user_nid, app_id, pushkey)"
    " do update set device_nid = excluded.device_nid, body = excluded.body returning 1",
)
_DELETE = Statement(
    int,
    "delete from pusher where tenant_id = $1 and user_nid = $2 and app_id = $3 and pushkey = $4 returning 1",
)
_DELETE_OTHERS = Statement(
    int,
    "delete from pusher where tenant_id = $1 and user_nid <> $2 and app_id = $3 and pushkey = $4 returning 1",
)
_DELETE_OF_DEVICES = Statement(
    int, "delete from pusher where tenant_id = $1 and device_nid = any ($2::bigint[]) returning 1"
)


async def of_user(conn: Connection, tenant: Tenant, user_nid: int) -> list[bytes]:
    """All pushers of a user, as JSON."""
    return await _OF.all(conn, tenant, user_nid)


async def put(
    conn: Connection,
    tenant: Tenant,
    user_nid: int,
    device_nid: int,
    key: tuple[str, str],
    body: bytes,
) -> None:
    """Set or replace the pusher with (app id, push key) `key`."""
    await _PUT.run(conn, tenant, user_nid, *key, device_nid, body)


async def delete(conn: Connection, tenant: Tenant, user_nid: int, key: tuple[str, str]) -> None:
    """Remove a pusher."""
    await _DELETE.run(conn, tenant, user_nid, *key)


async def delete_of_others(conn: Connection, tenant: Tenant, user_nid: int, key: tuple[str, str]) -> None:
    """The device has changed hands: nobody else is notified by it."""
    await _DELETE_OTHERS.run(conn, tenant, user_nid, *key)


async def delete_of_devices(conn: Connection, tenant: Tenant, device_nids: list[int]) -> None:
    """Remove what devices have set."""
    await _DELETE_OF_DEVICES.run(conn, tenant, device_nids)
