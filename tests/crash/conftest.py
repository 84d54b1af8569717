"""Real: `timserver serve` with two workers as its own processes, an embedded PostgreSQL of its own with fsync, real
kills. Fake: nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from timserver.store.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def durable_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """With fsync and synchronous commit, as in production."""
    folder: Path = tmp_path_factory.mktemp("crash") / "postgres"
    for parent in (folder.parent, folder.parent.parent, folder.parent.parent.parent):
        parent.chmod(parent.stat().st_mode | 0o011)
    server = EmbeddedPostgres(folder)
    server.start()
    yield server
    server.stop()
