from tests.support.devices import Device, new_device
from timserver.context import Context
from timserver.store import log, to_device
from timserver.store.to_device import Delivery
from timserver.tenancy import Tenant


async def send(ctx: Context, tenant: Tenant, message: bytes, *devices: Device) -> int:
    async with ctx.database.transaction(tenant) as conn:
        position = await log.take(conn, tenant)
        rows = [Delivery(device.device_nid, message) for device in devices]
        await to_device.put(conn, tenant, position, rows)
    return position


async def inbox(
    ctx: Context, tenant: Tenant, device: Device, after: int = 0, up_to: int = 1000, limit: int = 100
) -> list[bytes]:
    async with ctx.database.transaction(tenant) as conn:
        found = await to_device.inbox(conn, tenant, device.device_nid, after, up_to, limit)
    return [message for _, message in found]


async def test_an_inbox_is_read_in_order_within_bounds(ctx: Context, tenant: Tenant, other: Tenant) -> None:
    alice, bob = await new_device(ctx, tenant), await new_device(ctx, tenant)
    first = await send(ctx, tenant, b"1", alice, bob)
    second = await send(ctx, tenant, b"2", alice)
    await send(ctx, tenant, b"3", alice)
    assert await inbox(ctx, tenant, alice) == [b"1", b"2", b"3"]
    assert await inbox(ctx, tenant, alice, after=first, up_to=second) == [b"2"]
    assert await inbox(ctx, tenant, alice, limit=2) == [b"1", b"2"]
    assert await inbox(ctx, tenant, bob) == [b"1"]
    assert await inbox(ctx, other, alice) == []


async def test_what_was_received_is_deleted(ctx: Context, tenant: Tenant, other: Tenant) -> None:
    alice, bob = await new_device(ctx, tenant), await new_device(ctx, tenant)
    first = await send(ctx, tenant, b"1", alice, bob)
    await send(ctx, tenant, b"2", alice)
    for of in (other, tenant):
        async with ctx.database.transaction(of) as conn:
            await to_device.delete_inbox(conn, of, alice.device_nid, first)
        assert len(await inbox(ctx, tenant, alice)) == (2 if of is other else 1)
    assert await inbox(ctx, tenant, bob) == [b"1"]


async def test_a_full_inbox_loses_its_oldest(ctx: Context, tenant: Tenant) -> None:
    alice, bob = await new_device(ctx, tenant), await new_device(ctx, tenant)
    for n in range(5):
        await send(ctx, tenant, b"%d" % n, alice, *([bob] if n < 2 else []))
    async with ctx.database.transaction(tenant) as conn:
        assert await to_device.trim_inboxes(conn, tenant, [alice.device_nid, bob.device_nid], 3) == 2
    assert await inbox(ctx, tenant, alice) == [b"2", b"3", b"4"]
    assert await inbox(ctx, tenant, bob) == [b"0", b"1"]


async def test_a_transaction_begins_once(ctx: Context, tenant: Tenant, other: Tenant) -> None:
    alice = await new_device(ctx, tenant)

    async def begin(of: Tenant, now_ms: int = 100) -> bool:
        async with ctx.database.transaction(of) as conn:
            return await to_device.begin_txn(conn, of, alice.device_nid, "t", now_ms)

    assert [await begin(tenant), await begin(tenant), await begin(other)] == [True, False, True]
    async with ctx.database.transaction(tenant) as conn:
        await to_device.forget_txns(conn, tenant, alice.device_nid, 101)
    assert [await begin(tenant), await begin(other)] == [True, False]
