"""Send messages straight to devices: into the inboxes of local ones, and in one parcel to each other server."""

from collections.abc import Mapping

import msgspec

from timserver.context import Context
from timserver.matrix.ids import ServerName, UserID, is_user_id, server_name_of
from timserver.store import destinations, log, outgoing, streams, terms, to_device
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
    """Once per `txn_id` of the requesting device. Unknown local users and devices are passed over, and what is no user id.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid
    """
    local = [user_id for user_id in messages if is_local(tenant, user_id)]
    parcels = await _parcels(ctx, tenant, requester, event_type, messages)
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
            await _tidy_outbox(ctx, conn, tenant, [server_nid for server_nid, _ in parcels])
        deliveries = [
            Delivery(target.device_nid, _message(requester, event_type, content))
            for target, content in addressed
        ]
        if deliveries or parcels:
            position = await log.take(conn, tenant)
            await to_device.put(conn, tenant, position, deliveries)
        if parcels:
            await outgoing.put_messages(conn, tenant, position, ctx.clock.now_ms(), parcels)
            await destinations.note(conn, tenant, position, first=True)
    if position:
        receivers = {target.user_nid for target, _ in addressed}
        facts = [streams.Fact(position, streams.TO_DEVICE, 0, nid) for nid in receivers]
        ctx.streams.publish(tenant, position, facts)
    if parcels:
        ctx.streams.send(tenant)


async def _parcels(
    ctx: Context, tenant: Tenant, requester: Requester, event_type: str, messages: Messages
) -> list[tuple[int, bytes]]:
    """What each other server gets: its number, and the content of an `m.direct_to_device` EDU."""
    by_server: dict[ServerName, dict[str, Mapping[str, msgspec.Raw]]] = {}
    for user_id, by_device in messages.items():
        if is_user_id(user_id) and by_device and not is_local(tenant, user_id):
            by_server.setdefault(server_name_of(UserID(user_id)), {})[user_id] = by_device
    if not by_server:
        return []
    nids = await terms.intern(ctx.database, ctx.caches, tenant, list(by_server))
    contents = [
        msgspec.json.encode(
            {
                "sender": requester.user_id,
                "type": event_type,
                "message_id": ctx.ids.opaque(24),
                "messages": for_server,
            }
        )
        for for_server in by_server.values()
    ]
    return list(zip(nids, contents, strict=True))


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


async def _tidy_outbox(ctx: Context, conn: Connection, tenant: Tenant, server_nids: list[int]) -> None:
    """Now and then: what waits for servers that do not answer is bounded too."""
    limits = ctx.settings.limits
    kept = (limits.to_device_outbox_messages_max, limits.to_device_outbox_bytes_max)
    for server_nid in server_nids:
        await outgoing.trim_messages(
            conn, tenant, server_nid, kept, ctx.clock.now_ms() - limits.to_device_outbox_s_max * 1000
        )
