"""Another server sends events and EDUs (STYLE 5, "Inbound federation transaction").

A known transaction gets the answer that it had: from memory, or, for EDUs must not be taken twice, from the database.
Events need no such care, since each is known when it comes again. Rooms are independent: they are worked on side by side,
the events of one in their order, and a slow one holds neither the others nor the answer. What the database could not take
now is not answered at all (503), so the sender tries again; receiving is idempotent.

Spec: https://spec.matrix.org/v1.19/server-server-api/#transactions
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import structlog

from timserver import core
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors, transactions
from timserver.matrix.ids import RoomID, ServerName
from timserver.matrix.transactions import Pdu
from timserver.remote.errors import RemoteError
from timserver.store import inbox
from timserver.tenancy import Tenant
from timserver.usecases.federation.edus import EDU_HANDLERS
from timserver.usecases.federation.incoming_pdus import Results, receive_in_room

ROOMS_AT_ONCE = 4
_MESSAGE = b'"m.direct_to_device"'
"""Messages to devices come first: they have the keys of events behind them, which not every client tries anew."""
ANSWER_KEPT_MS = 24 * 60 * 60 * 1000

_log = structlog.get_logger("timserver.federation")


class _Answer(msgspec.Struct, frozen=True):
    pdus: Results


async def receive_transaction(
    ctx: Context, tenant: Tenant, origin: ServerName, txn_id: str, body: bytes
) -> bytes:
    """The answer's JSON: a result for each event that has an id. Raises `NotJson` and `BadJson` for what is no
    transaction, `LimitExceeded` for too many at once, `Unavailable`.
    """
    now_ms = ctx.clock.now_ms()
    txn_hash = transactions.key_of(origin, txn_id)
    key = tenant.tenant_id, txn_hash
    known = ctx.caches.transactions.answers.get(key)
    if known is not None:
        return known
    transaction = transactions.split(body)
    if transaction.edus:
        known = await inbox.known_answer(ctx.database, tenant, txn_hash, now_ms)
        if known is not None:
            return known
    with _counted(ctx, tenant, origin):
        count = len(transaction.pdus) + len(transaction.edus)
        await ctx.caches.rates.pace(tenant, RateKind.FEDERATION_EVENTS, origin, count)
        keys = [data for data in transaction.edus if _MESSAGE in data]
        await _receive_edus(ctx, tenant, origin, keys)
        results = await _receive_pdus(ctx, tenant, origin, transaction.pdus)
        others = [data for data in transaction.edus if _MESSAGE not in data]
        await _receive_edus(ctx, tenant, origin, others)
    answer = ctx.caches.transactions.answers.put(key, msgspec.json.encode(_Answer(results)))
    if transaction.edus:
        await inbox.remember_answer(ctx.database, tenant, txn_hash, answer, now_ms, now_ms + ANSWER_KEPT_MS)
    return answer


@contextmanager
def _counted(ctx: Context, tenant: Tenant, origin: ServerName) -> Iterator[None]:
    """A server sends one transaction after the other; one that does not is told to."""
    receiving, key = ctx.caches.transactions.receiving, (tenant.tenant_id, origin)
    if receiving[key] >= ctx.settings.limits.federation_transactions_at_once:
        raise errors.LimitExceeded(retry_after_ms=1000)
    receiving[key] += 1
    try:
        yield
    finally:
        receiving[key] -= 1
        if not receiving[key]:
            del receiving[key]


async def _receive_pdus(ctx: Context, tenant: Tenant, origin: ServerName, pdus: Sequence[Pdu]) -> Results:
    by_room: dict[RoomID, list[tuple[int, Pdu]]] = {}
    for place, pdu in enumerate(pdus):
        by_room.setdefault(pdu.room_id, []).append((place, pdu))
    if len(by_room) == 1:
        ((room_id, part),) = by_room.items()
        return await receive_in_room(ctx, tenant, origin, room_id, part)
    limit = asyncio.Semaphore(ROOMS_AT_ONCE)

    async def one(room_id: RoomID, part: list[tuple[int, Pdu]]) -> Results:
        async with limit:
            return await receive_in_room(ctx, tenant, origin, room_id, part)

    outcomes = await asyncio.gather(
        *(one(room_id, part) for room_id, part in by_room.items()), return_exceptions=True
    )
    results: Results = {}
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        results |= outcome
    return results


async def _receive_edus(ctx: Context, tenant: Tenant, origin: ServerName, edus: Sequence[bytes]) -> None:
    """One after the other; kinds that nobody knows are passed over, and so are those that somebody refuses."""
    refused = 0
    for data in edus:
        try:
            core.check_json(data, ctx.settings.limits.json_depth_max, strict_integers=False)
            edu = transactions.parse_edu(data)
            handler = EDU_HANDLERS.get(edu.edu_type)
            if handler is not None:
                await handler(ctx, tenant, origin, edu.content)
        except errors.Unavailable:
            raise
        except (ValueError, errors.MatrixError, RemoteError):
            refused += 1
        except Exception:
            _log.exception("an EDU could not be received", request_id=ctx.ids.opaque(12))
    if refused:
        _log.info("EDUs refused", count=refused)
