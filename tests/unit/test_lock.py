"""`requirements.lock` names an exact version of everything that pyproject.toml asks for, and no registry."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def name_of(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match
    return match[0].lower().replace("_", "-").replace(".", "-")


def test_the_lock_is_complete() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {
        name_of(item) for item in project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    }
    text = (ROOT / "requirements.lock").read_text()
    locked = {name_of(line) for line in text.splitlines() if "==" in line}
    assert wanted - locked == set(), "run ./dev lock"
    assert "://" not in text
