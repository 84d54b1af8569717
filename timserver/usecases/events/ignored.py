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
    body = await account_data.get(conn, tenant, user_nid, 0, "m.ignored_user_list")
    if body is None:
        return []
    users = msgspec.json.decode(body).get("ignored_users")
    names = list(users) if isinstance(users, dict) else []
    return list((await terms.find(conn, ctx.caches, tenant, names)).values())
