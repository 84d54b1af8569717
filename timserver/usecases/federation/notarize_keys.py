"""As a notary: what is known of the keys of other servers, signed by the tenant, too.

Strangers may ask, so what they make us ask others is bounded (`rate_limits.notary`); beyond that, and when a server is
away, they get what is stored.
"""

from collections.abc import Mapping

from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import canonical_json, errors, signing
from timserver.matrix.ids import InvalidID, ServerName, parse_server_name
from timserver.matrix.server_keys import is_key_id
from timserver.store import server_keys
from timserver.store.server_keys import ResponseRow
from timserver.tenancy import Tenant
from timserver.usecases.federation.fetching_keys import ask_servers
from timserver.usecases.federation.own_keys import own_key_document
from timserver.usecases.tenants import find_tenant
from timserver.usecases.tenants.signing_key import signing_key

DOCUMENTS_PER_SERVER_MAX = 5

Wanted = Mapping[str, int | None]
"""Until when at least, by key id; the empty id, like none at all: every key."""


async def notarize_keys(ctx: Context, tenant: Tenant, wanted: Mapping[str, Wanted]) -> list[bytes]:
    """Signed documents of the servers, as canonical JSON. A server whose keys nobody knows is left out."""
    if len(wanted) > ctx.settings.limits.notary_servers_max:
        raise errors.InvalidParam("Too many servers in one query")
    documents: list[bytes] = []
    elsewhere: dict[ServerName, Wanted] = {}
    for text, keys in wanted.items():
        try:
            server_name = parse_server_name(text)
        except InvalidID:
            continue
        signer = await find_tenant(ctx, server_name)
        if signer is not None and signer.server_name == server_name:
            documents.append(await own_key_document(ctx, signer))
        else:
            elsewhere[server_name] = keys
    await _refresh(ctx, tenant, elsewhere)
    for server_name, keys in elsewhere.items():
        documents += _chosen(await _responses(ctx, server_name), keys)
    key = await signing_key(ctx, tenant)
    return [_signed(key, tenant, document) for document in documents]


async def _refresh(ctx: Context, tenant: Tenant, wanted: Mapping[ServerName, Wanted]) -> None:
    """Ask those servers themselves of which we have not, or no longer, what is wanted."""
    now_ms = ctx.clock.now_ms()
    stale: list[ServerName] = []
    for server_name, keys in wanted.items():
        if _suffices(await _responses(ctx, server_name), keys, now_ms):
            continue
        try:
            ctx.caches.rates.take(tenant, RateKind.NOTARY, "")
        except errors.LimitExceeded:
            break
        stale.append(server_name)
    await ask_servers(ctx, tenant, stale)


async def _responses(ctx: Context, server_name: ServerName) -> list[ResponseRow]:
    async with ctx.database.directory() as conn:
        return await server_keys.responses(conn, server_name)


def _suffices(rows: list[ResponseRow], keys: Wanted, now_ms: int) -> bool:
    """Each wanted key is there and valid for long enough; for every key, a document in the first half of its life."""
    named = {key_id: until_ts for key_id, until_ts in keys.items() if is_key_id(key_id)}
    found = {row.key_id: row for row in rows}
    if named:
        return all(
            key_id in found and (found[key_id].is_old or found[key_id].valid_until_ts >= (until_ts or now_ms))
            for key_id, until_ts in named.items()
        )
    least_ts = max((until_ts or now_ms for until_ts in keys.values()), default=now_ms)
    return any(
        row.valid_until_ts >= least_ts and now_ms < (row.fetched_ts + row.valid_until_ts) // 2
        for row in rows
        if not row.is_old
    )


def _chosen(rows: list[ResponseRow], keys: Wanted) -> list[bytes]:
    """The documents, the newest first, that name what is wanted."""
    named = {key_id for key_id in keys if is_key_id(key_id)}
    chosen = [row.response for row in rows if not named or row.key_id in named]
    return list(dict.fromkeys(chosen))[:DOCUMENTS_PER_SERVER_MAX]


def _signed(key: signing.SigningKey, tenant: Tenant, document: bytes) -> bytes:
    value = canonical_json.decode_object(document, strict=True)
    return canonical_json.encode(signing.sign_object(key, tenant.server_name, value))
