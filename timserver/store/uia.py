"""Table `uia_session`: user-interactive authentications that are under way."""

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant


class UiaRow(msgspec.Struct, frozen=True):
    """One authentication and the fingerprint of the request it is for."""

    session_id: str
    request: bytes
    created_ts: int


_INSERT = Statement(
    int,
    "insert into uia_session (tenant_id, session_id, request, completed, created_ts)"
    " values ($1, $2, $3, '{}', $4) returning 1",
)
_FIND = Statement(
    UiaRow, "select session_id, request, created_ts from uia_session where tenant_id = $1 and session_id = $2"
)
_DELETE = Statement(int, "delete from uia_session where tenant_id = $1 and session_id = $2 returning 1")
_EXPIRE = Statement(int, "delete from uia_session where tenant_id = $1 and created_ts < $2 returning 1")


async def insert(conn: Connection, tenant: Tenant, row: UiaRow) -> None:
    """A new authentication."""
    await _INSERT.run(conn, tenant, row.session_id, row.request, row.created_ts)


async def find(conn: Connection, tenant: Tenant, session_id: str) -> UiaRow | None:
    """By session."""
    return await _FIND.one(conn, tenant, session_id)


async def delete(conn: Connection, tenant: Tenant, session_id: str) -> None:
    """The authentication is over."""
    await _DELETE.run(conn, tenant, session_id)


async def expire(conn: Connection, tenant: Tenant, before_ts: int) -> None:
    """Remove those that began before `before_ts`."""
    await _EXPIRE.run(conn, tenant, before_ts)
