"""Step: of events that may be seen, those that a filter wants and that ignored users have not sent."""

from collections.abc import Collection, Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import filters
from timserver.matrix.filters import RoomEventFilter
from timserver.store import relations, terms
from timserver.store.database import Connection
from timserver.tenancy import Tenant
from timserver.usecases.events.visible import Seen


class _Facts(msgspec.Struct):
    type: str
    sender: str
    content: dict[str, msgspec.Raw]


_decode = msgspec.json.Decoder(_Facts).decode


async def filtered(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    wanted: RoomEventFilter,
    room_id: str,
    seen: Sequence[Seen],
    ignored: Collection[int],
) -> list[Seen]:
    """In the order given. State events of ignored users stay: clients need them."""
    kept = [item for item in seen if item.row.key_nid is not None or item.row.sender_nid not in ignored]
    if not kept or _takes_all(wanted):
        return kept
    children: dict[bytes, list[filters.RelatedBy]] = {}
    if filters.wants_children(wanted):
        children = await _children(ctx, conn, tenant, [item.row.event_hash for item in kept])
    return [item for item in kept if _matches(wanted, room_id, item, children.get(item.row.event_hash, ()))]


def _takes_all(wanted: RoomEventFilter) -> bool:
    plain = RoomEventFilter(
        limit=wanted.limit,
        lazy_load_members=wanted.lazy_load_members,
        include_redundant_members=wanted.include_redundant_members,
        unread_thread_notifications=wanted.unread_thread_notifications,
    )
    return wanted == plain


def _matches(
    wanted: RoomEventFilter, room_id: str, item: Seen, children: Collection[filters.RelatedBy]
) -> bool:
    facts = _decode(item.row.json)
    contains_url = bytes(facts.content.get("url", b"")).startswith(b'"')
    return filters.matches(
        wanted, filters.EventFacts(facts.type, facts.sender, room_id, contains_url, children)
    )


async def _children(
    ctx: Context, conn: Connection, tenant: Tenant, hashes: list[bytes]
) -> dict[bytes, list[filters.RelatedBy]]:
    found: dict[bytes, list[filters.RelatedBy]] = {}
    rows = await relations.children(conn, tenant, hashes)
    names = await terms.names_of(conn, ctx.caches, tenant, {row.sender_nid for row in rows})
    for row in rows:
        related = filters.RelatedBy(names[row.sender_nid], row.rel_type)
        found.setdefault(row.target_hash, []).append(related)
    return found
