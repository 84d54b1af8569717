"""Users with devices, for tests below HTTP."""

import itertools

import msgspec

from timserver.context import Context
from timserver.store import accounts, terms
from timserver.tenancy import Tenant
from timserver.usecases.accounts.create_user import create_user

_numbers = itertools.count(1)


class Device(msgspec.Struct, frozen=True):
    """A device of a user."""

    user_nid: int
    device_nid: int
    user_id: str
    device_id: str


async def new_device(ctx: Context, tenant: Tenant, *, of: Device | None = None) -> Device:
    """A device of a new user, or another one of a user."""
    user_id = of.user_id if of else await create_user(ctx, tenant, f"device{next(_numbers)}", None)
    (user_nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [user_id])
    (device_nid,) = await ctx.database.take_nids(1)
    device_id = f"DEVICE{next(_numbers)}"
    async with ctx.database.transaction(tenant) as conn:
        row = accounts.DeviceRow(device_nid, device_id, None, None, None)
        await accounts.upsert_device(conn, tenant, user_nid, row, 0)
    return Device(user_nid, device_nid, user_id, device_id)


async def join(ctx: Context, tenant: Tenant, room_nid: int, *users: Device, membership: int = 1) -> None:
    """Memberships as rows, without events: for what reads only the table."""
    async with ctx.database.transaction(tenant) as conn:
        await conn.raw.executemany(
            "insert into membership (tenant_id, room_nid, user_nid, membership, event_nid, position, local)"
            " values ($1, $2, $3, $4, 1, 1, true)"
            " on conflict (tenant_id, user_nid, room_nid) do update set membership = excluded.membership",
            [(tenant.tenant_id, room_nid, user.user_nid, membership) for user in users],
        )
