"""The one way to the endpoints for other servers, for requests over HTTP and over the loop-back alike (DESIGN 2).

The two differ only in how the origin is known and where the body comes from. Policy, rate limit, decoding and
handler stand here once: a shortcut for the transport is never one for the policy.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from timserver.api import decoding
from timserver.api.endpoint import Auth, Request
from timserver.api.routing import Match
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.policy import points
from timserver.policy.facts import FederationRequestFacts
from timserver.tenancy import Tenant
from timserver.usecases.federation.heard_from import heard_from
from timserver.usecases.federation.listing import federation_list


class ServerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request of another server for one tenant."""

    match: Match
    query: Mapping[str, Sequence[str]]
    headers: Callable[[str], Sequence[str]]
    origin: ServerName | None
    """Claimed; proved once `proved_body` has returned."""
    address: str
    """Whom to count when there is no origin."""
    proved_body: Callable[[], Awaitable[bytes]]


@cache
def _plan(request: type[Request]) -> decoding.Plan:
    return decoding.make_plan(request)


async def serve(ctx: Context, tenant: Tenant, request: ServerRequest) -> Any:
    """Ask policy, have the origin proved, count, decode, and call the handler. What is open to everybody (keys, who an
    OpenID token is of) is so here.
    """
    endpoint = request.match.endpoint
    assert endpoint.auth is not Auth.SERVER or request.origin is not None
    if endpoint.auth.of_servers:
        facts = FederationRequestFacts(tenant=tenant, federation=federation_list(ctx), origin=request.origin)
        points.check(points.ON_FEDERATION_REQUEST, facts)
    body = await request.proved_body()
    ctx.caches.rates.take(tenant, RateKind.FEDERATION, request.origin or request.address)
    ctx.caches.rates.take(tenant, RateKind.TENANT, "")  # last: what is refused to one takes nothing from all
    if request.origin is not None:
        await heard_from(ctx, tenant, request.origin)
    arguments: list[Any] = [ctx, tenant]
    if endpoint.auth.of_servers:
        arguments.append(request.origin)
    if endpoint.request is not None:
        plan = _plan(endpoint.request)
        fields = decoding.read_addressed(plan, request.match.values, request.query, request.headers)
        if plan.body_bytes is not None:
            fields[plan.body_bytes] = body
        else:
            decoding.read_body(plan, body, ctx.settings.limits.json_depth_max, fields)
        arguments.append(plan.make(**fields))
    return await endpoint.handler(*arguments)
