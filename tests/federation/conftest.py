"""Real: PostgreSQL, migrated; the whole server for tests over HTTP (`server`), a context without its loops for those
below. Fake: other servers' events, made by the tests.
"""

from tests.api.conftest import server
from tests.store.conftest import ctx, other, tenant

__all__ = ["ctx", "other", "server", "tenant"]
