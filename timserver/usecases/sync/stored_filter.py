"""Step: the filter that a sync names or brings along."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.filters import Filter, parse_filter
from timserver.store import sync_filters
from timserver.tenancy import Requester, Tenant

_ALL = Filter()


async def filter_of(ctx: Context, tenant: Tenant, requester: Requester, text: str | None) -> Filter:
    """A filter object begins with a brace; anything else is the id of a stored one."""
    if not text:
        return _ALL
    key = (tenant.tenant_id, requester.user_nid, text)
    known = ctx.caches.filters.get(key)
    if known is not None:
        return known
    if text.startswith("{"):
        return parse_filter(text)
    if not text.isdigit():
        raise errors.InvalidParam("Unknown filter")
    async with ctx.database.transaction(tenant) as conn:
        body = await sync_filters.get(conn, tenant, requester.user_nid, int(text))
    if body is None:
        raise errors.InvalidParam("Unknown filter")
    return ctx.caches.filters.put(key, parse_filter(body))
