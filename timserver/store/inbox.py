"""Tables `inbound_transaction`, `inbox` and `inbox_queue`: what other servers sent, answered or waiting."""

from collections.abc import Sequence

import msgspec

from timserver.matrix.ids import ServerName
from timserver.store.database import Connection, Database
from timserver.store.statement import Directory, Function, Statement
from timserver.tenancy import Tenant


class Waiting(msgspec.Struct, frozen=True):
    """An event in the inbox."""

    event_hash: bytes
    pdu: bytes


class Turn(msgspec.Struct, frozen=True):
    """Events of one server in one room of a tenant, to be worked off by who has taken them."""

    tenant_id: int
    room_nid: int
    origin: str
    attempts: int


_ANSWER = Function(bytes, "known_answer", 3)
_REMEMBER = Function(bool, "remember_answer", 5)
_EXPIRE = Statement(int, "delete from inbound_transaction where tenant_id = $1 and expires_ts <= $2")
_COUNT = Statement(
    int,
    "select count(*)::int from (select 1 from inbox where tenant_id = $1 and origin = $2 limit $3) waiting",
)
_PUT = Statement(
    int,
    "insert into inbox (tenant_id, room_nid, event_hash, origin, received_ts, place, pdu)"
    " values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
)
_QUEUE = Directory(
    int,
    "insert into inbox_queue (tenant_id, room_nid, origin, due_ts) values ($1, $2, $3, $4)"
    " on conflict (tenant_id, room_nid, origin) do update set due_ts = least(inbox_queue.due_ts, excluded.due_ts)"
    " returning 1",
)
_TAKE = Directory(
    Turn,
    "update inbox_queue q set lease_until_ts = $2 from ("
    " select s.tenant_id, s.room_nid, s.origin from ("
    "  select r.tenant_id, r.room_nid, r.origin, r.due_ts, r.lease_until_ts,"
    "   count(*) filter (where r.lease_until_ts > $1) over (partition by r.origin) as under_way,"
    "   row_number() over (partition by r.origin, r.lease_until_ts > $1 order by r.due_ts) as place"
    "  from inbox_queue r where r.due_ts <= $1) s"
    " where s.lease_until_ts <= $1 and s.place + s.under_way <= $4 order by s.place, s.due_ts limit $3) t"
    " where q.tenant_id = t.tenant_id and q.room_nid = t.room_nid and q.origin = t.origin and q.lease_until_ts <= $1"
    " returning q.tenant_id, q.room_nid, q.origin, q.attempts",
)
_NEXT = Statement(
    Waiting,
    "select event_hash, pdu from inbox where tenant_id = $1 and origin = $2 and room_nid = $3"
    " order by received_ts, place limit $4",
)
_DONE = Statement(
    int,
    "delete from inbox where tenant_id = $1 and origin = $2 and room_nid = $3 and event_hash = any ($4::bytea[])",
)
_LEAVE = Directory(
    int,
    "update inbox_queue set lease_until_ts = 0, due_ts = $4, attempts = $5"
    " where tenant_id = $1 and room_nid = $2 and origin = $3 returning 1",
)
_EMPTY = Directory(
    int, "delete from inbox_queue where tenant_id = $1 and room_nid = $2 and origin = $3 returning 1"
)
_LOCK = Directory(
    int,
    "select 1 from inbox_queue where tenant_id = $1 and room_nid = $2 and origin = $3 for update",
)


async def known_answer(database: Database, tenant: Tenant, txn_hash: bytes, now_ms: int) -> bytes | None:
    """The answer that a transaction had."""
    return await _ANSWER.one(database, tenant, txn_hash, now_ms)


async def remember_answer(
    database: Database, tenant: Tenant, txn_hash: bytes, answer: bytes, now_ms: int, expires_ts: int
) -> None:
    """Keep the answer of a transaction; the first one stays."""
    await _REMEMBER.one(database, tenant, txn_hash, answer, now_ms, expires_ts)


async def expire_answers(conn: Connection, tenant: Tenant, now_ms: int) -> int:
    """Forget old answers; how many."""
    return await _EXPIRE.run(conn, tenant, now_ms)


async def put(
    conn: Connection,
    tenant: Tenant,
    room_nid: int,
    origin: ServerName,
    waiting: Sequence[tuple[int, Waiting]],
    *,
    now_ms: int,
    events_max: int,
) -> bool:
    """Let events wait, each with its place in the transaction. False when too many of this server do already."""
    if (await _COUNT.one(conn, tenant, origin, events_max) or 0) + len(waiting) > events_max:
        return False
    await _PUT.many(
        conn,
        tenant,
        [(room_nid, item.event_hash, origin, now_ms, place, item.pdu) for place, item in waiting],
    )
    await _QUEUE.run(conn, tenant.tenant_id, room_nid, origin, now_ms)
    return True


async def take_turns(
    conn: Connection, *, now_ms: int, lease_until_ts: int, count_max: int, of_server_max: int
) -> list[Turn]:
    """Turns that are due, of whatever tenant: each server's first before any server's second."""
    return await _TAKE.all(conn, now_ms, lease_until_ts, count_max, of_server_max)


async def waiting_events(conn: Connection, tenant: Tenant, turn: Turn, count_max: int) -> list[Waiting]:
    """The oldest events of a turn."""
    return await _NEXT.all(conn, tenant, turn.origin, turn.room_nid, count_max)


async def done(conn: Connection, tenant: Tenant, turn: Turn, event_hashes: Sequence[bytes]) -> None:
    """These events wait no more."""
    await _DONE.run(conn, tenant, turn.origin, turn.room_nid, list(event_hashes))


async def end_turn(conn: Connection, tenant: Tenant, turn: Turn, *, due_ts: int, attempts: int) -> bool:
    """Leave the turn to whoever comes next; False when nothing is left of it."""
    key = (tenant.tenant_id, turn.room_nid, turn.origin)
    await _LOCK.one(conn, *key)  # who puts something there now waits, and puts the row there again
    if not await _NEXT.all(conn, tenant, turn.origin, turn.room_nid, 1):
        await _EMPTY.run(conn, *key)
        return False
    await _LEAVE.run(conn, *key, due_ts, attempts)
    return True
