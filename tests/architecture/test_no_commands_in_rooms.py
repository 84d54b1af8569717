"""RELIABILITY E13: nobody commands the server by messages. What happens in rooms reaches nothing that administers."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "timserver"
ADMINISTRATION = (
    "timserver.usecases.tenants",
    "timserver.usecases.moderation",
    "timserver.usecases.accounts",
)
HARMLESS = {
    ("timserver.usecases.tenants.signing_key", "signing_key"),
    ("timserver.usecases.tenants.signing_key", "open_key"),
    ("timserver.usecases.tenants", "find_tenant"),
    ("timserver.usecases.accounts.new_account", "server_user_id"),
}
"""The own key, which tenant a name is, the name of the server's own user: read, not changed."""
OF_ROOMS = ("events", "federation", "rooms", "membership", "sync", "ephemeral", "push")
FOLDERS = [*(ROOT / "usecases" / name for name in OF_ROOMS), ROOT / "api/federation"]
FILES = [ROOT / "workers/inbox.py", *sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))]


def imported(path: Path) -> set[tuple[str, str]]:
    return {
        (node.module or "", alias.name)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_e13_what_receives_events_cannot_administer(path: Path) -> None:
    reached = {
        (module, name) for module, name in imported(path) if module.startswith(ADMINISTRATION)
    } - HARMLESS
    assert not reached
