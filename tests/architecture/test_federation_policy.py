"""Nothing goes round the federation list (RELIABILITY S19; tim/REQUIREMENTS 2.5, places 4, 7, 8 and 9).

Inbound, every route is asked in tests/api/test_server_auth_matrix.py. Outbound, there is one client; each of its ways
out is tried here with a server that is not in the list, and nothing else has the means to reach another server.
"""

import ast
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

import timserver
from timserver.api.endpoint import Auth
from timserver.api.server_gate import serve
from timserver.matrix.ids import ServerName
from timserver.policy import points
from timserver.policy.facts import FederationList
from timserver.policy.federation import allowed_servers
from timserver.remote.client import FederationClient
from timserver.remote.errors import RemoteError
from timserver.remote.web import fetch_page
from timserver.tenancy import Tenant, TenantSettings, Variant

ROOT = Path(timserver.__file__).parent
STRANGER = ServerName("stranger.example")

WAYS_OUT: dict[str, Callable[[FederationClient, Tenant], Any]] = {
    "request": lambda client, tenant: client.request(tenant, STRANGER, "GET", "/x"),
    "request_in_chunks": lambda client, tenant: client.request_in_chunks(tenant, STRANGER, "GET", "/x"),
    "stream": lambda client, tenant: client.stream(tenant, STRANGER, "/x", idle_s=1),
    "follow": lambda client, tenant: client.follow(tenant, f"https://{STRANGER}/x", idle_s=1),
}

WAYS_ELSEWHERE: dict[str, Callable[[FederationClient, Tenant], Any]] = {
    "web": lambda client, tenant: fetch_page(
        client, tenant, f"https://{STRANGER}/", bytes_max=1, timeout_s=1
    ),
}
"""Where no server of a federation is asked: not for these tenants at all."""

UNSIGNED = "get_unsigned"
"""The check of a server looks at what is open to everybody, after policy was asked or at a tenant's own name."""


class Untouched:
    """Stands for the network: whoever touches it fails the test."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was reached before policy was asked")


def tenant_of(variant: Variant) -> Tenant:
    return Tenant(
        tenant_id=1,
        server_name=ServerName("own.example"),
        variant=variant,
        tim_version="1.2",
        settings=TenantSettings(),
    )


def test_every_way_out_has_a_row() -> None:
    public = {
        name
        for name, member in inspect.getmembers(FederationClient, inspect.isfunction)
        if not name.startswith("_")
    }
    assert public == {*WAYS_OUT, UNSIGNED}
    users = {
        path.name
        for path in ROOT.rglob("*.py")
        if f".{UNSIGNED}(" in path.read_text() and path.parent != ROOT / "remote"
    }
    assert users == {"check_server.py"}


@pytest.mark.parametrize("variant", [Variant.PRO, Variant.EPA])
@pytest.mark.parametrize("name", [*WAYS_OUT, *WAYS_ELSEWHERE])
async def test_no_way_out_goes_round_the_list(name: str, variant: Variant) -> None:
    untouched: Any = Untouched()
    client = FederationClient.__new__(FederationClient)
    client.fetcher = client.discovery = client.loopback = untouched
    client.signing_key_of = untouched
    client.federation_list = lambda: FederationList(frozenset({ServerName("listed.example")}))
    way = (WAYS_OUT | WAYS_ELSEWHERE)[name](client, tenant_of(variant))
    with pytest.raises(RemoteError) as found:
        await _go(way)
    assert found.value.denied


async def _go(way: "Awaitable[object] | AbstractAsyncContextManager[object]") -> None:
    if isinstance(way, AbstractAsyncContextManager):
        async with way:
            return
    await way


REMOTE_CALLS = [path for path in sorted((ROOT / "remote/federation").glob("*.py")) if path.stem != "__init__"]


@pytest.mark.parametrize("path", REMOTE_CALLS, ids=lambda path: path.stem)
def test_remote_calls_use_the_client_only(path: Path) -> None:
    """Every call in `remote/federation` goes out by one of the ways above."""
    tree = ast.parse(path.read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "client"
    }
    assert used <= set(WAYS_OUT), f"{path.name} reaches for {used - set(WAYS_OUT)}"


def test_nobody_else_reaches_for_the_network() -> None:
    """The fetcher and the resolver are touched in `remote` only; `app` opens them."""
    allowed = {"timserver.remote.fetcher", "timserver.remote.discovery", "timserver.remote.well_known"}
    for path in sorted(ROOT.rglob("*.py")):
        where = path.relative_to(ROOT)
        if where.parts[0] == "remote" or where.name == "app.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in allowed:
                names = {alias.name for alias in node.names}
                assert names <= {"Streamed", "Route"}, f"{where} imports {names} of {node.module}"


def test_the_points_are_those_rules() -> None:
    assert allowed_servers.on_federation_request in points.ON_FEDERATION_REQUEST
    assert allowed_servers.on_federation_pdu in points.ON_FEDERATION_PDU
    assert allowed_servers.on_federation_call in points.ON_FEDERATION_CALL
    assert allowed_servers.on_invite in points.ON_INVITE
    assert allowed_servers.on_create_room in points.ON_CREATE_ROOM
    assert allowed_servers.on_media in points.ON_MEDIA
    assert allowed_servers.on_join in points.ON_JOIN


def test_both_transports_pass_the_gate() -> None:
    """HTTP and the loop-back call `server_gate.serve`, and nobody but it calls a handler for servers."""
    assert inspect.iscoroutinefunction(serve)
    calls = {
        path.name for path in sorted((ROOT / "api").rglob("*.py")) if "server_gate.serve(" in path.read_text()
    }
    assert calls == {"dispatch.py", "loopback.py"}
    handlers = {
        path.name for path in sorted((ROOT / "api").rglob("*.py")) if ".handler(*" in path.read_text()
    }
    assert handlers == {"dispatch.py", "server_gate.py"}
    assert {Auth.SERVER, Auth.SERVER_OPTIONAL} == {item for item in Auth if item.of_servers}
