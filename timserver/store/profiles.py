"""Table `profile_field`: one row per field, the value as JSON."""

import msgspec

from timserver.matrix.json_types import JsonValue
from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class Field(msgspec.Struct, frozen=True):
    """One field of a user's profile."""

    user_nid: int
    name: str
    value: bytes


_FIELDS = Statement(
    Field,
    "select user_nid, name, value from profile_field where tenant_id = $1 and user_nid = any ($2::bigint[])",
)
_SET = Statement(
    int,
    "insert into profile_field (tenant_id, user_nid, name, value) values ($1, $2, $3, $4)"
    " on conflict (tenant_id, user_nid, name) do update set value = excluded.value returning 1",
)
_DELETE = Statement(
    int, "delete from profile_field where tenant_id = $1 and user_nid = $2 and name = $3 returning 1"
)
_DELETE_ALL = Statement(int, "delete from profile_field where tenant_id = $1 and user_nid = $2 returning 1")
_LOCK = Statement(int, "select 1 from account where tenant_id = $1 and user_nid = $2 for no key update")


async def lock(conn: Connection, tenant: Tenant, user_nid: int) -> None:
    """Changes of one profile come one after the other until the transaction ends."""
    await _LOCK.one(conn, tenant, user_nid)


async def profile_of(conn: Connection, tenant: Tenant, user_nid: int) -> dict[str, JsonValue]:
    """All fields of one user."""
    rows = await _FIELDS.all(conn, tenant, [user_nid])
    return {row.name: msgspec.json.decode(row.value) for row in rows}


async def set_field(conn: Connection, tenant: Tenant, user_nid: int, name: str, value: JsonValue) -> None:
    """Set one field."""
    await _SET.run(conn, tenant, user_nid, name, msgspec.json.encode(value))


async def delete_field(conn: Connection, tenant: Tenant, user_nid: int, name: str) -> None:
    """Remove one field."""
    await _DELETE.run(conn, tenant, user_nid, name)


async def delete_all(conn: Connection, tenant: Tenant, user_nid: int) -> None:
    """Remove the whole profile."""
    await _DELETE_ALL.run(conn, tenant, user_nid)
