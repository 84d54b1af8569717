"""R7: a destination is away for an hour, a day, a week, while people write; then it is back, and so are 300 others.

In one process, on a clock that is set; the database, the rooms and the sender are the real ones, other servers are
`tests.support.outside`. Bars: at most 50 MB are kept for it; of each room it gets the newest event first; no device loses
a message that was kept; at most 50 requests are under way; and it is not asked in vain more than 80 times a day.
"""

import asyncio
import time
from pathlib import Path

import msgspec
import uvloop

from conformance.bench import database
from tests.support.devices import Device, new_device
from tests.support.homeserver import MASTER_KEY, settings_for
from tests.support.outside import Outside, SetClock, process
from tests.support.sending import all_rounds, room_of, say
from timserver import app
from timserver.context import Context
from timserver.matrix.ids import RoomID, ServerName
from timserver.store import destinations, log, outgoing, terms
from timserver.store.migrate import migrate
from timserver.tenancy import Tenant
from timserver.usecases.tenants import create_tenant
from timserver.workers.federation_sender import Sender

HOUR_MS = 3_600_000
ABSENCES = {"1 h": (HOUR_MS, 300), "24 h": (24 * HOUR_MS, 3_000), "7 d": (7 * 24 * HOUR_MS, 12_000)}
"""How long, and how many messages are written meanwhile, and as many to devices, of 2 KB each."""
ROOMS, STEPS, CROWD = 40, 60, 300
KEPT_BYTES_MAX, UNDER_WAY_MAX, TRIES_PER_DAY_MAX = 50 * 2**20, 50, 80
AWAY, BOB = "away.example", "@bob:away.example"


class Absence(msgspec.Struct, kw_only=True):
    """What was seen of one."""

    name: str
    days: float
    written: int
    tries: int = 0
    kept_bytes: int = 0
    caught_up: list[str] = []
    newest: set[str] = set()
    to_device_kept: int = 0
    to_device_received: int = 0
    seconds: float = 0.0

    def missed(self) -> list[str]:
        """Bars that are missed."""
        missed = []
        if self.kept_bytes > KEPT_BYTES_MAX:
            missed.append(f"away {self.name}: {self.kept_bytes / 2**20:.0f} MB were kept")
        if self.tries > max(1.0, self.days) * TRIES_PER_DAY_MAX:
            missed.append(f"away {self.name}: {self.tries} tries in vain")
        if set(self.caught_up[: len(self.newest)]) != self.newest:
            missed.append(f"away {self.name}: the newest events of the rooms did not come first")
        if self.to_device_received < self.to_device_kept:
            missed.append(f"away {self.name}: messages to devices that were kept did not arrive")
        return missed

    def told(self) -> str:
        """The figures."""
        return (
            f"away {self.name}: {self.written} messages in {ROOMS} rooms and {self.written} to devices were written;"
            f" {self.tries} tries, {self.kept_bytes / 2**20:.1f} MB kept; caught up with {len(self.caught_up)} events,"
            f" {self.to_device_received} messages to devices of {self.to_device_kept} kept, in {self.seconds:.1f} s"
        )


def main(folder: Path) -> list[str]:
    """Measure; what is missed."""
    folder.mkdir()
    with database.fresh(folder / "postgres") as db:
        asyncio.run(migrate(db.url))
        return uvloop.run(_measure(db.url))


async def _measure(url: str) -> list[str]:
    missed: list[str] = []
    async with app.open_context(settings_for(url), MASTER_KEY) as ctx:
        for name, (absence_ms, written) in ABSENCES.items():
            absence = await _be_away(ctx, name, absence_ms, written)
            print(absence.told(), flush=True)
            missed += absence.missed()
        most, seconds = await crowd_comes_back(ctx, CROWD)
        print(f"{CROWD} servers come back at once: at most {most} requests under way, {seconds:.1f} s")
        if most > UNDER_WAY_MAX:
            missed.append(f"{most} requests were under way")
    return [*missed]


async def _be_away(ctx: Context, name: str, absence_ms: int, written: int) -> Absence:
    outside, clock = Outside(), SetClock()
    here = process(ctx, outside, clock)
    tenant = await create_tenant(here, f"away{absence_ms}.example.org")
    alice = await new_device(here, tenant)
    rooms = [await room_of(here, tenant, alice, BOB) for _ in range(ROOMS)]
    for room_id in rooms:
        await say(here, tenant, alice, room_id, "before")
    await all_rounds(here, tenant)
    absence = Absence(name=name, days=absence_ms / HOUR_MS / 24, written=written)
    outside.is_away(AWAY)
    newest = await _write_while_away(here, tenant, (alice, rooms), absence, (outside, clock, absence_ms))
    absence.newest = set(newest.values())
    absence.kept_bytes, absence.to_device_kept = await _kept(here, tenant)
    outside.is_away()
    before = len(outside.received)
    clock.at_ms += 2 * HOUR_MS
    began = time.perf_counter()
    while await all_rounds(here, tenant):
        pass
    absence.seconds = time.perf_counter() - began
    back = outside.received[before:]
    absence.caught_up = [body for transaction in back for body in transaction.bodies]
    absence.to_device_received = sum(len(item.edus("m.direct_to_device")) for item in back)
    return absence


