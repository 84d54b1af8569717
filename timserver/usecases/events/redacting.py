"""Step: another server's redaction, and the event it redacts: whichever comes first waits for the other.

Spec: https://spec.matrix.org/v1.19/rooms/v12/#handling-redactions
"""

import msgspec

from timserver.context import Context
from timserver.matrix import pdu, power_levels
from timserver.matrix.event import Event
from timserver.matrix.ids import UserID, server_name_of
from timserver.store import admission, events
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.rooms.power import levels_of

_REDACTION = "m.room.redaction"


class Redaction(msgspec.Struct, frozen=True):
    """What a redaction does: the event to prune with its pruned PDU, or the id of one that is not here."""

    redact: tuple[int, bytes] | None = None
    early_target: bytes | None = None


async def redaction_of(ctx: Context, tenant: Tenant, room: LiveRoom, event: Event) -> Redaction:
    """What an accepted event redacts; nothing when it is no redaction or may not."""
    if event.type != _REDACTION or event.redacts is None:
        return Redaction()
    try:
        key = events.event_key(room.version, event.redacts)
    except ValueError:
        return Redaction()
    async with ctx.database.transaction(tenant) as conn:
        row = await events.find(conn, tenant, room.version, event.redacts)
    if row is None or row.flags & events.OUTLIER:
        return Redaction(early_target=key)
    if row.room_nid != room.room_nid or row.flags & events.REDACTED:
        return Redaction()
    target = pdu.parse(room.version, row.json)
    if not await may_redact(ctx, tenant, room, event.sender, target):
        return Redaction()
    return Redaction((row.event_nid, pdu.redacted(room.version, target).pdu))


async def may_redact(ctx: Context, tenant: Tenant, room: LiveRoom, sender: UserID, target: Event) -> bool:
    """Whoever has the power, and users of the server that the event came from."""
    if server_name_of(sender) == server_name_of(target.sender):
        return True
    levels = await levels_of(ctx, tenant, room)
    return power_levels.user_level(levels, sender) >= power_levels.named_level(levels, "redact")


async def early_redaction(
    ctx: Context, tenant: Tenant, room: LiveRoom, event: Event, event_hash: bytes
) -> tuple[int, bytes] | None:
    """The redaction that was here before the event, and the pruned PDU."""
    async with ctx.database.transaction(tenant) as conn:
        nids = await admission.early_redactions(conn, tenant, event_hash)
        rows = await events.by_nids(conn, tenant, nids) if nids else {}
    for nid, row in rows.items():
        redaction = pdu.parse(room.version, row.json)
        if row.room_nid == room.room_nid and await may_redact(ctx, tenant, room, redaction.sender, event):
            return nid, pdu.redacted(room.version, event).pdu
    return None
