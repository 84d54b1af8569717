"""Who is it that sends a request as another server? Claimed by X-Matrix headers, proved by that server's key.

Spec: https://spec.matrix.org/v1.19/server-server-api/#request-authentication
"""

import asyncio
from collections.abc import Sequence

import msgspec

from timserver import core
from timserver.context import Context
from timserver.matrix import errors, signing, x_matrix, x_matrix_header
from timserver.matrix.ids import ServerName
from timserver.matrix.x_matrix_header import RequestSignature
from timserver.tenancy import Tenant
from timserver.usecases.federation.server_keys import KeyWanted, keys_for

SIGNATURES_MAX = 5
"""A server has one key, or two while it changes them."""

_BYTES_FOR_A_THREAD = 262_144


class Claim(msgspec.Struct, frozen=True):
    """What the headers say: nothing of it is proved."""

    origin: ServerName
    destination: ServerName | None
    signatures: tuple[RequestSignature, ...]


def read_claim(authorization: Sequence[str]) -> Claim | None:
    """The claim in all Authorization headers together; None without one. Raises `Unauthorized` for malformed ones."""
    try:
        signatures = [found for text in authorization if (found := x_matrix_header.parse(text)) is not None]
        if not signatures:
            return None
        if len(signatures) > SIGNATURES_MAX:
            raise ValueError("too many signatures")
        origin, destination = x_matrix_header.origin_of(signatures)
    except ValueError as error:
        raise errors.Unauthorized("Malformed X-Matrix authorization", inner=str(error)) from None
    return Claim(origin, destination, tuple(signatures))


async def verify_request(
    ctx: Context, tenant: Tenant, claim: Claim, method: str, uri: str, body: bytes | None
) -> None:
    """Raises `Unauthorized` unless the origin's key, valid now, has signed exactly this request.

    Every signature by a key that we can get must be right, and there must be one.
    """
    now_ms = ctx.clock.now_ms()
    ed25519 = [item for item in claim.signatures if item.key_id.startswith("ed25519:")]
    wanted = [KeyWanted(claim.origin, item.key_id, now_ms) for item in ed25519]
    keys = await keys_for(ctx, tenant, wanted) if wanted else {}
    known = [item for item in ed25519 if (claim.origin, item.key_id) in keys]
    if not known:
        raise errors.Unauthorized("Signing key is not known", inner="no key of the origin")
    for content in _contents(body):
        message = x_matrix.signed_bytes(method, uri, claim.origin, claim.destination, content)
        items = [(keys[claim.origin, item.key_id], message, _signature(item)) for item in known]
        if len(message) > _BYTES_FOR_A_THREAD:
            right = await asyncio.to_thread(core.verify, items)
        else:
            right = core.verify(items)
        if all(right):
            return
    raise errors.Unauthorized("Signature is wrong")


def _contents(body: bytes | None) -> "Sequence[bytes | None]":
    """The body as it came, which nearly every server sends in canonical form; then made canonical."""
    if not body:
        return (None,)
    try:
        canonical = core.canonical_json(body)
    except ValueError:
        return (body,)
    return (body, canonical) if canonical != body else (body,)


def _signature(item: RequestSignature) -> bytes:
    try:
        return signing.decode_base64(item.signature)
    except ValueError:
        return b""
