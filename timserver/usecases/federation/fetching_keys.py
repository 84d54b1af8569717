"""Step: asks other servers for keys that are not known, and keeps what they say.

A server is asked once at a time, and not again for a while: for seconds when it answered, and when it did not, the
longer the longer it has been away (`retry_wait`). So neither unknown key ids nor dead servers make us ask for every event.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import structlog

from timserver.context import Context
from timserver.matrix import canonical_json, server_keys, signing
from timserver.matrix.errors import BadJson
from timserver.matrix.event import get_str
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.matrix.retry_wait import retry_wait_ms
from timserver.remote.errors import RemoteError
from timserver.remote.federation import keys as remote_keys
from timserver.store import server_keys as store
from timserver.store.caches import KeyFetches
from timserver.store.server_keys import ServerKeyRow
from timserver.tenancy import Tenant
from timserver.usecases.federation.known_keys import KeyName, remember, stored

_log = structlog.get_logger("timserver.federation")

ANSWERED_S = 10.0
FAILED_MS_FIRST = 30_000


async def fetch_keys(ctx: Context, tenant: Tenant, missing: Mapping[KeyName, int]) -> None:
    """Try to have the keys, valid at their times, in memory and table. Who does not answer is left out."""
    await ask_servers(ctx, tenant, dict.fromkeys(name[0] for name in missing), missing)
    for notary in ctx.settings.federation.notaries:
        rest = {name: ts for name, ts in missing.items() if not _is_had(ctx, name, ts)}
        if rest:
            await _fetch_from_notary(ctx, tenant, ServerName(notary), rest)


async def ask_servers(
    ctx: Context,
    tenant: Tenant,
    server_names: Iterable[ServerName],
    missing: Mapping[KeyName, int] | None = None,
) -> None:
    """Ask each server itself, many at once, within a time that is short for all together."""
    limits = ctx.settings.limits
    at_once = asyncio.Semaphore(limits.server_key_fetches_max)

    async def ask(server_name: ServerName) -> None:
        async with at_once:
            await fetch_from_server(ctx, tenant, server_name, missing)

    tasks = [ask(server_name) for server_name in server_names]
    try:
        async with asyncio.timeout(limits.server_key_fetch_s_max):
            await asyncio.gather(*tasks)
    except TimeoutError:
        _log.info("servers are slow to tell their keys", servers=len(tasks))


def _is_had(ctx: Context, name: KeyName, valid_at_ts: int) -> bool:
    key = ctx.caches.server_keys.get(name)
    return key is not None and (key.is_old or valid_at_ts <= key.usable_until_ts)


def _is_fresh(ctx: Context, name: KeyName, valid_at_ts: int) -> bool:
    key = ctx.caches.server_keys.get(name)
    return key is not None and (key.is_old or valid_at_ts <= min(key.refresh_ts, key.usable_until_ts))


def _fetches(ctx: Context, server_name: ServerName) -> KeyFetches:
    known = ctx.caches.key_fetches.get(server_name)
    return known or ctx.caches.key_fetches.put(server_name, KeyFetches())


async def fetch_from_server(
    ctx: Context, tenant: Tenant, server_name: ServerName, missing: Mapping[KeyName, int] | None = None
) -> None:
    """Ask the server itself, unless it was asked a moment ago, or has not answered and its time has not come."""
    fetches = _fetches(ctx, server_name)
    wanted = {name: ts for name, ts in (missing or {}).items() if name[0] == server_name}
    async with fetches.lock:
        if wanted and all(_is_fresh(ctx, name, ts) for name, ts in wanted.items()):
            return  # somebody else has asked meanwhile
        if ctx.clock.monotonic_s() < fetches.next_s:
            return
        try:
            document = await remote_keys.get_server_key(ctx.remote, tenant, server_name)
            if not await _keep(ctx, server_name, document, own_word=True):
                raise RemoteError("not a document of its keys, signed by it")
        except RemoteError as error:
            if not error.denied:
                _failed(ctx, fetches)
            _log.info("no keys from the server", server=server_name, error=str(error))
        except asyncio.CancelledError:
            _failed(ctx, fetches)
            raise
        else:
            fetches.failing_since_s = None
            fetches.next_s = ctx.clock.monotonic_s() + ANSWERED_S


def _failed(ctx: Context, fetches: KeyFetches) -> None:
    now_s = ctx.clock.monotonic_s()
    if fetches.failing_since_s is None:
        fetches.failing_since_s = now_s
    failing_ms = int((now_s - fetches.failing_since_s) * 1000)
    fetches.next_s = now_s + retry_wait_ms(FAILED_MS_FIRST, failing_ms, ctx.ids.secret(1)[0] / 256) / 1000


async def _fetch_from_notary(
    ctx: Context, tenant: Tenant, notary: ServerName, missing: Mapping[KeyName, int]
) -> None:
    """Ask a notary for keys of others, but for no server more often than every half minute."""
    now_s = ctx.clock.monotonic_s()
    due = {
        name: ts
        for name, ts in missing.items()
        if name[0] != notary and now_s >= _fetches(ctx, name[0]).next_notaries_s
    }
    if not due:
        return
    await fetch_from_server(ctx, tenant, notary)
    now_ms = ctx.clock.now_ms()
    asked = [(server_name, key_id, ts or now_ms) for (server_name, key_id), ts in due.items()]
    try:
        documents = await remote_keys.bulk_perspectives_key_query(ctx.remote, tenant, notary, asked)
    except RemoteError as error:
        _log.info("no keys from the notary", notary=notary, error=str(error))
        return
    finally:
        if notary == ctx.settings.federation.notaries[-1]:
            for server_name, _ in due:
                _fetches(ctx, server_name).next_notaries_s = now_s + FAILED_MS_FIRST / 1000
    servers = {name[0] for name in due}
    for document in documents:
        about = get_str(document, "server_name")
        if about in servers and await _is_signed_by_notary(ctx, notary, document):
            await _keep(ctx, ServerName(about), document, own_word=False)


async def _is_signed_by_notary(ctx: Context, notary: ServerName, document: JsonObject) -> bool:
    key_ids = _key_ids(document, notary)
    keys = await stored(ctx, [(notary, key_id) for key_id in key_ids])
    now_ms = ctx.clock.now_ms()
    try:
        return any(
            key.satisfies(now_ms) and signing.verify_object(key.public_key, notary, name[1], document)
            for name, key in keys.items()
        )
    except BadJson:
        return False


def _key_ids(document: JsonObject, signer: str) -> Sequence[str]:
    signatures = document.get("signatures")
    by_signer = signatures.get(signer) if isinstance(signatures, Mapping) else None
    return list(by_signer)[: server_keys.KEYS_MAX] if isinstance(by_signer, Mapping) else ()


async def _keep(ctx: Context, server_name: ServerName, document: JsonObject, *, own_word: bool) -> bool:
    """Store the keys of a document and remember them; False when it is none of this server, signed by it."""
    now_ms = ctx.clock.now_ms()
    keys = server_keys.read(document, server_name, now_ms)
    if keys is None:
        return False
    rows = [
        ServerKeyRow(server_name, key_id, key.public_key, key.valid_until_ts, key.expired_ts, now_ms)
        for key_id, key in keys.items()
    ]
    response = canonical_json.encode(document)
    async with ctx.database.directory() as conn:
        await store.put(conn, rows, response, own_word=own_word)
        rows_now = await store.find(conn, [(server_name, key_id) for key_id in keys])
    for row in rows_now:
        remember(ctx, row)
    return True
