"""A server that is dead for one tenant is dead for all of the process: one of them looks now and then, not each.

Real: the database, rooms, queues. Fake: the other servers (`support.outside`), and the clock.
"""

import pytest

from tests.support.devices import Device, new_device
from tests.support.outside import Outside, SetClock, process
from tests.support.sending import all_rounds, room_of, say
from timserver.context import Context
from timserver.matrix.ids import RoomID, ServerName
from timserver.remote.client import RemoteError
from timserver.tenancy import Tenant
from timserver.usecases.federation.heard_from import heard_from
from timserver.usecases.federation.send_transaction import Outcome

B, BOB = "b.example", "@bob:b.example"


class Queue:
    """A tenant with a user and a room in which somebody of the server is."""

    def __init__(self, ctx: Context, tenant: Tenant, alice: Device, room_id: RoomID) -> None:
        self.ctx, self.tenant, self.alice, self.room_id = ctx, tenant, alice, room_id

    async def says(self, text: str) -> list[Outcome]:
        """What became of it at once."""
        await say(self.ctx, self.tenant, self.alice, self.room_id, text)
        return await all_rounds(self.ctx, self.tenant)

    async def due_ts(self) -> int:
        async with self.ctx.database.directory() as conn:
            due: int | None = await conn.raw.fetchval(
                "select due_ts from sending where tenant_id = $1", self.tenant.tenant_id
            )
        assert due is not None
        return due


@pytest.fixture
async def queues(
    ctx: Context, tenant: Tenant, other: Tenant, outside: Outside, clock: SetClock
) -> list[Queue]:
    here = process(ctx, outside, clock)
    return [
        Queue(here, owner, alice, await room_of(here, owner, alice, BOB))
        for owner in (tenant, other)
        for alice in [await new_device(ctx, owner)]
    ]


async def test_who_is_dead_for_one_is_not_tried_by_the_other(
    queues: list[Queue], outside: Outside, clock: SetClock
) -> None:
    one, two = queues
    outside.is_away(B)
    tries: list[str] = []
    outside.on_request = lambda transaction: tries.append(transaction.origin)
    assert await one.says("1") == [Outcome.FAILED]
    assert await two.says("2") == [Outcome.POSTPONED]
    assert tries == [one.tenant.server_name]
    assert await two.due_ts() >= await one.due_ts(), "who found it dead goes first"
    start = clock.at_ms
    while clock.at_ms < start + 86_400_000:
        clock.at_ms = min(await one.due_ts(), await two.due_ts())
        for queue in queues:
            await all_rounds(queue.ctx, queue.tenant)
    assert 40 < len(tries) < 80, "as often as one tenant alone would"
    outside.is_away()
    for queue in sorted(queues, key=lambda queue: queue is two):
        clock.at_ms = max(clock.at_ms, await queue.due_ts())
        assert await all_rounds(queue.ctx, queue.tenant) == [Outcome.SENT]
    assert sorted(outside.bodies(B)) == ["1", "2"]


async def test_each_queue_is_woken_by_contact_of_its_own(queues: list[Queue], outside: Outside) -> None:
    one, two = queues
    outside.is_away(B)
    await one.says("1")
    assert await two.says("2") == [Outcome.POSTPONED]
    outside.is_away()
    await heard_from(two.ctx, two.tenant, ServerName(B))
    assert await all_rounds(two.ctx, two.tenant) == [Outcome.SENT]
    assert await all_rounds(one.ctx, one.tenant) == [], "it has a timetable of its own"
    assert outside.bodies(B) == ["2"]


async def test_a_server_that_refuses_one_is_tried_by_the_other(queues: list[Queue], outside: Outside) -> None:
    """It lives: what it says to one tenant says nothing about another."""
    one, two = queues
    refusal = RemoteError("no", status=403, errcode="M_FORBIDDEN")
    outside.refuse = lambda t: refusal if t.origin == one.tenant.server_name else None
    assert await one.says("1") == [Outcome.FAILED]
    assert await two.says("2") == [Outcome.SENT]
