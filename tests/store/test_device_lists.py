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


async def test_who_is_visible(ctx: Context, tenant: Tenant, other: Tenant) -> None:
    alice, bob, carol, dave = [await new_device(ctx, tenant) for _ in range(4)]
    await join(ctx, tenant, 7, alice)
    await join(ctx, tenant, 7, bob, membership=4)
    await join(ctx, tenant, 8, carol, dave)
    await join(ctx, tenant, 8, alice, membership=2)
    nids = [user.user_nid for user in (alice, bob, carol, dave)]

    async def visible(of: Tenant, user: Device) -> set[int]:
        async with ctx.database.transaction(of) as conn:
            return await device_lists.visible_to(conn, of, user.user_nid, nids)

    assert await visible(tenant, alice) == {alice.user_nid, bob.user_nid}
    assert await visible(tenant, carol) == {alice.user_nid, carol.user_nid, dave.user_nid}
    assert await visible(other, dave) == {dave.user_nid}
    async with ctx.database.transaction(tenant) as conn:
        await conn.raw.execute(
            "insert into room (tenant_id, room_nid, room_id, room_version, created_ts, in_directory)"
            " values ($1, 8, '!r', '10', 0, true)",
            tenant.tenant_id,
        )
    assert await visible(tenant, alice) == set(nids)


async def test_who_came_together_and_who_parted(ctx: Context, tenant: Tenant, other: Tenant) -> None:
    alice, bob, carol = [await new_device(ctx, tenant) for _ in range(3)]

    async def joined(at: int, user: Device, room_nid: int) -> None:
        await join(ctx, tenant, room_nid, user)
        async with ctx.database.transaction(tenant) as conn:
            await conn.raw.execute(
                "update membership set join_position = $4, position = $4"
                " where tenant_id = $1 and user_nid = $2 and room_nid = $3",
                *(tenant.tenant_id, user.user_nid, room_nid, at),
            )

    async def together(since: int, up_to: int, of: Tenant = tenant) -> set[int]:
        async with ctx.database.transaction(of) as conn:
            return set(await device_lists.joined_since(conn, of, alice.user_nid, since, up_to))

    async def parted(since: int, up_to: int, of: Tenant = tenant) -> set[int]:
        async with ctx.database.transaction(of) as conn:
            return set(await device_lists.parted_since(conn, of, alice.user_nid, since, up_to))

    await joined(10, bob, 7)
    await joined(20, alice, 7)
    await joined(30, carol, 7)
    await joined(30, carol, 8)
    await joined(31, alice, 8)
    everyone = {bob.user_nid, carol.user_nid}
    assert (await together(0, 40), await together(20, 40)) == (everyone, {carol.user_nid})
    assert (await together(31, 40), await together(0, 40, other)) == (set(), set())
    await joined(50, alice, 7)
    await join(ctx, tenant, 7, alice, membership=4)
    assert (await parted(40, 60), await parted(50, 60)) == ({bob.user_nid}, set())
    assert await parted(40, 60, other) == set()
    await joined(70, carol, 8)
    await join(ctx, tenant, 8, carol, membership=5)
    assert await parted(60, 80) == {carol.user_nid}
