"""A new homeserver: a row, a key and a log (DESIGN 2: at most 50 ms, no restart)."""

from yarl import URL

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, parse_server_name
from timserver.store import log, tenants
from timserver.tenancy import Tenant, TenantSettings, Variant
from timserver.usecases.tenants.rotate_key import new_key


async def create_tenant(
    ctx: Context,
    server_name: str,
    variant: Variant = Variant.OFF,
    *,
    tim_version: str = "1.2",
    client_url: str | None = None,
    settings: TenantSettings | None = None,
) -> Tenant:
    """Found by the host of `client_url`, too, if that has no path: one below a path is for the proxy to take apart.

    Raises `InvalidParam` for a bad name or URL or a name with capital letters, and `UserInUse` for a name that exists or a
    host that is another tenant's.
    """
    try:
        name = parse_server_name(server_name)
    except InvalidID as error:
        raise errors.InvalidParam(f"{server_name} is not a server name") from error
    if name != name.lower():
        raise errors.InvalidParam(f"{server_name} has capital letters, and no host has")
    host = None if client_url is None else _host_of(client_url)
    (tenant_id,) = await ctx.database.take_nids(1)
    tenant = Tenant(
        tenant_id=tenant_id,
        server_name=name,
        variant=variant,
        tim_version=tim_version,
        settings=settings or TenantSettings(default_room_version=ctx.settings.default_room_version),
        client_url=client_url,
    )
    now_ms = ctx.clock.now_ms()
    async with ctx.database.directory() as conn:
        if not await tenants.insert(conn, tenant, now_ms):
            raise errors.UserInUse(f"{server_name} exists")
        if host not in (None, name) and not await tenants.insert_host(conn, tenant, host):
            raise errors.UserInUse(f"{host} is where clients of another homeserver are")
    key = new_key(ctx)
    async with ctx.database.transaction(tenant) as conn:
        sealed = ctx.database.vault.seal(key.seed)
        await tenants.insert_key(
            conn, tenant, tenants.KeyRow(key.key_id, sealed, key.public_key, None), now_ms
        )
        await log.begin(conn, tenant)
    return tenant


def _host_of(client_url: str) -> str | None:
    """As the Host header has it; None below a path."""
    try:
        url = URL(client_url)
    except ValueError as error:
        raise errors.InvalidParam(f"{client_url} is not a URL") from error
    if url.scheme not in ("https", "http") or not url.host:
        raise errors.InvalidParam(f"{client_url} does not begin with https://")
    return url.host_port_subcomponent if url.path == "/" else None
