"""What an operator can set does something: each setting and limit is read outside of `config`."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from timserver.config import Settings
from timserver.config.settings import RateKind

ROOT = Path(__file__).resolve().parents[2] / "timserver"
SOURCE = "\n".join(path.read_text() for path in ROOT.rglob("*.py") if ROOT / "config" not in path.parents)


def settings_of(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted names of all settings; rates are read by their kind."""
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += settings_of(inner, f"{prefix}{name}.")
        else:
            found.append(prefix + name)
    return found


@pytest.mark.parametrize("name", settings_of(Settings))
def test_a_setting_is_read(name: str) -> None:
    section, _, last = name.rpartition(".")
    kinds = {kind.value: f"RateKind.{kind.name}" for kind in RateKind}
    if "rate_limits." in name and name.split(".")[1] in kinds:
        assert kinds[name.split(".")[1]] in SOURCE
        return
    assert re.search(rf"\.{last}\b", SOURCE), section
