"""A new pair of tokens for a refresh token."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.store import accounts
from timserver.store.vault import token_hash
from timserver.tenancy import Tenant
from timserver.usecases.accounts.sessions import Tokens, give_tokens


async def refresh_session(ctx: Context, tenant: Tenant, refresh_token: str) -> Tokens:
    """The old pair stays until the new access or refresh token is used, since the answer may get lost; asking again
    with the old refresh token replaces the new pair. Raises `UnknownToken` and `UserLocked`.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#refreshing-access-tokens
    """
    key = token_hash(refresh_token)
    async with ctx.database.transaction(tenant) as conn:
        row = await accounts.lock_refresh(conn, tenant, key)
        account = await accounts.account_of(conn, tenant, row.user_nid) if row else None
        if row is None or account is None or account.state == accounts.DEACTIVATED:
            raise errors.UnknownToken("Unknown refresh token")
        if account.state == accounts.LOCKED:
            raise errors.UserLocked(soft_logout=True)
        ended = await accounts.end_other_pairs(conn, tenant, row, key)
        tokens = await give_tokens(ctx, conn, tenant, row.user_nid, row.device_nid, refresh=True)
        assert tokens.refresh_token is not None
        await accounts.set_next(conn, tenant, key, token_hash(tokens.refresh_token))
    for token in ended:
        ctx.caches.tokens.drop((tenant.tenant_id, token))
    if ended:
        ctx.streams.forget(tenant, f"tokens:{row.user_nid}")
    return tokens
