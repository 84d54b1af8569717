"""Numbers of names."""

from timserver.config import Limits
from timserver.context import Context
from timserver.store import terms
from timserver.store.caches import Caches
from timserver.tenancy import Tenant


async def test_a_name_keeps_its_number_when_it_is_forgotten_meanwhile(ctx: Context, tenant: Tenant) -> None:
    """The cache has room for ten, and more new names than that come in one call."""
    caches = Caches(Limits(rooms_cached_max=1), ctx.caches.rates)
    (first,) = await terms.intern(ctx.database, caches, tenant, ["@first:a.example"])
    names = ["@first:a.example", *(f"@{number}:a.example" for number in range(30))]
    nids = await terms.intern(ctx.database, caches, tenant, names)
    assert nids[0] == first > 0
    assert len({*nids} - {0}) == len(names)
    assert await terms.intern(ctx.database, ctx.caches, tenant, names) == nids
