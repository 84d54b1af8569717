"""Tables `sending` and `destination`: for whom there is something to send, how far each server is, who serves it.

The functions in `migrations/functions/*_sending.sql` are the only writers, each one round trip and one commit. They
lock in one order (the log, the tenant's row of `sending`, then destinations), so that they cannot wait in a circle.
"""

import msgspec

from timserver.store.database import Connection, Database
from timserver.store.statement import Directory, Function, Statement
from timserver.tenancy import Tenant


class Taken(msgspec.Struct, frozen=True):
    """A transaction that this process may send now: the part (sent_position, taken_position] of the log.

    With `taken_room` it is part of a catch-up instead: rooms after `catch_up_room` up to that one.
    """

    server_nid: int
    epoch_ts: int
    sent_position: int
    taken_position: int
    taken_room: int | None
    catch_up_from: int | None
    catch_up_to: int | None
    catch_up_room: int
    failing_since_ts: int | None
    refusals: int
    is_repeated: bool

    @property
    def txn_id(self) -> str:
        """The same for the same part of the log, whoever sends it and how often."""
        suffix = "" if self.taken_room is None else f"-{self.taken_room}"
        return f"{self.epoch_ts}-{self.taken_position}{suffix}"

    @property
    def with_events(self) -> bool:
        """Are the events of the part in it? In the first half of a catch-up they are not."""
        return self.catch_up_to is None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a transaction did not arrive, as far as it decides what comes next."""

    began_ts: int
    next_try_ts: int
    is_refused: bool
    pdus_kept: int
    """With more events waiting the server will catch up."""


_TAKE = Function(Taken, "take_sending", 7)
_FINISH = Function(bool, "finish_sending", 4)
_FAIL = Function(int, "fail_sending", 8)
_DROP = Function(int, "drop_sending", 4)
_SETTLE = Function(int, "settle_sending", 3)
_RENEW = Statement(
    int,
    "update destination set lease_until_ts = $4 where tenant_id = $1 and server_nid = $2 and lease_owner = $3"
    " and taken_position is not null returning 1",
)
_IS_FAILING = Statement(
    int, "select 1 from destination where tenant_id = $1 and server_nid = $2 and failing_since_ts is not null"
)
_HEARD = Statement(
    int,
    "update destination set next_try_ts = 0, heard_ts = $3 where tenant_id = $1 and server_nid = $2"
    " and failing_since_ts is not null returning 1",
)
_NOTE = Statement(int, "select 1 from note_sending($1, $2, $3)")
_CLAIM_DUE = Directory(
    int,
    "update sending set due_ts = $1::bigint + $2 where tenant_id in (select tenant_id from sending"
    " where due_ts <= $1 order by due_ts limit $3 for update skip locked) returning tenant_id",
)
_WAITING = Directory(int, "select count(*) from sending where due_ts is not null")


async def take(
    database: Database,
    tenant: Tenant,
    *,
    now_ms: int,
    lease: tuple[int, int],
    limits: tuple[int, int],
    presence: bool,
) -> list[Taken]:
    """Transactions to be sent now, leased by (owner, milliseconds); at most (of working servers, of failing ones)."""
    return await _TAKE.all(database, tenant, now_ms, *lease, *limits, presence)


async def finish(database: Database, tenant: Tenant, taken: Taken, owner: int, now_ms: int) -> bool:
    """It was received. Is there more for the server?"""
    return await _FINISH.one(database, tenant, taken.server_nid, owner, now_ms) is True


async def fail(
    database: Database, tenant: Tenant, taken: Taken, owner: int, now_ms: int, failure: Failure
) -> None:
    """It was not received."""
    await _FAIL.one(
        database,
        tenant,
        taken.server_nid,
        owner,
        failure.began_ts,
        now_ms,
        failure.next_try_ts,
        failure.is_refused,
        failure.pdus_kept,
    )


async def drop(database: Database, tenant: Tenant, taken: Taken, owner: int, now_ms: int) -> int:
    """Nothing may be sent there: forget what waits. How many messages to devices that were."""
    return await _DROP.one(database, tenant, taken.server_nid, owner, now_ms) or 0


async def settle(database: Database, tenant: Tenant, now_ms: int, rows_max: int) -> int | None:
    """Tidy up after a round; when somebody must look again, None when not before there is something new."""
    return await _SETTLE.one(database, tenant, now_ms, rows_max)


async def renew(conn: Connection, tenant: Tenant, server_nid: int, owner: int, until_ms: int) -> None:
    """The request takes long: keep the lease."""
    await _RENEW.run(conn, tenant, server_nid, owner, until_ms)


async def note(conn: Connection, tenant: Tenant, position: int, *, first: bool) -> None:
    """There is something new at a position that was just taken; durable with the caller's transaction.

    `first`: also when the tenant has never sent anything.
    """
    await _NOTE.one(conn, tenant, position, first)


async def hear(conn: Connection, tenant: Tenant, server_nid: int, now_ms: int) -> bool:
    """A server asked something of us: if it was failing it is due now. Was it?"""
    if await _IS_FAILING.one(conn, tenant, server_nid) is None:
        return False
    await note(conn, tenant, 0, first=False)
    return await _HEARD.one(conn, tenant, server_nid, now_ms) is not None


async def claim_due(conn: Connection, now_ms: int, lease_ms: int, limit: int) -> list[int]:
    """Tenants for which somebody must look now, the longest due first; others look elsewhere for a while."""
    return await _CLAIM_DUE.all(conn, now_ms, lease_ms, limit)


async def waiting(conn: Connection) -> int:
    """How many tenants have something that was not received yet."""
    return await _WAITING.one(conn) or 0
