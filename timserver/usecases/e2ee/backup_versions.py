"""Versions of a user's key backup: create, look at, change, delete.

Spec: https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups
"""

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.json_types import JsonObject
from timserver.store import cross_signing, key_backup
from timserver.store.key_backup import VersionRow
from timserver.tenancy import Requester, Tenant

_VERSION_DIGITS_MAX = 18


async def create_backup(
    ctx: Context, tenant: Tenant, requester: Requester, algorithm: str, auth_data: JsonObject
) -> str:
    """The new version; from now on only it takes keys."""
    async with ctx.database.transaction(tenant) as conn:
        await cross_signing.lock_user(conn, tenant, requester.user_nid)
        encoded = msgspec.json.encode(auth_data)
        return str(await key_backup.create(conn, tenant, requester.user_nid, algorithm, encoded))


async def current_backup(ctx: Context, tenant: Tenant, requester: Requester) -> VersionRow:
    """Raises `NotFound` when there is none."""
    async with ctx.database.transaction(tenant) as conn:
        row = await key_backup.current(conn, tenant, requester.user_nid)
    if row is None:
        raise errors.NotFound("No current backup version")
    return row


async def find_backup(ctx: Context, tenant: Tenant, requester: Requester, version: str) -> VersionRow:
    """Raises `NotFound`."""
    async with ctx.database.transaction(tenant) as conn:
        row = await key_backup.find(conn, tenant, requester.user_nid, number_of(version))
    return known(row)


async def update_backup(
    ctx: Context, tenant: Tenant, requester: Requester, version: str, algorithm: str, auth_data: JsonObject
) -> None:
    """Replace `auth_data`. Raises `NotFound`, and `InvalidParam` for another algorithm."""
    async with ctx.database.transaction(tenant) as conn:
        row = known(await key_backup.lock(conn, tenant, requester.user_nid, number_of(version)))
        if row.algorithm != algorithm:
            raise errors.InvalidParam("Algorithm does not match")
        encoded = msgspec.json.encode(auth_data)
        await key_backup.set_auth_data(conn, tenant, requester.user_nid, row.version, encoded)


async def delete_backup(ctx: Context, tenant: Tenant, requester: Requester, version: str) -> None:
    """The version and all keys in it. Raises `NotFound` when it never was."""
    async with ctx.database.transaction(tenant) as conn:
        if not await key_backup.delete(conn, tenant, requester.user_nid, number_of(version)):
            raise errors.NotFound("Unknown backup version")


def number_of(version: str) -> int:
    """What we give out are numbers; anything else is 0, which no version has."""
    plain = version.isascii() and version.isdigit() and len(version) <= _VERSION_DIGITS_MAX
    return int(version) if plain else 0


def known(row: VersionRow | None) -> VersionRow:
    """Raises `NotFound` when there is no such version."""
    if row is None:
        raise errors.NotFound("Unknown backup version")
    return row
