"""Real: the command tree, PostgreSQL, processes. Fake: nothing."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from timserver.cli.tree import tree


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def must(self) -> "Ended":
        """Assert success."""
        assert self.code == 0, (self.code, self.err)
        return self

    @property
    def json(self) -> Any:
        """What it printed."""
        return json.loads(self.must().out)


Run = Callable[..., Ended]


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    """`timserver WORDS` on this worker's database, with a state folder of the test's own."""
    environment = {
        "TIM_DATABASE__URL": database_url,
        "TIM_STATE_DIR": str(tmp_path / "state"),
        "TIM_PASSWORD_HASH__MEMORY_KIB": "8",
    }

    def command(*words: str, **changes: str) -> Ended:
        result = CliRunner().invoke(tree, words, env={**environment, **changes})
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return command
