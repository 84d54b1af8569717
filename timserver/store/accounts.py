"""Tables `account`, `device`, `access_token`, `refresh_token`."""

import msgspec

from timserver.store.database import Connection
from timserver.store.statement import Statement
from timserver.tenancy import Tenant

ACTIVE, LOCKED, DEACTIVATED = 0, 1, 3


class AccountRow(msgspec.Struct, frozen=True):
    """A local user."""

    user_nid: int
    localpart: str
    password_hash: str | None
    state: int
    is_admin: bool
    is_suspended: bool = False


class SessionRow(msgspec.Struct, frozen=True):
    """What stands behind an access token."""

    user_nid: int
    device_nid: int
    device_id: str
    localpart: str
    state: int
    is_admin: bool
    expires_ts: int | None
    used: bool
    is_suspended: bool
    seen_ts: int | None


class DeviceRow(msgspec.Struct, frozen=True):
    """A device of a user."""

    device_nid: int
    device_id: str
    display_name: str | None
    seen_ts: int | None
    seen_ip: str | None
    seen_agent: str | None = None


class RefreshRow(msgspec.Struct, frozen=True):
    """A refresh token."""

    user_nid: int
    device_nid: int
    access_token_hash: bytes


_BY_LOCALPART = Statement(
    AccountRow,
    "select user_nid, localpart, password_hash, state, is_admin, suspended from account where tenant_id = $1 and localpart = $2",
)
_BY_NID = Statement(
    AccountRow,
    "select user_nid, localpart, password_hash, state, is_admin, suspended from account where tenant_id = $1 and user_nid = $2",
)
_LOCAL_OF = Statement(
    int, "select user_nid from account where tenant_id = $1 and user_nid = any ($2::bigint[]) and state <> 3"
)
_ALL = Statement(
    AccountRow,
    "select user_nid, localpart, password_hash, state, is_admin, suspended from account where tenant_id = $1 order by localpart",
)
_INSERT = Statement(
    int,
    "insert into account (tenant_id, user_nid, localpart, password_hash, is_admin, created_ts)"
    " values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning 1",
)
_SET_PASSWORD = Statement(
    int, "update account set password_hash = $3 where tenant_id = $1 and user_nid = $2 returning 1"
)
_SET_STATE = Statement(
    int,
    "update account set state = $3, erased = $4, password_hash = case when $3::smallint = 3 then null else password_hash"
    " end where tenant_id = $1 and user_nid = $2 returning 1",
)
_SESSION = Statement(
    SessionRow,
    "select t.user_nid, t.device_nid, d.device_id, a.localpart, a.state, a.is_admin, t.expires_ts, t.used,"
    " a.suspended, d.seen_ts"
    " from access_token t"
    " join device d on d.tenant_id = t.tenant_id and d.device_nid = t.device_nid"
    " join account a on a.tenant_id = t.tenant_id and a.user_nid = t.user_nid"
    " where t.tenant_id = $1 and t.token_hash = $2",
)
_MARK_USED = Statement(
    int,
    "update access_token set used = true where tenant_id = $1 and token_hash = $2 and not used returning 1",
)
_DROP_OLD_PAIR = Statement(
    bytes,
    "with old as (delete from refresh_token r using refresh_token n where r.tenant_id = $1 and r.device_nid = $2"
    " and n.tenant_id = $1 and n.device_nid = $2 and n.access_token_hash = $3 and r.next_token_hash = n.token_hash"
    " returning r.access_token_hash)"
    " delete from access_token a using old where a.tenant_id = $1 and a.token_hash = old.access_token_hash"
    " and a.token_hash <> $3 returning a.token_hash",
)
_SEE = Statement(
    int,
    "update device set seen_ts = $3, seen_ip = $4, seen_agent = $5 where tenant_id = $1 and device_nid = $2 returning 1",
)
_SET_SUSPENDED = Statement(
    int, "update account set suspended = $3 where tenant_id = $1 and user_nid = $2 returning 1"
)
_INSERT_TOKEN = Statement(
    int,
    "insert into access_token (tenant_id, token_hash, user_nid, device_nid, expires_ts) values ($1, $2, $3, $4, $5)"
    " returning 1",
)
_INSERT_REFRESH = Statement(
    int,
    "insert into refresh_token (tenant_id, token_hash, user_nid, device_nid, access_token_hash)"
    " values ($1, $2, $3, $4, $5) returning 1",
)
_REFRESH = Statement(
    RefreshRow,
    "select user_nid, device_nid, access_token_hash from refresh_token where tenant_id = $1 and token_hash = $2"
    " for update",
)
_DROP_OTHER_PAIRS = Statement(
    bytes,
    "with other as (delete from refresh_token r where r.tenant_id = $1 and r.device_nid = $2 and r.token_hash <> $3"
    " returning r.access_token_hash)"
    " delete from access_token a using other where a.tenant_id = $1 and a.token_hash = other.access_token_hash"
    " and a.token_hash <> $4 returning a.token_hash",
)
_SET_NEXT = Statement(
    int,
    "update refresh_token set next_token_hash = $3 where tenant_id = $1 and token_hash = $2 returning 1",
)
_DELETE_TOKENS = Statement(
    bytes,
    "delete from access_token where tenant_id = $1 and device_nid = any ($2::bigint[]) returning token_hash",
)
_DELETE_REFRESH = Statement(
    int, "delete from refresh_token where tenant_id = $1 and device_nid = any ($2::bigint[]) returning 1"
)
_UPSERT_DEVICE = Statement(
    int,
    "insert into device (tenant_id, user_nid, device_id, device_nid, display_name, created_ts, seen_ts, seen_ip)"
    " values ($1, $2, $3, $4, $5, $6, $6, $7)"
    " on conflict (tenant_id, user_nid, device_id) do update set"
    " display_name = coalesce(excluded.display_name, device.display_name), seen_ts = excluded.seen_ts,"
    " seen_ip = excluded.seen_ip returning device_nid",
)
_DEVICES = Statement(
    DeviceRow,
    "select device_nid, device_id, display_name, seen_ts, seen_ip, seen_agent from device where tenant_id = $1 and user_nid = $2"
    " order by device_id",
)
_DEVICE = Statement(
    DeviceRow,
    "select device_nid, device_id, display_name, seen_ts, seen_ip, seen_agent from device where tenant_id = $1 and user_nid = $2"
    " and device_id = $3",
)
_RENAME_DEVICE = Statement(
    int,
    "update device set display_name = $4 where tenant_id = $1 and user_nid = $2 and device_id = $3 returning 1",
)
_DELETE_DEVICES = Statement(
    str,
    "delete from device where tenant_id = $1 and user_nid = $2 and device_nid = any ($3::bigint[])"
    " returning device_id",
)


