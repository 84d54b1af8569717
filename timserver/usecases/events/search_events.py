"""A local user searches messages, names and topics of rooms.

Spec: https://spec.matrix.org/v1.19/client-server-api/#server-side-search
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix.filters import RoomEventFilter, takes_room
from timserver.matrix.ids import RoomID
from timserver.store import room_state, rooms, search
from timserver.store.database import Connection
from timserver.store.events import EventRow
from timserver.store.live_rooms import LiveRoom
from timserver.store.rooms import UserRoomRow
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events.filtering import filtered
from timserver.usecases.events.ignored import ignored_users
from timserver.usecases.events.read_event import around
from timserver.usecases.events.rendering import Reader, render
from timserver.usecases.events.visible import Seen, visible
from timserver.usecases.rooms.access import POSITION_MAX, read_access
from timserver.usecases.rooms.live import live_room

KEYS = {"content.body": "body", "content.name": "name", "content.topic": "topic"}
_CANDIDATES_MAX = 500
_WORDS_MAX = 20


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for. `before` and `after` None: without context; `start` is a position."""

    term: str
    fields: Sequence[str]
    filter: RoomEventFilter
    by_rank: bool
    limit: int
    start: int | None = None
    before: int | None = None
    after: int | None = None
    with_state: bool = False


