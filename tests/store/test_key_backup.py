from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.devices import new_device
from timserver.context import Context
from timserver.store import key_backup
from timserver.store.key_backup import KeyRow
from timserver.tenancy import Tenant

Quality = tuple[bool, int, int]
qualities = st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=6)


def better(one: Quality, other: Quality) -> Quality:
    """The spec's words: verified, then the lower first message index, then the lower forwarded count."""
    if one[0] != other[0]:
        return one if one[0] else other
    if one[1] != other[1]:
        return one if one[1] < other[1] else other
    return other if other[2] < one[2] else one


async def test_of_many_keys_of_a_session_the_best_stays(ctx: Context, tenant: Tenant, other: Tenant) -> None:
    user = await new_device(ctx, tenant)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(qualities)
    def check(uploads: list[Quality]) -> None:
        examples.append(uploads)

    examples: list[list[Quality]] = []
    check()
    for uploads in examples:
        async with ctx.database.transaction(tenant) as conn:
            number = await key_backup.create(conn, tenant, user.user_nid, "a", b"{}")
            version = await key_backup.lock(conn, tenant, user.user_nid, number)
            assert version is not None
            best, changes = uploads[0], 0
            for n, quality in enumerate(uploads):
                before, best = best, better(best, quality)
                changes += n == 0 or best != before
                row = KeyRow("!r", "s", quality[1], quality[2], quality[0], b"%d" % n)
                version = await key_backup.put_keys(conn, tenant, user.user_nid, version, [row])
            (kept,) = await key_backup.keys(conn, tenant, user.user_nid, number, "!r", "s")
        assert (kept.is_verified, kept.first_message_index, kept.forwarded_count) == best
        assert kept.session_data == b"%d" % uploads.index(best)
        assert (version.count, version.etag) == (1, changes)
    async with ctx.database.transaction(other) as conn:
        assert await key_backup.current(conn, other, user.user_nid) is None
