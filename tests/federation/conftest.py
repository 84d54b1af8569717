"""Real: PostgreSQL, migrated; contexts without the serving loops. Fake: other servers' events, made by the tests."""

from tests.store.conftest import ctx, other, tenant

__all__ = ["ctx", "other", "tenant"]
