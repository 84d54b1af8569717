"""`m.signing_key_update`: cross-signing keys of another server's user have changed.

Spec: https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption
"""

from typing import Any

import msgspec

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.store import log, remote_devices, terms
from timserver.store.device_lists import note_change
from timserver.tenancy import Tenant
from timserver.usecases.e2ee.remote_devices import replace_cross_signing
from timserver.usecases.federation.edus.reading import read_content, user_of


class _Update(msgspec.Struct, frozen=True):
    user_id: str
    master_key: dict[str, Any] | None = None
    self_signing_key: dict[str, Any] | None = None


async def receive_signing_key_update(
    ctx: Context, tenant: Tenant, origin: ServerName, content: JsonObject
) -> None:
    """Of a user who shares a room with us; when only one of the keys is told, the next question fetches both. Raises
    `BadJson`, `Forbidden`.
    """
    edu = read_content(content, _Update)
    user_id = user_of(origin, edu.user_id)
    async with ctx.database.transaction(tenant) as conn:
        user_nid = (await terms.find(conn, ctx.caches, tenant, [user_id])).get(user_id)
        if user_nid is None or not await remote_devices.sharing_with_us(conn, tenant, [user_nid]):
            return
        known = await remote_devices.lock_list(conn, tenant, user_nid)
        if known is not None and edu.master_key is not None and edu.self_signing_key is not None:
            user = user_id, user_nid
            await replace_cross_signing(conn, tenant, user, edu.master_key, edu.self_signing_key)
        elif known is not None:
            await remote_devices.mark_stale(conn, tenant, user_nid, known.stream_id)
        position = await log.take(conn, tenant)
        await note_change(conn, tenant, user_nid, position)
    ctx.streams.wake(tenant, position)