class Surroundings(msgspec.Struct, frozen=True):
    """What was around a result; positions before and behind."""

    before: list[Raw]
    after: list[Raw]
    start: int
    end: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A hit."""

    event_id: str
    room_id: str
    sender: str
    rank: float
    event: Raw
    context: Surroundings | None


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """Hits of one page, the words that were looked for, and where the next page begins."""

    count: int
    words: list[str]
    results: list[Result]
    state: dict[str, list[Raw]]
    next: int | None


class _Pdu(msgspec.Struct):
    content: dict[str, object]


class _Shown(msgspec.Struct):
    event_id: str
    sender: str


class _Hit(msgspec.Struct, frozen=True):
    seen: Seen
    rank: float


_decode = msgspec.json.Decoder(_Pdu).decode
_decode_shown = msgspec.json.Decoder(_Shown).decode


class _Search(msgspec.Struct, frozen=True, kw_only=True):
    """Where a user looks, and for what."""

    user_nid: int
    mine: dict[int, UserRoomRow]
    ignored: list[int]
    words: list[str]


async def search_events(ctx: Context, tenant: Tenant, requester: Requester, asked: Asked) -> Results:
    """One page; by rank there is only one. Encrypted rooms have no results.

    Behind a full page there is another one, which may be empty. `count` is of all pages, as far as candidates reach.
    """
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        own = await rooms.rooms_of(conn, tenant, requester.user_nid)
        search_in = _Search(
            user_nid=requester.user_nid,
            mine={
                row.room_nid: row
                for row in own
                if row.join_position and not row.forgotten and takes_room(asked.filter, row.room_id)
            },
            ignored=await ignored_users(ctx, conn, tenant, requester.user_nid),
            words=list(dict.fromkeys(asked.term.lower().split()))[:_WORDS_MAX],
        )
        hits, lowest = await _hits(ctx, conn, tenant, search_in, asked, POSITION_MAX)
        count = len(hits)
        if asked.start is not None:
            if lowest is not None and lowest > asked.start:
                hits, lowest = await _hits(ctx, conn, tenant, search_in, asked, asked.start)
                count += len(hits)
            hits = [hit for hit in hits if hit.seen.row.position <= asked.start]
    page = _sorted(hits, asked)[: asked.limit]
    following = None
    if not asked.by_rank and page and len(page) == asked.limit:
        following = page[-1].seen.row.position - 1
    elif not asked.by_rank and lowest is not None:
        following = lowest - 1
    results, state = await _shown(ctx, tenant, requester, search_in, asked, page)
    return Results(count=count, words=search_in.words, results=results, state=state, next=following)


async def _hits(
    ctx: Context, conn: Connection, tenant: Tenant, search_in: _Search, asked: Asked, up_to: int
) -> tuple[list[_Hit], int | None]:
    """Hits up to a position; and when there were too many candidates, the position of the last one."""
    if not search_in.words:
        return [], None
    rows = await search.find(conn, tenant, list(search_in.mine), up_to, search_in.words, _CANDIDATES_MAX)
    ranked = {row.event_nid: rank for row in rows if (rank := _rank(row, asked.fields, search_in.words))}
    hits: list[_Hit] = []
    for row in search_in.mine.values():
        found = [item for item in rows if item.room_nid == row.room_nid and item.event_nid in ranked]
        seen = await visible(conn, tenant, search_in.user_nid, row, found) if found else []
        seen = await filtered(ctx, conn, tenant, asked.filter, row.room_id, seen, search_in.ignored)
        hits += [_Hit(item, ranked[item.row.event_nid]) for item in seen]
    return hits, rows[-1].position if len(rows) == _CANDIDATES_MAX else None


def _sorted(hits: Sequence[_Hit], asked: Asked) -> list[_Hit]:
    """The newest first; by rank the best first."""
    return sorted(hits, key=lambda hit: (-hit.rank if asked.by_rank else 0.0, -hit.seen.row.position))


async def _shown(
    ctx: Context,
    tenant: Tenant,
    requester: Requester,
    search_in: _Search,
    asked: Asked,
    page: Sequence[_Hit],
) -> tuple[list[Result], dict[str, list[Raw]]]:
    """The hits of a page as the client gets them, and when wanted the state of their rooms."""
    mine = search_in.mine
    live = {nid: await live_room(ctx, tenant, RoomID(mine[nid].room_id)) for nid in _rooms_of(page)}
    reader = Reader(user_nid=requester.user_nid, device_nid=requester.device_nid, ignored=search_in.ignored)
    results, state = [], {}
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        for hit in page:
            room = live[hit.seen.row.room_nid]
            if room is not None:
                results.append(await _result(ctx, conn, tenant, reader, asked, room, hit))
        for room in live.values() if asked.with_state else ():
            if room is not None and mine[room.room_nid].membership == 1:
                shown = [Seen(row, "join") for row in await room_state.whole(conn, tenant, room.room_nid)]
                state[str(room.room_id)] = await render(
                    ctx, conn, tenant, room.room_id, room.version, reader, shown
                )
    return results, state


def _rooms_of(hits: Sequence[_Hit]) -> set[int]:
    return {hit.seen.row.room_nid for hit in hits}


def _rank(row: EventRow, fields: Sequence[str], words: Sequence[str]) -> float:
    """How much of the texts the words are; 0 when one is missing."""
    content = _decode(row.json).content
    text = " ".join(value for name in fields if isinstance(value := content.get(name), str)).lower()
    if not text or not all(word in text for word in words):
        return 0.0
    return min(1.0, sum(text.count(word) * len(word) for word in words) / len(text))


async def _result(
    ctx: Context, conn: Connection, tenant: Tenant, reader: Reader, asked: Asked, room: LiveRoom, hit: _Hit
) -> Result:
    row = hit.seen.row
    context = None
    items = [hit.seen]
    if asked.before is not None or asked.after is not None:
        access = await read_access(conn, tenant, reader.user_nid, room)
        before, start = await around(
            conn, tenant, reader.user_nid, access, row, asked.before or 0, backwards=True
        )
        after, end = await around(
            conn, tenant, reader.user_nid, access, row, asked.after or 0, backwards=False
        )
        items += [*before, *after]
        raws = await render(ctx, conn, tenant, room.room_id, room.version, reader, items)
        context = Surroundings(raws[1 : len(before) + 1], raws[len(before) + 1 :], start, end)
    else:
        raws = await render(ctx, conn, tenant, room.room_id, room.version, reader, items)
    shown = _decode_shown(raws[0])
    return Result(
        event_id=shown.event_id,
        room_id=room.room_id,
        sender=shown.sender,
        rank=hit.rank,
        event=raws[0],
        context=context,
    )
