"""The operator changes settings of one tenant; no restart."""

import difflib

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.json_types import JsonObject
from timserver.store import tenants
from timserver.tenancy import Tenant, TenantSettings


async def change_settings(
    ctx: Context, tenant: Tenant, changes: JsonObject, *, dry_run: bool = False
) -> TenantSettings:
    """The settings after the changes; null takes one back to its default.

    Raises `InvalidParam` for an unknown name, which says the nearest one, and for a value of another type.
    """
    for name in changes:
        if name not in TenantSettings.__struct_fields__:
            near = difflib.get_close_matches(name, TenantSettings.__struct_fields__, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise errors.InvalidParam(f"{name} is no setting of a tenant{hint}")
    merged = {**msgspec.to_builtins(tenant.settings), **changes}
    try:
        settings = msgspec.convert(
            {name: value for name, value in merged.items() if value is not None}, TenantSettings, strict=False
        )
    except msgspec.ValidationError as error:
        raise errors.InvalidParam(str(error)) from error
    if not dry_run:
        async with ctx.database.directory() as conn:
            await tenants.update_settings(conn, tenant, settings)
        ctx.caches.drop_named(tenant.tenant_id, "tenant")
        ctx.streams.forget(tenant, "tenant")
    return settings
