"""Step: another server's answer to our join, opened while it arrives: of the raw answer no more than a batch is held."""

from collections.abc import AsyncIterator, Sequence

import msgspec
import structlog

from timserver.context import Context
from timserver.matrix.event import Event
from timserver.matrix.room_versions import RoomVersion
from timserver.remote.federation.handshakes import Arrived, Piece
from timserver.store.byte_shares import Share
from timserver.tenancy import Tenant
from timserver.usecases.federation.opening import Refused, open_pdus

_log = structlog.get_logger("timserver.federation")

BATCH = 1000
"""Events that are opened together: enough for few key requests, few enough to stay responsive."""

BATCH_BYTES = 4_194_304
"""Fewer of them when they are large."""


class JoinAnswer(msgspec.Struct, kw_only=True):
    """The events that are right, as they are told to be state and auth chains; how many were refused."""

    state: list[Event] = []
    auth_chain: list[Event] = []
    event: bytes | None = None
    """Our join with the other server's signature, not checked."""
    refused: int = 0


async def open_join_answer(
    ctx: Context, tenant: Tenant, version: RoomVersion, arriving: AsyncIterator[Arrived], share: Share
) -> JoinAnswer:
    """All of it, with a line in the log for every batch of a large room. Raises RemoteError, and `Unavailable` when other
    joins leave no room for this one.
    """
    answer, events = JoinAnswer(), 0
    async for batch in _batches(arriving, share, answer):
        await _open(ctx, tenant, version, batch, answer)
        events += len(batch)
        if events >= BATCH:
            _log.info("opening a large room", events=events, bytes=share.size_bytes)
    return answer


async def _batches(
    arriving: AsyncIterator[Arrived], share: Share, answer: JoinAnswer
) -> AsyncIterator[list[Piece]]:
    """What is to be opened; no more is read before there is room for what was read."""
    batch: list[Piece] = []
    held_bytes = 0
    async for arrived in arriving:
        await share.take(arrived.size_bytes)
        answer.event = arrived.event or answer.event
        for piece in arrived.pieces:
            batch.append(piece)
            held_bytes += len(piece[1])
            if len(batch) == BATCH or held_bytes >= BATCH_BYTES:
                yield batch
                batch, held_bytes = [], 0
    yield batch


async def _open(
    ctx: Context, tenant: Tenant, version: RoomVersion, batch: Sequence[Piece], answer: JoinAnswer
) -> None:
    """Into the answer."""
    opened = await open_pdus(ctx, tenant, version, [piece for _, piece in batch])
    for (name, _), event in zip(batch, opened, strict=True):
        if isinstance(event, Refused):
            answer.refused += 1
        else:
            (answer.state if name == "state" else answer.auth_chain).append(event)
