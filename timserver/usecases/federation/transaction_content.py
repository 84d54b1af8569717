"""Step: what a transaction holds, built anew at each try from the part of the log that it stands for.

A part holds the same events at each try (or fewer, of rooms that were purged since); what of it has a newer form by
then (receipts, devices, presence) has a later place in the log too and is told again there. So a try under the same id
may safely differ in these.
"""

from collections.abc import Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import edus
from timserver.matrix.ids import ServerName, UserID, server_name_of
from timserver.matrix.json_types import JsonObject
from timserver.matrix.room_versions import ROOM_VERSIONS
from timserver.matrix.transactions import EDUS_MAX
from timserver.store import events, outgoing, terms
from timserver.store.destinations import Taken
from timserver.store.outgoing import Outgoing
from timserver.tenancy import Tenant
from timserver.usecases.ephemeral.presence import presence_is_on
from timserver.usecases.federation.device_edus import device_edus


class Content(msgspec.Struct, frozen=True):
    """PDUs as they are stored, and EDUs."""

    pdus: list[bytes]
    edus: list[JsonObject]

    def body(self, origin: ServerName, now_ms: int) -> JsonObject:
        """The transaction; the bytes of the PDUs go in as they are."""
        body: dict[str, object] = {
            "origin": origin,
            "origin_server_ts": now_ms,
            "pdus": [msgspec.Raw(pdu) for pdu in self.pdus],
        }
        if self.edus:
            body["edus"] = self.edus
        return body  # type: ignore[return-value]


async def content_of(ctx: Context, tenant: Tenant, destination: ServerName, taken: Taken) -> Content:
    """What the destination gets; an event that it has made itself is not sent back to it.

    What passes (typing, presence) is only for who is reached at the first try.
    """
    if taken.taken_room is not None:
        return await _content_of_rooms(ctx, tenant, destination, taken)
    passing = not taken.is_repeated and taken.failing_since_ts is None and taken.with_events
    presence = passing and presence_is_on(ctx, tenant)
    facts = await outgoing.facts(ctx.database, tenant, taken, passing=passing, presence=presence)
    if not facts:
        return Content([], [])
    users = {fact.user_nid for fact in facts if fact.user_nid is not None}
    names = await terms.names(ctx.database, ctx.caches, tenant, users)
    device_news = [fact for fact in facts if fact.kind in {outgoing.DEVICE_LIST, outgoing.JOINED}]
    of_devices: list[JsonObject] = []
    if device_news:
        async with ctx.database.transaction(tenant) as conn:
            with_names = ctx.settings.federation.device_names
            of_devices = await device_edus(conn, tenant, names, device_news, with_names=with_names)
    pdus = [
        fact.body or b""
        for fact in facts
        if fact.kind == outgoing.EVENT
        and not _is_made_by(destination, names[fact.user_nid or 0], fact.body or b"")
    ]
    others = _other_edus(names, facts, ctx.clock.now_ms())
    return Content(pdus, [*_messages(facts), *of_devices, *others][:EDUS_MAX])


async def _content_of_rooms(ctx: Context, tenant: Tenant, destination: ServerName, taken: Taken) -> Content:
    rows = await outgoing.events_of_rooms(ctx.database, tenant, taken)
    names = await terms.names(ctx.database, ctx.caches, tenant, {row.sender_nid for row in rows})
    pdus = [row.json for row in rows if not _is_made_by(destination, names[row.sender_nid], row.json)]
    return Content(pdus, [])


class _Signed(msgspec.Struct):
    signatures: dict[str, object] = {}


_signed = msgspec.json.Decoder(_Signed).decode


def _is_made_by(destination: ServerName, sender: str, pdu: bytes) -> bool:
    """Its user's event bears its signature, unless we have made it of an invite by address that its user had sent."""
    return server_name_of(UserID(sender)) == destination and destination in _signed(pdu).signatures


def _messages(facts: Sequence[Outgoing]) -> list[JsonObject]:
    contents = [fact.body or b"" for fact in facts if fact.kind == outgoing.TO_DEVICE]
    return [edus.edu("m.direct_to_device", msgspec.Raw(content)) for content in contents]


def _other_edus(names: dict[int, str], facts: Sequence[Outgoing], now_ms: int) -> list[JsonObject]:
    """Receipts, presence, typing; typing last: if anything is too much, it is that."""
    receipts, present, typing = [], [], []
    for fact in facts:
        user_id = names.get(fact.user_nid or 0, "")
        if fact.kind == outgoing.RECEIPT:
            version = ROOM_VERSIONS[fact.room_version or ""]
            event_id = events.event_id_of(version, fact.body or b"")
            receipts.append(
                edus.Receipt(
                    room_id=fact.room_id or "",
                    user_id=user_id,
                    event_id=event_id,
                    ts=fact.ts or 0,
                    thread=fact.detail or "",
                )
            )
        elif fact.kind == outgoing.PRESENCE:
            present.append(
                edus.UserPresence(
                    user_id=user_id,
                    presence=fact.number or 0,
                    status_msg=fact.detail,
                    last_active_ts=fact.ts or 0,
                )
            )
        elif fact.kind == outgoing.TYPING:
            typing.append(edus.typing(fact.room_id or "", user_id, is_typing=(fact.ts or 0) > now_ms))
    presence = [edus.presence(present, now_ms)] if present else []
    return [*edus.receipts(receipts), *presence, *typing]
