"""Statements: SQL text, the struct of its rows, and the tenant put in as `$1`.

Every statement is registered at import; `tests/architecture` prepares each one on the migrated schema and compares
columns with the struct's fields. Nothing else in the program sends SQL.

    FIND_DEVICE = Statement(DeviceRow, "select … from device where tenant_id = $1 and device_id = $2")
    row = await FIND_DEVICE.one(conn, tenant, device_id)
"""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar, cast

import msgspec

from timserver.store.database import Connection, Database
from timserver.tenancy import Tenant

Row = TypeVar("Row")

REGISTERED: list["Statement[Any] | Directory[Any] | Function[Any]"] = []


def _maker(row: type[Row]) -> Any:
    """From an asyncpg record to the row: a struct takes its columns in order, a plain type the only one."""
    if issubclass(row, msgspec.Struct):
        return lambda record: row(*record)
    return lambda record: record[0]


class Statement(Generic[Row]):
    """A statement on tables of a tenant; `$1` is the tenant's id."""

    def __init__(self, row: type[Row], sql: str) -> None:
        assert "$1" in sql, sql
        self.row, self.sql, self._make = row, sql, _maker(row)
        REGISTERED.append(self)

    def _check(self, conn: Connection, tenant: Tenant) -> None:
        assert conn.tenant_id == tenant.tenant_id, "connection of another tenant"

    async def all(self, conn: Connection, tenant: Tenant, *args: Any) -> list[Row]:
        """All rows."""
        self._check(conn, tenant)
        make = self._make
        return [make(record) for record in await conn.raw.fetch(self.sql, tenant.tenant_id, *args)]

    async def one(self, conn: Connection, tenant: Tenant, *args: Any) -> Row | None:
        """The only row, or None."""
        self._check(conn, tenant)
        record = await conn.raw.fetchrow(self.sql, tenant.tenant_id, *args)
        return None if record is None else cast(Row, self._make(record))

    async def run(self, conn: Connection, tenant: Tenant, *args: Any) -> int:
        """Execute; the number of rows touched."""
        self._check(conn, tenant)
        tag: str = await conn.raw.execute(self.sql, tenant.tenant_id, *args)
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def many(self, conn: Connection, tenant: Tenant, rows: Iterable[Sequence[Any]]) -> None:
        """Execute once per row, in one batch."""
        self._check(conn, tenant)
        await conn.raw.executemany(self.sql, [(tenant.tenant_id, *row) for row in rows])


class Directory(Generic[Row]):
    """A statement on tables that belong to no tenant."""

    def __init__(self, row: type[Row], sql: str) -> None:
        self.row, self.sql, self._make = row, sql, _maker(row)
        REGISTERED.append(self)

    async def all(self, conn: Connection, *args: Any) -> list[Row]:
        """All rows."""
        return [self._make(record) for record in await conn.raw.fetch(self.sql, *args)]

    async def one(self, conn: Connection, *args: Any) -> Row | None:
        """The only row, or None."""
        record = await conn.raw.fetchrow(self.sql, *args)
        return None if record is None else cast(Row, self._make(record))

    async def run(self, conn: Connection, *args: Any) -> int:
        """Execute; the number of rows touched."""
        count = (await conn.raw.execute(self.sql, *args)).rpartition(" ")[2]
        return int(count) if count.isdigit() else 0


class Function(Generic[Row]):
    """An SQL function of `migrations/functions` that sets the tenant (its first parameter) and does it all."""

    def __init__(self, row: type[Row], name: str, parameters: int) -> None:
        places = ", ".join(f"${n}" for n in range(1, parameters + 1))
        self.row, self.name, self._make = row, name, _maker(row)
        self.sql = f"select * from {name}({places})"
        REGISTERED.append(self)

    async def all(self, database: Database, tenant: Tenant, *args: Any) -> list[Row]:
        """All rows of one call, which is one transaction."""
        return [self._make(record) for record in await database.call(self.sql, tenant.tenant_id, *args)]

    async def one(self, database: Database, tenant: Tenant, *args: Any) -> Row | None:
        """The only row of one call."""
        records = await database.call(self.sql, tenant.tenant_id, *args)
        return cast(Row, self._make(records[0])) if records else None
