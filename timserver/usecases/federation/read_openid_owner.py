"""Somebody asks whose OpenID token this is: needs no authentication but the token, and no federation.

Spec: https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1openiduserinfo
"""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import UserID
from timserver.store import accounts, openid_tokens, terms
from timserver.store.vault import token_hash
from timserver.tenancy import Tenant


async def read_openid_owner(ctx: Context, tenant: Tenant, token: str) -> UserID:
    """Raises `UnknownToken` for tokens that are unknown, have expired, or whose owner's account has ended."""
    async with ctx.database.transaction(tenant) as conn:
        user_nid = await openid_tokens.find(conn, tenant, token_hash(token), ctx.clock.now_ms())
        if user_nid is None or not await accounts.local_among(conn, tenant, [user_nid]):
            raise errors.UnknownToken("Access token unknown or expired")
        return UserID((await terms.names_of(conn, ctx.caches, tenant, [user_nid]))[user_nid])
