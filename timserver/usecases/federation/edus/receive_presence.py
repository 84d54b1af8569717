"""`m.presence`: whether users of another server are there.

Spec: https://spec.matrix.org/v1.19/server-server-api/#presence
"""

from typing import Annotated

import msgspec
import structlog

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.canonical_json import INTEGER_MAX
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.store import ephemeral, log, remote_devices, terms
from timserver.store.ephemeral import Presence
from timserver.tenancy import Tenant
from timserver.usecases.ephemeral.presence import STATUS_LENGTH_MAX, presence_is_on
from timserver.usecases.federation.edus.reading import read_content, user_of

_log = structlog.get_logger("timserver.edus")

_NEWS_MS = 60_000
"""A user who is there still is written down anew so often at most."""


class _Update(msgspec.Struct, frozen=True):
    user_id: str
    presence: str
    status_msg: str | None = None
    last_active_ago: Annotated[int, msgspec.Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)] = 0


class _Push(msgspec.Struct, frozen=True):
    push: list[object]


async def receive_presence(ctx: Context, tenant: Tenant, origin: ServerName, content: JsonObject) -> None:
    """Of users who share a room with somebody here. Raises `BadJson` for what is no such EDU; a single update that is
    wrong is passed over.
    """
    push = read_content(content, _Push).push
    if not presence_is_on(ctx, tenant):
        return
    updates: dict[str, Presence] = {}
    for value in push:
        try:
            update = msgspec.convert(value, _Update)
            updates[user_of(origin, update.user_id)] = _presence(update, ctx.clock.now_ms())
        except (msgspec.ValidationError, ValueError, errors.MatrixError) as error:
            _log.info("presence refused", origin=origin, error=type(error).__name__)
    async with ctx.database.transaction(tenant) as conn:
        nids = await terms.find(conn, ctx.caches, tenant, list(updates))
        known = await remote_devices.sharing_with_us(conn, tenant, list(nids.values()))
        news = []
        for user_id, nid in nids.items():
            before = await ephemeral.presence_of(conn, tenant, nid) if nid in known else None
            if nid in known and _is_news(before, updates[user_id]):
                news.append((nid, updates[user_id]))
        if not news:
            return
        position = await log.take(conn, tenant, len(news))
        for place, (nid, presence) in enumerate(news):
            await ephemeral.set_presence(conn, tenant, nid, presence, position - len(news) + 1 + place)
    ctx.streams.wake(tenant, position)


def _presence(update: _Update, now_ms: int) -> Presence:
    """Raises ValueError for a word that is none of the three."""
    code = ephemeral.NAMES.index(update.presence)
    status = update.status_msg[:STATUS_LENGTH_MAX] if update.status_msg is not None else None
    return Presence(code, status, min(now_ms, max(0, now_ms - update.last_active_ago)))


def _is_news(before: Presence | None, after: Presence) -> bool:
    if before is None or (before.presence, before.status_msg) != (after.presence, after.status_msg):
        return True
    return after.last_active_ts - before.last_active_ts >= _NEWS_MS
