"""Real: PostgreSQL, migrated; the whole server for tests over HTTP (`server`), a context without its loops for those
below. Fake: other servers' events, made by the tests; the servers that ours send to (`outside`), and the clock of `here`.
"""

import pytest

from tests.api.conftest import server
from tests.store.conftest import ctx, other, tenant
from tests.support.outside import Outside, SetClock, process
from timserver.context import Context

__all__ = ["ctx", "other", "server", "tenant"]


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def here(ctx: Context, outside: Outside, clock: SetClock) -> Context:
    """A process whose clock the test sets, and whose requests go to `outside`."""
    return process(ctx, outside, clock)
