"""What costs memory rather than time: clients that wait, tenants that sleep."""

import asyncio

from conformance.bench import accounting
from conformance.bench.client import API, sync_path
from conformance.bench.connection import Connection
from conformance.bench.figures import Result
from conformance.bench.measure import Bench, spread

IDLE_S = 10.0
POLL_TIMEOUT_MS = 90_000


async def idle_long_polls(bench: Bench) -> Result:
    """2,000 users who wait for news that do not come: memory for each, CPU of all while nothing happens.

    Operations are polls and the CPU is that of ten seconds.
    """
    clients = await bench.users(bench.scaled(2000))
    paths = [""] * len(clients)

    async def first_sync(n: int) -> None:
        since = (await clients[n].sync())["next_batch"]
        paths[n] = sync_path(since, POLL_TIMEOUT_MS)
        clients[n].close()

    await spread(first_sync, len(clients), parallel=8)
    await bench.quiet()
    accounting.reset_peak_memory(bench.server.pid)
    memory = accounting.memory_bytes(bench.server.pid)
    polls = []
    async with asyncio.TaskGroup() as group:
        for client, path in zip(clients, paths, strict=True):
            polls.append(group.create_task(client.raw("GET", path)))
            await asyncio.sleep(0.002)
        await bench.quiet()
        growth = accounting.memory_bytes(bench.server.pid) - memory
        before = bench.usage()
        await asyncio.sleep(IDLE_S)
        usage = bench.usage().since(before)
        early = sum(poll.done() for poll in polls)
        for poll in polls:
            poll.cancel()
    assert not early, f"{early} polls were answered although nothing happened"
    per_poll = growth / 1024 / len(clients)
    return bench.result("idle long polls, 10 s", [0.0] * len(clients), IDLE_S, usage, KiB_per_poll=per_poll)


async def tenants(bench: Bench) -> Result:
    """1,000 more tenants created and listed beside a running server, then each asked for once.

    An operation is a creation; the server's CPU and memory are those of the first request to each.
    """
    assert bench.server.create_tenants is not None
    names = [f"t{number}.test" for number in range(bench.scaled(1000))]
    await (await bench.user()).whoami()
    await bench.quiet()
    memory = accounting.memory_bytes(bench.server.pid)
    before = bench.usage()
    latencies = await bench.server.create_tenants(names)
    connection = Connection(bench.server.host, bench.server.port)
    for name in names:
        request = f"GET {API}/account/whoami HTTP/1.1\r\nHost: {name}\r\n\r\n"
        status, _ = await connection.exchange(request.encode())
        assert status == 401, f"tenant {name} answers {status}"
    usage = bench.usage().since(before)
    growth = accounting.memory_bytes(bench.server.pid) - memory
    return bench.result("tenants", latencies, sum(latencies), usage, MiB_more=growth / 2**20)
