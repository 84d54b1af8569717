import asyncio
from collections import Counter

from tests.support.devices import Device, new_device
from tests.support.homeserver import MASTER_KEY, settings_for
from timserver import app
from timserver.context import Context
from timserver.store import keys
from timserver.store.keys import UploadedKey
from timserver.tenancy import Tenant

CURVE = "signed_curve25519"


def some_keys(count: int, first: int = 0) -> list[UploadedKey]:
    return [UploadedKey(CURVE, f"K{n:03}", b'{"key":"%d"}' % n) for n in range(first, first + count)]


async def add(ctx: Context, tenant: Tenant, device: Device, uploaded: list[UploadedKey]) -> None:
    async with ctx.database.transaction(tenant) as conn:
        await keys.add_one_time_keys(conn, tenant, device.device_nid, uploaded)


async def claim(ctx: Context, tenant: Tenant, device: Device) -> str | None:
    async with ctx.database.transaction(tenant) as conn:
        claimed = await keys.claim_keys(conn, tenant, [(device.device_nid, CURVE)])
    return claimed[0].key_id if claimed else None


async def counts(ctx: Context, tenant: Tenant, device: Device) -> dict[str, int]:
    async with ctx.database.transaction(tenant) as conn:
        return (await keys.supply(conn, tenant, device.device_nid)).one_time_key_counts


async def test_counts_say_zero_and_only_what_is_unclaimed(
    ctx: Context, tenant: Tenant, other: Tenant
) -> None:
    device = await new_device(ctx, tenant)
    assert await counts(ctx, tenant, device) == {CURVE: 0}
    await add(ctx, tenant, device, [*some_keys(3), UploadedKey("curve25519", "A", b'"x"')])
    await claim(ctx, tenant, device)
    assert await counts(ctx, tenant, device) == {CURVE: 2, "curve25519": 1}
    assert await counts(ctx, other, device) == {CURVE: 0}


async def test_keys_are_claimed_in_order_of_upload(ctx: Context, tenant: Tenant, other: Tenant) -> None:
    device = await new_device(ctx, tenant)
    await add(ctx, tenant, device, some_keys(2, first=10))
    await add(ctx, tenant, device, some_keys(2))
    assert await claim(ctx, other, device) is None
    assert [await claim(ctx, tenant, device) for _ in range(5)] == ["K010", "K011", "K000", "K001", None]


async def test_parallel_claims_over_two_pools_give_each_key_once(
    ctx: Context, tenant: Tenant, database_url: str
) -> None:
    device = await new_device(ctx, tenant)
    await add(ctx, tenant, device, some_keys(20))
    async with app.open_context(settings_for(database_url), MASTER_KEY) as second:
        found = await asyncio.gather(
            *(claim(context, tenant, device) for _ in range(25) for context in (ctx, second))
        )
    assert Counter(found) == Counter([*(key.key_id for key in some_keys(20)), *[None] * 30])


async def test_a_claimed_key_is_known_for_a_while(ctx: Context, tenant: Tenant, other: Tenant) -> None:
    device = await new_device(ctx, tenant)
    await add(ctx, tenant, device, some_keys(1))
    await claim(ctx, tenant, device)
    async with ctx.database.transaction(tenant) as conn:
        known = await keys.known_one_time_keys(conn, tenant, device.device_nid, some_keys(2))
    assert [(key.key_id, key.claimed) for key in known] == [("K000", True)]
    await add(ctx, tenant, device, some_keys(keys.CLAIMED_KEPT + 1, first=1))
    async with ctx.database.transaction(tenant) as conn:
        assert await keys.known_one_time_keys(conn, tenant, device.device_nid, some_keys(1)) == []
    async with ctx.database.transaction(other) as conn:
        assert await keys.known_one_time_keys(conn, other, device.device_nid, some_keys(5)) == []


async def test_a_fallback_key_is_given_out_again_and_stays_used(
    ctx: Context, tenant: Tenant, other: Tenant
) -> None:
    device = await new_device(ctx, tenant)

    async def unused(of: Tenant = tenant) -> list[str]:
        async with ctx.database.transaction(of) as conn:
            return (await keys.supply(conn, of, device.device_nid)).unused_fallback_types

    async def upload(name: str) -> None:
        async with ctx.database.transaction(tenant) as conn:
            await keys.set_fallback_keys(conn, tenant, device.device_nid, [UploadedKey(CURVE, name, b"{}")])

    await upload("F")
    assert (await unused(), await unused(other)) == ([CURVE], [])
    await add(ctx, tenant, device, some_keys(1))
    assert [await claim(ctx, tenant, device) for _ in range(3)] == ["K000", "F", "F"]
    assert await unused() == []
    await upload("F")
    assert await unused() == []
    await upload("G")
    assert await unused() == [CURVE]


async def test_deleting_a_devices_keys_leaves_those_of_others(ctx: Context, tenant: Tenant) -> None:
    device = await new_device(ctx, tenant)
    neighbor = await new_device(ctx, tenant, of=device)
    for one in (device, neighbor):
        await add(ctx, tenant, one, some_keys(1))
        async with ctx.database.transaction(tenant) as conn:
            await keys.set_keys(conn, tenant, one.user_nid, one.device_nid, b"{}")
    async with ctx.database.transaction(tenant) as conn:
        await keys.delete_keys(conn, tenant, [device.device_nid])
        rest = await keys.keys_of_users(conn, tenant, [device.user_nid])
    assert [row.device_id for row in rest] == [neighbor.device_id]
    assert (await counts(ctx, tenant, device), await counts(ctx, tenant, neighbor)) == (
        {CURVE: 0},
        {CURVE: 1},
    )
