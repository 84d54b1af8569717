"""A token by which a third party may ask who the user is, and nothing else."""

from timserver.context import Context
from timserver.matrix.ids import UserID
from timserver.store import openid_tokens
from timserver.store.vault import token_hash
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.ownership import check_own

OPENID_LIFE_S = 3600


async def make_openid_token(ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID) -> str:
    """Lives for `OPENID_LIFE_S`.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridopenidrequest_token
    """
    check_own(requester, user_id)
    token = "timo_" + ctx.ids.opaque(40)
    now_ms = ctx.clock.now_ms()
    async with ctx.database.transaction(tenant) as conn:
        await openid_tokens.expire(conn, tenant, now_ms)
        expires_ts = now_ms + OPENID_LIFE_S * 1000
        await openid_tokens.insert(conn, tenant, token_hash(token), requester.user_nid, expires_ts)
    return token