async def find_account(conn: Connection, tenant: Tenant, localpart: str) -> AccountRow | None:
    """By localpart."""
    return await _BY_LOCALPART.one(conn, tenant, localpart)


async def account_of(conn: Connection, tenant: Tenant, user_nid: int) -> AccountRow | None:
    """By number; None when the user is not local."""
    return await _BY_NID.one(conn, tenant, user_nid)


async def local_among(conn: Connection, tenant: Tenant, user_nids: list[int]) -> set[int]:
    """Which of the users are active local accounts."""
    return set(await _LOCAL_OF.all(conn, tenant, user_nids))


async def all_accounts(conn: Connection, tenant: Tenant) -> list[AccountRow]:
    """Every local user, by localpart."""
    return await _ALL.all(conn, tenant)


async def insert_account(conn: Connection, tenant: Tenant, account: AccountRow, now_ms: int) -> bool:
    """A new local user; False when the localpart is taken."""
    row = await _INSERT.one(
        conn, tenant, account.user_nid, account.localpart, account.password_hash, account.is_admin, now_ms
    )
    return row is not None


async def set_password(conn: Connection, tenant: Tenant, user_nid: int, password_hash: str) -> None:
    """Replace the password."""
    await _SET_PASSWORD.run(conn, tenant, user_nid, password_hash)


async def set_state(
    conn: Connection, tenant: Tenant, user_nid: int, state: int, *, erased: bool = False
) -> None:
    """Lock, suspend, deactivate or reactivate; deactivation takes the password away."""
    await _SET_STATE.run(conn, tenant, user_nid, state, erased)


