"""Tables `tenant`, `tenant_host`, `tenant_key`."""

from collections.abc import Sequence

import msgspec

from timserver.matrix.ids import ServerName
from timserver.store.database import Connection, Database
from timserver.store.statement import Directory, Function, Statement
from timserver.tenancy import Tenant, TenantSettings, Variant


class TenantRow(msgspec.Struct, frozen=True):
    """A row of `tenant`."""

    tenant_id: int
    server_name: str
    variant: str
    tim_version: str
    settings: str
    client_url: str | None

    def tenant(self) -> Tenant:
        """As a value."""
        return Tenant(
            tenant_id=self.tenant_id,
            server_name=ServerName(self.server_name),
            variant=Variant(self.variant),
            tim_version=self.tim_version,
            settings=msgspec.json.decode(self.settings, type=TenantSettings),
            client_url=self.client_url,
        )


class KeyRow(msgspec.Struct, frozen=True):
    """A row of `tenant_key`; the seed is sealed."""

    key_id: str
    seed: bytes
    public_key: bytes
    expired_ts: int | None


class UnsafeKey(msgspec.Struct, frozen=True):
    """A signing key in use that somebody else has, too."""

    server_name: str
    key_id: str


class TableCount(msgspec.Struct, frozen=True):
    """How many rows of a table are a tenant's."""

    table: str
    rows: int


_COLUMNS = "t.tenant_id, t.server_name, t.variant, t.tim_version, t.settings, t.client_url"
_BY_HOST = Directory(
    TenantRow,
    f"select {_COLUMNS} from tenant t left join tenant_host h on h.tenant_id = t.tenant_id and h.host = any ($1::text[])"
    " where h.host is not null or t.server_name = any ($1::text[])"
    " order by least(2 * array_position($1::text[], t.server_name), 2 * array_position($1::text[], h.host) + 1) limit 1",
)
_ALL = Directory(TenantRow, f"select {_COLUMNS} from tenant t order by t.server_name")
_BY_IDS = Directory(TenantRow, f"select {_COLUMNS} from tenant t where t.tenant_id = any ($1::bigint[])")
_INSERT = Directory(
    int,
    "insert into tenant (tenant_id, server_name, variant, tim_version, settings, client_url, created_ts)"
    " values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning 1",
)
_INSERT_HOST = Directory(
    int,
    "insert into tenant_host (host, tenant_id) select $1, $2"
    " where not exists (select from tenant where server_name = $1 and tenant_id <> $2)"
    " on conflict do nothing returning 1",
)
_ERASE = Function(TableCount, "erase_tenant", 2)
_UNSAFE_KEYS = Directory(UnsafeKey, "select server_name, key_id from unsafe_signing_keys($1::bytea[])")
_UPDATE_SETTINGS = Directory(int, "update tenant set settings = $2 where tenant_id = $1 returning 1")
_KEYS = Statement(
    KeyRow,
    "select key_id, seed, public_key, expired_ts from tenant_key where tenant_id = $1 order by created_ts desc",
)
_INSERT_KEY = Statement(
    int,
    "insert into tenant_key (tenant_id, key_id, seed, public_key, created_ts) values ($1, $2, $3, $4, $5)"
    " returning 1",
)


_EXPIRE_KEYS = Statement(
    int,
    "update tenant_key set expired_ts = $2 where tenant_id = $1 and expired_ts is null returning 1",
)


async def find_by_host(conn: Connection, host: str) -> Tenant | None:
    """By Host header: the server name itself, or else a registered host; with the port, or else without."""
    row = await _BY_HOST.one(conn, [host, host.rpartition(":")[0] or host])
    return row.tenant() if row else None


async def all_tenants(conn: Connection) -> list[Tenant]:
    """Every tenant, by name."""
    return [row.tenant() for row in await _ALL.all(conn)]


async def by_ids(conn: Connection, ids: Sequence[int]) -> list[Tenant]:
    """Those of the tenants that exist."""
    return [row.tenant() for row in await _BY_IDS.all(conn, list(ids))]


async def insert(conn: Connection, tenant: Tenant, now_ms: int) -> bool:
    """A new tenant; False when the server name is taken."""
    settings = msgspec.json.encode(tenant.settings).decode()
    row = await _INSERT.one(
        conn,
        tenant.tenant_id,
        tenant.server_name,
        tenant.variant.value,
        tenant.tim_version,
        settings,
        tenant.client_url,
        now_ms,
    )
    return row is not None


async def insert_host(conn: Connection, tenant: Tenant, host: str) -> bool:
    """A further host name under which the tenant is found; False when it is another one's."""
    return await _INSERT_HOST.one(conn, host, tenant.tenant_id) is not None


async def update_settings(conn: Connection, tenant: Tenant, settings: TenantSettings) -> None:
    """Replace the settings."""
    await _UPDATE_SETTINGS.run(conn, tenant.tenant_id, msgspec.json.encode(settings).decode())


async def erase(database: Database, tenant: Tenant, *, really: bool) -> list[TableCount]:
    """Remove the tenant with all its rows, or only count them."""
    return await _ERASE.all(database, tenant, really)


async def keys(conn: Connection, tenant: Tenant) -> list[KeyRow]:
    """Signing keys, the newest first."""
    return await _KEYS.all(conn, tenant)


async def insert_key(conn: Connection, tenant: Tenant, key: KeyRow, now_ms: int) -> None:
    """A new signing key; `key.seed` is sealed already."""
    await _INSERT_KEY.run(conn, tenant, key.key_id, key.seed, key.public_key, now_ms)


async def expire_keys(conn: Connection, tenant: Tenant, expired_ts: int) -> None:
    """All signing keys that are in use will have been."""
    await _EXPIRE_KEYS.run(conn, tenant, expired_ts)


async def unsafe_keys(conn: Connection, known_bad: Sequence[bytes]) -> list[UnsafeKey]:
    """Of all tenants: signing keys in use that another tenant has (or had), too, or that are known to be bad."""
    return await _UNSAFE_KEYS.all(conn, list(known_bad))
