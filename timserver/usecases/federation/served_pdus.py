"""Step: PDUs as they are stored, for answers that may hold tens of thousands of them (`/state`, `/send_join`).

A short answer is written at once. Of a long one only a batch is in memory at a time, read while the one before it goes
to the other server: what a server gets is decided before, by numbers, and the bytes of an event do not change.
"""

from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias

from timserver.context import Context
from timserver.store import events
from timserver.tenancy import Tenant

Part: TypeAlias = bytes | Sequence[int]
"""JSON as it is, or the array of the PDUs of these events."""


async def written(ctx: Context, tenant: Tenant, parts: Sequence[Part]) -> bytes | AsyncIterator[bytes]:
    """The answer's JSON, in pieces when it is long."""
    chunks = _chunks(ctx, tenant, parts)
    if (
        sum(len(part) for part in parts if not isinstance(part, bytes))
        > ctx.settings.limits.served_pdus_at_once
    ):
        return chunks
    return b"".join([chunk async for chunk in chunks])


async def _chunks(ctx: Context, tenant: Tenant, parts: Sequence[Part]) -> AsyncIterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        before = b"["
        async for pdus in _batches(ctx, tenant, part):
            yield before + pdus
            before = b","
        yield b"]" if before == b"," else b"[]"


async def _batches(ctx: Context, tenant: Tenant, nids: Sequence[int]) -> AsyncIterator[bytes]:
    """In the order given; without those of a room that was purged meanwhile."""
    size = ctx.settings.limits.served_pdus_at_once
    for start in range(0, len(nids), size):
        batch = nids[start : start + size]
        async with ctx.database.transaction(tenant) as conn:
            bodies = await events.bodies(conn, tenant, batch)
        pdus = [bodies[nid] for nid in batch if nid in bodies]
        if pdus:
            yield b",".join(pdus)
