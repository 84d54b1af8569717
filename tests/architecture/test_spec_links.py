"""STYLE 6: every endpoint links the pinned spec; policies name gematik's requirement."""

import re
import sys
from pathlib import Path

import pytest

from timserver.api.client import MODULES
from timserver.api.endpoint import declared_in

ROOT = Path(__file__).resolve().parents[2] / "timserver"
ENDPOINTS = [item for module in MODULES for item in declared_in(module)]
POLICIES = [p for p in (ROOT / "policy").rglob("*.py") if p.parent.name != "policy" and p.stem != "__init__"]


@pytest.mark.parametrize("item", ENDPOINTS, ids=lambda item: item.operation_id)
def test_endpoints_say_what_they_are(item: object) -> None:
    text = item.handler.__doc__ or ""  # type: ignore[attr-defined]
    assert re.match(rf"{item.method} /", text), "begins with method and path"  # type: ignore[attr-defined]
    if "/unstable/" in text or "/_synapse/" in text:
        module = sys.modules[item.handler.__module__].__doc__ or ""  # type: ignore[attr-defined]
        assert re.search(r"MSC\d{4}|_synapse", module), "not in the spec: the module says where it comes from"
    else:
        assert "Spec: https://spec.matrix.org/v1.19/" in text


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_policies_name_their_requirement(path: Path) -> None:
    docstring = path.read_text().split('"""')[1]
    assert re.search(r"\b(A_\d{5}|ML-\d+|AF_\d+|FED-\d+|INV-\d+|RET-\d+)", docstring)
