"""Can a tenant and another server talk? Stage by stage, in both directions as far as one side can see it.

The last stages are the other direction: a signed request makes the other server find us and fetch our keys, and our own
name is looked up as others do it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec

from timserver.context import Context
from timserver.matrix import canonical_json, errors, server_keys
from timserver.matrix.ids import ServerName
from timserver.policy import points
from timserver.policy.facts import FederationCallFacts, FederationRequestFacts
from timserver.remote.client import CallLimits, RemoteError
from timserver.remote.discovery import Route
from timserver.remote.federation.keys import get_server_key
from timserver.remote.paths import path
from timserver.tenancy import Tenant
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.tenants import find_tenant
from timserver.usecases.tenants.signing_key import signing_key

_LIMITS: Final = CallLimits(bytes_max=1_048_576, timeout_s=20)
_NOBODY: Final = "timserver-federation-check"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What one stage found. `next` says what to do when it is not `ok`."""

    stage: str
    ok: bool
    what: str
    next: str = ""
    milliseconds: int = 0


class _Failed(Exception):
    def __init__(self, what: str, next_: str) -> None:
        self.what, self.next = what, next_
        super().__init__(what)


async def check_server(ctx: Context, tenant: Tenant, server_name: ServerName) -> AsyncIterator[Stage]:
    """One stage after the other, as each ends. What depends on a failed one is not tried."""
    probe = _Probe(ctx, tenant, server_name)
    policy = await _timed(ctx, "policy", probe.policy)
    yield policy
    if not policy.ok:
        return
    if await _is_hosted(ctx, server_name):
        yield await _timed(ctx, "loop-back", probe.loopback)
        return
    for name, run in (
        ("discovery", probe.discovery),
        ("tls", probe.tls),
        ("version", probe.version),
        ("keys", probe.keys),
        ("signed request", probe.signed_request),
    ):
        stage = await _timed(ctx, name, run)
        yield stage
        if not stage.ok:
            break
    yield await _timed(ctx, "way to us", probe.way_to_us)


async def _is_hosted(ctx: Context, server_name: ServerName) -> bool:
    signer = await find_tenant(ctx, server_name)
    return signer is not None and signer.server_name == server_name and ctx.settings.federation.loopback


async def _timed(ctx: Context, name: str, run: Callable[[], Awaitable[str]]) -> Stage:
    began_s = ctx.clock.monotonic_s()

    def took_ms() -> int:
        return int((ctx.clock.monotonic_s() - began_s) * 1000)

    try:
        return Stage(stage=name, ok=True, what=await run(), milliseconds=took_ms())
    except _Failed as failed:
        return Stage(stage=name, ok=False, what=failed.what, next=failed.next, milliseconds=took_ms())
    except RemoteError as error:
        next_ = (
            "blocked_networks or federation.allowed_networks"
            if error.denied
            else "ask the other side's operator"
        )
        return Stage(stage=name, ok=False, what=str(error), next=next_, milliseconds=took_ms())


class _Probe:
    """What the stages hand on to each other."""

    def __init__(self, ctx: Context, tenant: Tenant, server_name: ServerName) -> None:
        self.ctx, self.tenant, self.server_name = ctx, tenant, server_name
        self.route: Route | None = None

    async def policy(self) -> str:
        """Places 4 and 7 of tim/REQUIREMENTS 2.5."""
        ctx, tenant, server_name = self.ctx, self.tenant, self.server_name
        listed = federation_list(ctx)
        if server_name == tenant.server_name:
            raise _Failed("this is the tenant itself", "name another server")
        try:
            calls = FederationCallFacts(tenant=tenant, federation=listed, destination=server_name)
            points.check(points.ON_FEDERATION_CALL, calls)
            called = FederationRequestFacts(tenant=tenant, federation=listed, origin=server_name)
            points.check(points.ON_FEDERATION_REQUEST, called)
        except errors.MatrixError as error:
            raise _Failed(str(error), "federation.allowed_servers, or the tenant's own") from error
        return "both directions are allowed"

    async def loopback(self) -> str:
        """A tenant of this deployment."""
        return "a tenant of this deployment: no HTTP between the two"

    async def discovery(self) -> str:
        """Where the server is."""
        self.route = await self.ctx.remote.discovery.route(self.server_name)
        places = ", ".join(f"{host} port {port}" for host, port in self.route.places)
        return f"step {self.route.step}: {places}; Host {self.route.host_header}, certificate for {self.route.tls_name}"

    async def tls(self) -> str:
        """Connection and certificate: any answer will do."""
        assert self.route is not None
        answer = await self.ctx.remote.get_unsigned(self.route, "/_matrix/federation/v1/version")
        return f"connected, the certificate is right (status {answer.status})"

    async def version(self) -> str:
        """A signed request, as A_26330 wants it."""
        data = await self._get("/_matrix/federation/v1/version")
        try:
            said = msgspec.json.decode(data, type=_Version)
        except msgspec.MsgspecError as error:
            raise _Failed("no Matrix server answers there", "is it the right place?") from error
        return f"{said.server.name} {said.server.version}"[:200]

    async def keys(self) -> str:
        """The server's own document, checked."""
        document = await get_server_key(self.ctx.remote, self.tenant, self.server_name)
        found = server_keys.read(document, self.server_name, self.ctx.clock.now_ms())
        if not found:
            raise _Failed(
                "the document of keys is not of this server, or not signed by it", "is it the right place?"
            )
        current = sorted(key_id for key_id, key in found.items() if key.expired_ts is None)
        return f"{', '.join(current)}; {len(found) - len(current)} old"

    async def signed_request(self) -> str:
        """Whether they can verify us: for that they must find us and fetch our keys. Asks for somebody who is not there."""
        target = path("/_matrix/federation/v1/query/profile")
        query = (("user_id", f"@{_NOBODY}:{self.server_name}"),)
        try:
            await self.ctx.remote.request(
                self.tenant, self.server_name, "GET", target, query=query, limits=_LIMITS
            )
        except RemoteError as error:
            if error.status == 401:
                raise _Failed(
                    f"they do not believe our signature: {error}",
                    "can they reach us? look at the stage 'way to us', firewalls and their log",
                ) from error
            if error.status == 403:
                return f"they know us, and refuse: {error}"
            if error.status is None or error.status >= 500:
                raise
        return "they have verified our signature"

    async def way_to_us(self) -> str:
        """Our own name, looked up as others do, must lead to our own keys."""
        client = self.ctx.remote
        route = await client.discovery.route(self.tenant.server_name)
        answer = await client.get_unsigned(route, "/_matrix/key/v2/server")
        key = await signing_key(self.ctx, self.tenant)
        try:
            document = canonical_json.decode_object(answer.body, strict=True)
        except errors.BadJson as error:
            raise _Failed(
                "no keys are served under our name", "well-known, SRV or the proxy in front"
            ) from error
        found = server_keys.read(document, self.tenant.server_name, self.ctx.clock.now_ms()) or {}
        if key.key_id not in found or found[key.key_id].public_key != key.public_key:
            raise _Failed(
                "other keys than ours are served under our name", "well-known, SRV or the proxy in front"
            )
        places = ", ".join(f"{host} port {port}" for host, port in route.places)
        return f"step {route.step}: {places} serves our key {key.key_id}"

    async def _get(self, target: str) -> bytes:
        return await self.ctx.remote.request(self.tenant, self.server_name, "GET", target, limits=_LIMITS)


class _Server(msgspec.Struct, frozen=True):
    name: str = ""
    version: str = ""


class _Version(msgspec.Struct, frozen=True):
    server: _Server
