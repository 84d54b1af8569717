"""`m.direct_to_device`: messages of another server's user straight to devices here.

Spec: https://spec.matrix.org/v1.19/server-server-api/#send-to-device-messaging
"""

from typing import Any

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.ids import ServerName
from timserver.matrix.json_types import JsonObject
from timserver.store import log, remote_to_device, streams, terms, to_device
from timserver.store.to_device import Delivery
from timserver.tenancy import Tenant
from timserver.usecases.e2ee.local_keys import is_local
from timserver.usecases.federation.edus.reading import read_content, user_of

REMEMBERED_MS = 30 * 24 * 60 * 60 * 1000
"""How long a message may be sent again."""
_MESSAGE_ID_LENGTH_MAX = 255
_TIDY_EVERY = 64


class _Messages(msgspec.Struct, frozen=True):
    sender: str
    type: str
    message_id: str
    messages: dict[str, dict[str, dict[str, Any]]]


async def receive_direct_to_device(
    ctx: Context, tenant: Tenant, origin: ServerName, content: JsonObject
) -> None:
    """Once per origin and `message_id`. Unknown users and devices are passed over. Raises `BadJson`, `Forbidden`."""
    edu = read_content(content, _Messages)
    sender = user_of(origin, edu.sender)
    if len(edu.message_id) > _MESSAGE_ID_LENGTH_MAX:
        raise errors.BadJson("EDU: message_id is too long")
    (server_nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [origin])
    now_ms = ctx.clock.now_ms()
    local = [user_id for user_id in edu.messages if is_local(tenant, user_id)]
    async with ctx.database.transaction(tenant) as conn:
        if not await remote_to_device.begin(conn, tenant, server_nid, edu.message_id, now_ms):
            return
        nids = await terms.find(conn, ctx.caches, tenant, local)
        names = {nid: user_id for user_id, nid in nids.items()}
        addressed = []
        for target in await to_device.targets(conn, tenant, list(names)):
            by_device = edu.messages[names[target.user_nid]]
            message = by_device.get(target.device_id, by_device.get("*"))
            if message is not None:
                addressed.append((target, message))
        if ctx.ids.secret(1)[0] % _TIDY_EVERY == 0:
            await remote_to_device.forget(conn, tenant, now_ms - REMEMBERED_MS)
            keep = ctx.settings.limits.to_device_messages_max
            await to_device.trim_inboxes(conn, tenant, [target.device_nid for target, _ in addressed], keep)
        if not addressed:
            return
        deliveries = [
            Delivery(
                target.device_nid,
                msgspec.json.encode({"sender": sender, "type": edu.type, "content": message}),
            )
            for target, message in addressed
        ]
        position = await log.take(conn, tenant)
        await to_device.put(conn, tenant, position, deliveries)
    receivers = {target.user_nid for target, _ in addressed}
    facts = [streams.Fact(position, streams.TO_DEVICE, 0, nid) for nid in receivers]
    ctx.streams.publish(tenant, position, facts)