async def _write_while_away(
    ctx: Context,
    tenant: Tenant,
    who: tuple[Device, list[RoomID]],
    absence: Absence,
    world: tuple[Outside, SetClock, int],
) -> dict[RoomID, str]:
    """The newest text of each room."""
    (alice, rooms), (outside, clock, absence_ms) = who, world
    newest: dict[RoomID, str] = {}
    number = 0

    def count(_: object) -> None:
        absence.tries += 1

    outside.on_request = count
    begin_ms = clock.at_ms
    for step in range(STEPS):
        for _ in range(absence.written // STEPS):
            room_id = rooms[number % ROOMS]
            newest[room_id] = f"{absence.name} {number}"
            await say(ctx, tenant, alice, room_id, newest[room_id])
            number += 1
        await _to_devices(ctx, tenant, absence.written // STEPS)
        upto_ms = begin_ms + absence_ms * (step + 1) // STEPS
        while clock.at_ms < upto_ms:
            await all_rounds(ctx, tenant)
            clock.at_ms = min(upto_ms, max(clock.at_ms + 1, await _due_ms(ctx, tenant) or upto_ms))
    outside.on_request = lambda _: None
    return newest


async def _to_devices(ctx: Context, tenant: Tenant, messages: int) -> None:
    content = msgspec.json.encode({"type": "m.room.encrypted", "sender": "@alice", "x": "y" * 2_000})
    (nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [ServerName(AWAY)])
    for _ in range(messages):
        async with ctx.database.transaction(tenant) as conn:
            position = await log.take(conn, tenant, 1)
            await outgoing.put_messages(conn, tenant, position, ctx.clock.now_ms(), [(nid, content)])
            await destinations.note(conn, tenant, position, first=True)


async def _due_ms(ctx: Context, tenant: Tenant) -> int | None:
    async with ctx.database.directory() as conn:
        due: int | None = await conn.raw.fetchval(
            "select due_ts from sending where tenant_id = $1", tenant.tenant_id
        )
    return due


async def _kept(ctx: Context, tenant: Tenant) -> tuple[int, int]:
    """Bytes of what is there only to be sent, and how many messages to devices are."""
    async with ctx.database.transaction(tenant) as conn:
        of_events: int = await conn.raw.fetchval(
            "select coalesce(sum(pg_column_size(o.*) + length(e.json)), 0) from outbox o"
            " join event e on e.tenant_id = o.tenant_id and e.event_nid = o.event_nid where o.tenant_id = $1",
            tenant.tenant_id,
        )
        of_devices, messages = await conn.raw.fetchrow(
            "select coalesce(sum(length(t.message) + 40), 0), count(*) from to_device_outbox t where t.tenant_id = $1",
            tenant.tenant_id,
        )
    return of_events + of_devices, messages


async def crowd_comes_back(ctx: Context, servers: int) -> tuple[int, float]:
    """Many servers of one room are back at the same time: the most requests under way, and how long it took."""
    outside, clock = Outside(), SetClock()
    clock.at_ms = ctx.clock.now_ms()
    here = process(ctx, outside, clock)
    tenant = await create_tenant(here, f"crowd{servers}.example.org")
    alice = await new_device(here, tenant)
    names = [f"s{number}.example" for number in range(servers)]
    room_id = await room_of(here, tenant, alice, *(f"@u:{name}" for name in names))
    outside.is_away(*names)
    await say(here, tenant, alice, room_id, "while away")
    await all_rounds(here, tenant)
    outside.is_away()
    outside.delay_s, outside.most_under_way = 0.05, 0
    clock.at_ms += HOUR_MS
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(Sender(here, _NotCounted()).run())
        async with asyncio.timeout(120):
            while len(outside.received) < servers:  # noqa: ASYNC110 - other servers, in truth
                await asyncio.sleep(0.05)
        loop.cancel()
    seconds = time.perf_counter() - began
    assert {item.destination for item in outside.received} == set(names)
    return outside.most_under_way, seconds


class _NotCounted:
    def transaction(self, outcome: str, items: int) -> None:
        pass

    def sending(self, under_way: int, tenants_waiting: int) -> None:
        pass
