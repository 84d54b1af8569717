"""RELIABILITY O1: one fetcher. No other module of the program can open a connection to somewhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "timserver"
FETCHER = ROOT / "remote/fetcher.py"
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path != FETCHER]
OPENERS = {
    "ClientSession", "TCPConnector", "open_connection", "create_connection", "urlopen", "sock_connect",
    "HTTPConnection", "HTTPSConnection", "create_datagram_endpoint",
}  # fmt: skip
CLIENTS = {"http.client", "urllib.request", "requests", "httpx", "smtplib", "ftplib", "telnetlib", "urllib3"}


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.name for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                yield node.module or ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_fetcher_opens_connections(path: Path) -> None:
    assert not set(names(ast.parse(path.read_text()))) & (OPENERS | CLIENTS)
