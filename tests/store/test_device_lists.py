from tests.support.devices import Device, join, new_device
from timserver.context import Context
from timserver.store import device_lists, log
from timserver.tenancy import Tenant


async def change(ctx: Context, tenant: Tenant, user: Device) -> int:
    async with ctx.database.transaction(tenant) as conn:
        position = await log.take(conn, tenant)
        await device_lists.note_change(conn, tenant, user.user_nid, position)
    return position


async def changed(ctx: Context, tenant: Tenant, user: Device, since: int, up_to: int) -> set[int]:
    async with ctx.database.transaction(tenant) as conn:
        return set(await device_lists.changed_since(conn, tenant, user.user_nid, since, up_to))


async def test_changes_are_told_to_oneself_and_to_those_in_a_joined_room(
    ctx: Context, tenant: Tenant, other: Tenant
) -> None:
    alice, bob, carol = [await new_device(ctx, tenant) for _ in range(3)]
    await join(ctx, tenant, 7, alice, bob)
    await join(ctx, tenant, 7, carol, membership=2)
    start = await change(ctx, tenant, carol)
    await change(ctx, tenant, bob)
    middle = await change(ctx, tenant, alice)
    everyone = {alice.user_nid, bob.user_nid}
    assert await changed(ctx, tenant, alice, 0, middle) == everyone
    assert await changed(ctx, tenant, bob, start, middle) == everyone
    assert await changed(ctx, tenant, carol, 0, middle) == {carol.user_nid}
    assert await changed(ctx, tenant, bob, middle - 1, middle) == {alice.user_nid}
    assert await changed(ctx, tenant, alice, start, middle - 1) == {bob.user_nid}
    assert await changed(ctx, other, alice, 0, middle) == set()


async def test_who_has_left_hears_nothing(ctx: Context, tenant: Tenant) -> None:
    alice, bob = await new_device(ctx, tenant), await new_device(ctx, tenant)
    await join(ctx, tenant, 7, alice, bob)
    await join(ctx, tenant, 7, bob, membership=4)
    position = await change(ctx, tenant, alice)
    assert await changed(ctx, tenant, bob, 0, position) == set()
