"""Who is it that sends a request as another server? Claimed by X-Matrix headers, proved by that server's key.

Spec: https://spec.matrix.org/v1.19/server-server-api/#request-authentication
"""

import asyncio
from collections.abc import Iterator, Sequence

from timserver import core
from timserver.context import Context
from timserver.matrix import errors, x_matrix
from timserver.matrix.x_matrix import Authorization
from timserver.tenancy import Tenant
from timserver.usecases.federation.server_keys import KeyWanted, keys_for

_BYTES_FOR_A_THREAD = 262_144


def read_claim(headers: Sequence[str]) -> tuple[Authorization, ...]:
    """What all Authorization headers together claim, of one origin; empty without a claim. Raises `Unauthorized`."""
    claim = x_matrix.parse_all(headers)
    if claim is None:
        raise errors.Unauthorized("Malformed X-Matrix authorization")
    return claim


async def verify_request(
    ctx: Context,
    tenant: Tenant,
    claim: Sequence[Authorization],
    *,
    method: str,
    uri: str,
    body: bytes,
    address: str,
) -> None:
    """Raises `Unauthorized` unless the origin's key, valid now, has signed exactly this request to this tenant.

    Every signature by a key that we can get must be right, and there must be one. Nobody has proved anything yet, so
    for how many servers we go and ask is counted by the client's `address`; raises `LimitExceeded`.
    """
    now_ms, origin = ctx.clock.now_ms(), claim[0].origin
    wanted = [KeyWanted(origin, item.key_id, now_ms) for item in claim]
    keys = await keys_for(ctx, tenant, wanted, stranger=address)
    known = [item for item in claim if (origin, item.key_id) in keys]
    if not known:
        raise errors.Unauthorized("Signing key is not known", inner="no key of the origin")
    for content in _contents(body):
        message = x_matrix.signed_bytes(method, uri, origin, tenant.server_name, content)
        items = [(keys[origin, item.key_id], message, item.signature) for item in known]
        if len(message) > _BYTES_FOR_A_THREAD:
            right = await asyncio.to_thread(core.verify, items)
        else:
            right = core.verify(items)
        if all(right):
            return
    raise errors.Unauthorized("Signature is wrong")


def _contents(body: bytes) -> Iterator[bytes | None]:
    """The body as it came, which nearly every server sends in canonical form; then made canonical."""
    if not body:
        yield None
        return
    yield body
    try:
        canonical = core.canonical_body(body)
    except errors.BadJson:
        return
    if canonical != body:
        yield canonical
