"""Send messages straight to devices."""

from collections.abc import Mapping

import msgspec

from timserver.context import Context
from timserver.store import log, streams, terms, to_device
from timserver.store.database import Connection
from timserver.store.to_device import Delivery, Target
from timserver.tenancy import Requester, Tenant
from timserver.usecases.e2ee.local_keys import is_local

Messages = Mapping[str, Mapping[str, msgspec.Raw]]
"""Contents by user and device id; `*` is every device of the user that is not named."""

TXN_LIFE_MS = 24 * 60 * 60 * 1000

_TIDY_EVERY = 64


async def send_to_device(
    ctx: Context, tenant: Tenant, requester: Requester, txn_id: str, event_type: str, messages: Messages
) -> None:
    """Once per `txn_id` of the requesting device. Unknown users and devices are passed over.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid
    """
    local = [user_id for user_id in messages if is_local(tenant, user_id)]
    position = 0
    async with ctx.database.transaction(tenant) as conn:
        if not await to_device.begin_txn(conn, tenant, requester.device_nid, txn_id, ctx.clock.now_ms()):
            return
        nids = await terms.find(conn, ctx.caches, tenant, local)
        names = {nid: user_id for user_id, nid in nids.items()}
        addressed = [
            (target, content)
            for target in await to_device.targets(conn, tenant, list(names))
            if (content := _content_for(target, messages[names[target.user_nid]])) is not None
        ]
        if ctx.ids.secret(1)[0] % _TIDY_EVERY == 0:
            await _tidy(ctx, conn, tenant, requester, [target for target, _ in addressed])
        if addressed:
            deliveries = [
                Delivery(target.device_nid, _message(requester, event_type, content))
                for target, content in addressed
            ]
            position = await log.take(conn, tenant)
            await to_device.put(conn, tenant, position, deliveries)
    if position:
        receivers = {target.user_nid for target, _ in addressed}
        facts = [streams.Fact(position, streams.TO_DEVICE, 0, nid) for nid in receivers]
        ctx.streams.publish(tenant, position, facts)


def _content_for(target: Target, by_device: Mapping[str, msgspec.Raw]) -> msgspec.Raw | None:
    return by_device.get(target.device_id) or by_device.get("*")


def _message(requester: Requester, event_type: str, content: msgspec.Raw) -> bytes:
    return msgspec.json.encode({"sender": requester.user_id, "type": event_type, "content": content})


async def _tidy(
    ctx: Context, conn: Connection, tenant: Tenant, requester: Requester, targets: list[Target]
) -> None:
    """Now and then: keep inboxes and transaction ids from growing without end."""
    keep = ctx.settings.limits.to_device_messages_max
    await to_device.trim_inboxes(conn, tenant, [target.device_nid for target in targets], keep)
    await to_device.forget_txns(conn, tenant, requester.device_nid, ctx.clock.now_ms() - TXN_LIFE_MS)
