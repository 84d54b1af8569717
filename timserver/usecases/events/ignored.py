"""Step: whom a user ignores."""

import msgspec

from timserver.context import Context
from timserver.store import account_data, terms
from timserver.store.database import Connection
from timserver.tenancy import Tenant


async def ignored_users(ctx: Context, conn: Connection, tenant: Tenant, user_nid: int) -> list[int]:
    """Numbers of the users in `m.ignored_user_list`.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#ignoring-users
    """
    return await numbers_of(ctx, conn, tenant, await ignored_names(conn, tenant, user_nid))


async def ignored_names(conn: Connection, tenant: Tenant, user_nid: int) -> list[str]:
    """Whoever is named there, whether anybody here has heard of them or not."""
    body = await account_data.get(conn, tenant, user_nid, 0, "m.ignored_user_list")
    users = msgspec.json.decode(body).get("ignored_users") if body is not None else None
    return list(users) if isinstance(users, dict) else []


async def numbers_of(ctx: Context, conn: Connection, tenant: Tenant, names: list[str]) -> list[int]:
    """The numbers of those who are known by now."""
    return list((await terms.find(conn, ctx.caches, tenant, names)).values())