async def set_suspended(conn: Connection, tenant: Tenant, user_nid: int, suspended: bool) -> None:
    """Suspend or unsuspend."""
    await _SET_SUSPENDED.run(conn, tenant, user_nid, suspended)


async def note_seen(
    conn: Connection, tenant: Tenant, device_nid: int, now_ms: int, address: str, user_agent: str
) -> None:
    """When and from where a device was here last."""
    await _SEE.run(conn, tenant, device_nid, now_ms, address, user_agent)


async def find_session(conn: Connection, tenant: Tenant, token_hash: bytes) -> SessionRow | None:
    """What stands behind an access token."""
    return await _SESSION.one(conn, tenant, token_hash)


async def mark_used(conn: Connection, tenant: Tenant, session: SessionRow, token_hash: bytes) -> list[bytes]:
    """The first use of a token made by a refresh ends the pair before it; hashes of tokens that ended."""
    if not await _MARK_USED.one(conn, tenant, token_hash):
        return []
    return await _DROP_OLD_PAIR.all(conn, tenant, session.device_nid, token_hash)


async def insert_token(
    conn: Connection,
    tenant: Tenant,
    user_nid: int,
    device_nid: int,
    token_hash: bytes,
    expires_ts: int | None,
) -> None:
    """A new access token."""
    await _INSERT_TOKEN.run(conn, tenant, token_hash, user_nid, device_nid, expires_ts)


async def insert_refresh(
    conn: Connection,
    tenant: Tenant,
    user_nid: int,
    device_nid: int,
    token_hash: bytes,
    access_token_hash: bytes,
) -> None:
    """A refresh token, given out together with an access token."""
    await _INSERT_REFRESH.run(conn, tenant, token_hash, user_nid, device_nid, access_token_hash)


async def lock_refresh(conn: Connection, tenant: Tenant, token_hash: bytes) -> RefreshRow | None:
    """The refresh token, locked until the transaction ends."""
    return await _REFRESH.one(conn, tenant, token_hash)


async def end_other_pairs(
    conn: Connection, tenant: Tenant, row: RefreshRow, token_hash: bytes
) -> list[bytes]:
    """The use of a refresh token ends the pair before it, and the pair that its last use made."""
    return await _DROP_OTHER_PAIRS.all(conn, tenant, row.device_nid, token_hash, row.access_token_hash)


async def set_next(conn: Connection, tenant: Tenant, token_hash: bytes, next_token_hash: bytes) -> None:
    """Say which refresh token replaces this one."""
    await _SET_NEXT.run(conn, tenant, token_hash, next_token_hash)


async def delete_tokens(conn: Connection, tenant: Tenant, device_nids: list[int]) -> list[bytes]:
    """End all sessions of devices; hashes of the access tokens that ended."""
    await _DELETE_REFRESH.run(conn, tenant, device_nids)
    return await _DELETE_TOKENS.all(conn, tenant, device_nids)


async def upsert_device(
    conn: Connection, tenant: Tenant, user_nid: int, device: DeviceRow, now_ms: int
) -> int:
    """Make or find the device; its number."""
    nid = await _UPSERT_DEVICE.one(
        conn,
        tenant,
        user_nid,
        device.device_id,
        device.device_nid,
        device.display_name,
        now_ms,
        device.seen_ip,
    )
    assert nid is not None
    return nid


async def devices(conn: Connection, tenant: Tenant, user_nid: int) -> list[DeviceRow]:
    """Devices of a user."""
    return await _DEVICES.all(conn, tenant, user_nid)


async def find_device(conn: Connection, tenant: Tenant, user_nid: int, device_id: str) -> DeviceRow | None:
    """One device."""
    return await _DEVICE.one(conn, tenant, user_nid, device_id)


async def rename_device(
    conn: Connection, tenant: Tenant, user_nid: int, device_id: str, display_name: str | None
) -> bool:
    """Set the name; False when there is no such device."""
    return await _RENAME_DEVICE.one(conn, tenant, user_nid, device_id, display_name) is not None


async def delete_devices(
    conn: Connection, tenant: Tenant, user_nid: int, device_nids: list[int]
) -> list[str]:
    """Remove devices; the ids of those that were there."""
    return await _DELETE_DEVICES.all(conn, tenant, user_nid, device_nids)
