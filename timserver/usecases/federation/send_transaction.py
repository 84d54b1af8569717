"""Deliver one transaction to one server, and note what became of it.

The rows say what is under way before the first byte leaves (`store.destinations.take`), and that it has arrived after
the answer (`finish`): whoever goes on after a crash in between sends the same transaction under the same id once more.
"""

from enum import StrEnum

import msgspec
import structlog

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.matrix.retry_wait import retry_wait_ms
from timserver.remote.client import RemoteError, Unreached
from timserver.remote.federation import transactions
from timserver.store import destinations, outgoing, terms
from timserver.store.destinations import Failure, Taken
from timserver.tenancy import Tenant
from timserver.usecases.federation.transaction_content import Content, content_of
from timserver.usecases.federation.unreached import failing_since, left_alone_until, note_alive, note_dead

REFUSALS_MAX = 3
"""A transaction that was refused for what is in it so many times is given up, so that the next may go."""

_PASSING_STATUS = frozenset({401, 403, 404, 408, 429})
"""Refusals that say nothing against what was sent: the server does not know us now, does not want us, or is new."""

_log = structlog.get_logger("timserver.federation_sender")


class Outcome(StrEnum):
    """What became of a transaction."""

    SENT = "sent"
    EMPTY = "empty"
    """Nothing in it was for the server after all."""
    FAILED = "failed"
    REFUSED = "refused"
    GIVEN_UP = "given_up"
    DENIED = "denied"
    POSTPONED = "postponed"
    """Not tried: the server is dead, as another tenant knows."""


class Ended(msgspec.Struct, frozen=True):
    """A transaction that has ended: how many PDUs and EDUs arrived, and whether there is more for the server now."""

    outcome: Outcome
    items: int = 0
    is_more: bool = False


async def send_transaction(ctx: Context, tenant: Tenant, taken: Taken, owner: int) -> Ended:
    """Send what `owner` has taken."""
    names = await terms.names(ctx.database, ctx.caches, tenant, [taken.server_nid])
    destination = ServerName(names[taken.server_nid])
    content = await content_of(ctx, tenant, destination, taken)
    if not content.pdus and not content.edus:
        is_more = await destinations.finish(ctx.database, tenant, taken, owner, ctx.clock.now_ms())
        return Ended(Outcome.EMPTY, is_more=is_more)
    began_ts = ctx.clock.now_ms()
    until_ts = left_alone_until(ctx, tenant, destination)
    if until_ts is not None:
        _forget_contact(ctx, tenant, destination)
        return await _postpone(ctx, tenant, taken, owner, began_ts, until_ts)
    try:
        results = await transactions.send_transaction(
            ctx.remote, tenant, destination, taken.txn_id, content.body(tenant.server_name, began_ts)
        )
    except RemoteError as error:
        return await _failed(ctx, tenant, destination, taken, owner, (began_ts, error))
    note_alive(ctx, tenant, destination)
    is_more = await destinations.finish(ctx.database, tenant, taken, owner, ctx.clock.now_ms())
    _report(
        tenant, destination, taken, content, [result.error for result in results.values() if result.error]
    )
    return Ended(Outcome.SENT, len(content.pdus) + len(content.edus), is_more)


def _report(tenant: Tenant, destination: str, taken: Taken, content: Content, refused: list[str]) -> None:
    if taken.failing_since_ts is not None:
        _log.info("reached again", tenant=tenant.server_name, destination=destination)
    if refused:
        _log.info(
            "events refused",
            tenant=tenant.server_name,
            destination=destination,
            refused=len(refused),
            of=len(content.pdus),
            first=refused[0][:200],
        )


async def _failed(
    ctx: Context,
    tenant: Tenant,
    destination: ServerName,
    taken: Taken,
    owner: int,
    failed: tuple[int, RemoteError],
) -> Ended:
    began_ts, error = failed
    now_ms = ctx.clock.now_ms()
    about = {"tenant": tenant.server_name, "destination": destination}
    if error.denied and not isinstance(error, Unreached):
        dropped = await destinations.drop(ctx.database, tenant, taken, owner, now_ms)
        _log.info("may not be sent to: dropped", messages=dropped, **about)
        return Ended(Outcome.DENIED)
    unheard = isinstance(error, Unreached) or error.transient or error.status in _PASSING_STATUS
    is_refused = not unheard
    if is_refused and taken.refusals + 1 >= REFUSALS_MAX:
        is_more = await destinations.finish(ctx.database, tenant, taken, owner, now_ms)
        _log.warning("given up a transaction", txn_id=taken.txn_id, error=str(error), **about)
        return Ended(Outcome.GIVEN_UP, is_more=is_more)
    limits = ctx.settings.limits
    since_ts = began_ts if taken.failing_since_ts is None else taken.failing_since_ts
    since_ts = failing_since(ctx, destination, since_ts)
    wait_ms = retry_wait_ms(ctx.settings.retry_interval_ms, now_ms - since_ts, ctx.ids.secret(1)[0] / 256)
    failure = Failure(
        began_ts=began_ts,
        next_try_ts=now_ms
        + max(wait_ms, min(error.retry_after_ms or 0, limits.federation_retry_after_ms_max)),
        is_refused=is_refused,
        pdus_kept=limits.outbox_events_per_destination_max,
    )
    note_dead(ctx, tenant, destination, error, since_ts=since_ts, until_ts=failure.next_try_ts)
    _forget_contact(ctx, tenant, destination)
    await destinations.fail(ctx.database, tenant, taken, owner, now_ms, failure)
    await _trim(ctx, tenant, taken)
    _log.info("not reached", error=str(error), wait_s=wait_ms // 1000, **about)
    return Ended(Outcome.REFUSED if is_refused else Outcome.FAILED)


async def _postpone(
    ctx: Context, tenant: Tenant, taken: Taken, owner: int, began_ts: int, until_ts: int
) -> Ended:
    """Another tenant has found the server dead: as if we had tried it."""
    pdus_kept = ctx.settings.limits.outbox_events_per_destination_max
    failure = Failure(began_ts=began_ts, next_try_ts=until_ts, is_refused=False, pdus_kept=pdus_kept)
    await destinations.fail(ctx.database, tenant, taken, owner, ctx.clock.now_ms(), failure)
    await _trim(ctx, tenant, taken)
    return Ended(Outcome.POSTPONED)


async def _trim(ctx: Context, tenant: Tenant, taken: Taken) -> None:
    limits = ctx.settings.limits
    kept = (limits.to_device_outbox_messages_max, limits.to_device_outbox_bytes_max)
    oldest_ts = ctx.clock.now_ms() - limits.to_device_outbox_s_max * 1000
    async with ctx.database.transaction(tenant) as conn:
        dropped = await outgoing.trim_messages(conn, tenant, taken.server_nid, kept, oldest_ts)
    if dropped:
        _log.warning("messages to devices dropped", tenant=tenant.server_name, messages=dropped)


def _forget_contact(ctx: Context, tenant: Tenant, destination: ServerName) -> None:
    """The next request of that server is news, in every process (`heard_from`)."""
    ctx.caches.heard.drop((tenant.tenant_id, destination))
    ctx.streams.forget(tenant, f"heard:{destination}")
