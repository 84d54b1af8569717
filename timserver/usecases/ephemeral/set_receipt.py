"""A local user has read up to an event.

Spec: https://spec.matrix.org/v1.19/client-server-api/#receipts
"""

from timserver.context import Context
from timserver.matrix.ids import RoomID
from timserver.store import log
from timserver.store.streams import RECEIPT, Fact
from timserver.tenancy import Requester, Tenant
from timserver.usecases.ephemeral.receipts import Marker, place_receipt, write_receipt
from timserver.usecases.rooms.live import must_live_room


async def set_receipts(
    ctx: Context, tenant: Tenant, requester: Requester, room_id: RoomID, markers: list[Marker]
) -> None:
    """Receipts only go forward; those that do not are ignored. Raises `Forbidden` for who is not in the room, and for
    events that the user cannot see (RELIABILITY C2).
    """
    room = await must_live_room(ctx, tenant, room_id)
    facts: list[Fact] = []
    async with ctx.database.transaction(tenant) as conn:
        wanted = []
        for marker in markers:
            row = await place_receipt(conn, tenant, requester.user_nid, room, marker)
            if row is not None:
                wanted.append((marker, row))
        if not wanted:
            return
        now_ms = ctx.clock.now_ms()
        position = await log.take(conn, tenant, len(wanted))
        for place, (marker, row) in enumerate(wanted):
            stamp = now_ms, position - len(wanted) + 1 + place
            facts.append(await write_receipt(conn, tenant, requester.user_nid, room, marker, row, stamp))
    ctx.streams.publish(tenant, position, facts, len(facts))
    if room.has_servers and any(fact.kind == RECEIPT and not fact.user_nid for fact in facts):
        ctx.streams.send(tenant)
