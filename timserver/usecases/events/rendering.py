"""Step: stored events in the form in which a reader gets them, with `unsigned` and bundled relations."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from timserver.context import Context
from timserver.matrix import client_event, filters, relations
from timserver.matrix.property_path import Path
from timserver.matrix.room_versions import RoomVersion
from timserver.store import events
from timserver.store import relations as relation_rows
from timserver.store.database import Connection
from timserver.store.events import REDACTED, EventRow
from timserver.tenancy import Tenant
from timserver.usecases.events.visible import Seen

_AT_ONCE = 50
"""Events that are rendered before others have their turn: about a millisecond."""


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Who reads, and in which form."""

    user_nid: int
    device_nid: int
    ignored: Sequence[int] = ()
    with_room_id: bool = True
    federation_format: bool = False
    event_fields: list[str] | None = None
    """All that is wanted of an event; None: everything."""


class _Extras(msgspec.Struct, frozen=True):
    replaced: Mapping[int, EventRow]
    redactions: Mapping[int, EventRow]
    bundles: Mapping[bytes, relations.Bundle]


async def render(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    room_id: str,
    version: RoomVersion,
    reader: Reader,
    seen: Sequence[Seen],
) -> list[msgspec.Raw]:
    """Client events, in the order given. They passed `visible` before."""
    if not seen:
        return []
    if reader.federation_format:
        raws = [
            client_event.federation_form(item.row.json, events.event_id_of(version, item.row.event_hash))
            for item in seen
        ]
    else:
        extras = await _extras(ctx, conn, tenant, room_id, version, reader, seen)
        now_ms = ctx.clock.now_ms()
        raws = []
        for start in range(0, len(seen), _AT_ONCE):
            if start:
                await asyncio.sleep(0)
            part = seen[start : start + _AT_ONCE]
            raws += [_render_one(now_ms, room_id, version, reader, extras, item) for item in part]
    paths = filters.parse_event_fields(reader.event_fields)
    return raws if paths is None else [_picked(raw, paths) for raw in raws]


def _picked(raw: msgspec.Raw, paths: list[Path]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(filters.pick_fields(msgspec.json.decode(raw), paths)))


async def _extras(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    room_id: str,
    version: RoomVersion,
    reader: Reader,
    seen: Sequence[Seen],
) -> _Extras:
    rows = [item.row for item in seen]
    further = {row.replaces_nid for row in rows} | {row.redacted_by for row in rows}
    found = await events.by_nids(conn, tenant, [nid for nid in further if nid]) if further != {None} else {}
    targets = [row.event_hash for row in rows if row.is_related and not row.flags & REDACTED]
    bundles: dict[bytes, relations.Bundle] = {}
    if targets:
        aggregates = await relation_rows.aggregates(
            conn, tenant, version, targets, reader.user_nid, list(reader.ignored)
        )
        if aggregates:
            bundles = await _bundles(ctx, conn, tenant, room_id, version, reader, aggregates)
    return _Extras(found, found, bundles)


def _render_one(
    now_ms: int, room_id: str, version: RoomVersion, reader: Reader, extras: _Extras, item: Seen
) -> msgspec.Raw:
    row = item.row
    event_id = events.event_id_of(version, row.event_hash)
    replaced = extras.replaced.get(row.replaces_nid or 0)
    redaction = extras.redactions.get(row.redacted_by or 0)
    unsigned = client_event.Unsigned(
        age=max(0, now_ms - row.ts),
        transaction_id=row.txn_id if row.device_nid == reader.device_nid else None,
        membership=item.membership,
        redacted_because=_redaction(version, room_id, redaction) if redaction else None,
        prev_content=client_event.content_of(replaced.json) if replaced else None,
        prev_sender=client_event.sender_of(replaced.json) if replaced else None,
        replaces_state=events.event_id_of(version, replaced.event_hash) if replaced else None,
        relations=extras.bundles.get(row.event_hash),
    )
    return client_event.from_pdu(
        row.json, event_id, room_id=room_id if reader.with_room_id else None, unsigned=unsigned
    )


def _redaction(version: RoomVersion, room_id: str, row: EventRow) -> msgspec.Raw:
    return client_event.from_pdu(row.json, events.event_id_of(version, row.event_hash), room_id=room_id)


async def _bundles(
    ctx: Context,
    conn: Connection,
    tenant: Tenant,
    room_id: str,
    version: RoomVersion,
    reader: Reader,
    aggregates: Sequence[relation_rows.Aggregate],
) -> dict[bytes, relations.Bundle]:
    newest = {item.newest[0] for item in aggregates if item.rel_type == relations.THREAD} | {
        nid for item in aggregates if item.rel_type == relations.REFERENCE for nid in item.newest
    }
    rows = await events.by_nids(conn, tenant, newest) if newest else {}
    latest = [rows[item.newest[0]].event_hash for item in aggregates if item.rel_type == relations.THREAD]
    further = (
        await relation_rows.aggregates(conn, tenant, version, latest, reader.user_nid, list(reader.ignored))
        if latest
        else []
    )
    edits = await _newest_edits(conn, tenant, [*aggregates, *further])
    now_ms = ctx.clock.now_ms()

    def one(row: EventRow, bundle: relations.Bundle | None = None) -> msgspec.Raw:
        bundles = {row.event_hash: bundle} if bundle else {}
        return _render_one(now_ms, room_id, version, reader, _Extras({}, {}, bundles), Seen(row, "join"))

    found: dict[bytes, dict[str, object]] = {}
    for item in aggregates:
        fields = found.setdefault(item.target_hash, {})
        edit = edits.get(item.target_hash)
        if item.rel_type == relations.REPLACE:
            if edit is not None:
                fields["replace"] = one(edit)
        elif item.rel_type == relations.REFERENCE:
            ids = [events.event_id_of(version, rows[nid].event_hash) for nid in item.newest if nid in rows]
            fields["reference"] = relations.ReferenceBundle([relations.ReferencedBy(i) for i in ids])
        else:
            row = rows[item.newest[0]]
            edit = edits.get(row.event_hash)
            bundle = relations.Bundle(replace=one(edit)) if edit else None
            fields["thread"] = relations.ThreadBundle(one(row, bundle), item.count, item.participated)
    return {target: relations.Bundle(**fields) for target, fields in found.items() if fields}  # type: ignore[arg-type]


async def _newest_edits(
    conn: Connection, tenant: Tenant, aggregates: Sequence[relation_rows.Aggregate]
) -> dict[bytes, EventRow]:
    """The newest edit of each event that has new content. Hardly ever another one than the first has to be read."""
    left = {item.target_hash: item.newest for item in aggregates if item.rel_type == relations.REPLACE}
    found: dict[bytes, EventRow] = {}
    for part in slice(1), slice(1, None):
        nids = {nid for newest in left.values() for nid in newest[part]}
        rows = await events.by_nids(conn, tenant, nids) if nids else {}
        for target, newest in left.items():
            edits = (rows[nid] for nid in newest[part])
            valid = next((edit for edit in edits if relations.has_new_content(edit.json)), None)
            if valid is not None:
                found[target] = valid
        left = {target: newest for target, newest in left.items() if target not in found}
    return found
