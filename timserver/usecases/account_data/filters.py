"""Filters that clients store; they never change."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.filters import parse_filter
from timserver.matrix.ids import UserID
from timserver.store import sync_filters
from timserver.store.database import UniqueViolation
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.ownership import check_own

_ATTEMPTS = 5


async def store_filter(
    ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID, body: bytes
) -> int:
    """The filter's id. Raises `NotJson`, `BadJson`, `TooLarge`, `UserLimitExceeded`.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter
    """
    check_own(requester, user_id)
    if len(body) > ctx.settings.limits.filter_bytes_max:
        raise errors.TooLarge("The filter is too large")
    parse_filter(body)
    for _ in range(_ATTEMPTS):
        try:
            async with ctx.database.transaction(tenant) as conn:
                filter_id = await sync_filters.put(conn, tenant, requester.user_nid, body)
                if filter_id >= ctx.settings.limits.filters_per_user_max:
                    raise errors.UserLimitExceeded("Too many filters")
                return filter_id
        except UniqueViolation:
            continue
    raise errors.LimitExceeded(retry_after_ms=1000)


async def read_filter(
    ctx: Context, tenant: Tenant, requester: Requester, user_id: UserID, filter_id: str
) -> bytes:
    """The filter as it was stored. Raises `NotFound`."""
    check_own(requester, user_id)
    body = None
    if filter_id.isascii() and filter_id.isdecimal() and len(filter_id) < 18:
        async with ctx.database.transaction(tenant) as conn:
            body = await sync_filters.get(conn, tenant, requester.user_nid, int(filter_id))
    if body is None:
        raise errors.NotFound("No such filter")
    return body
