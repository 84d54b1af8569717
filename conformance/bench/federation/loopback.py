"""Two tenants of one timserver, with HTTP between them and without: what an event costs, and what the way alone.

The way alone is found by subtraction, so that the work at both ends does not count: a user asks for the profile of a
user of the other tenant, and of one of her own; the difference is signing, sending, proving and routing of one request.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

import msgspec

from conformance.bench.client import API, Client
from conformance.bench.federation.scenarios import pair
from conformance.bench.figures import Result
from conformance.bench.measure import Bench
from conformance.bench.server import Server


class Way(msgspec.Struct, frozen=True):
    """CPU milliseconds by one way: of an event from end to end, and of a request without the ends' work."""

    event: Result
    request_ms: float


async def measure(first: Bench, second: Bench, name: str, count: int) -> Way:
    """`first` and `second` are the same process under two names."""
    event = await pair(first, second, count)
    # Both benches see the same processes: what `pair` adds up is counted twice.
    event = msgspec.structs.replace(
        event,
        scenario="event between tenants",
        server=name,
        server_cpu_s=event.server_cpu_s / 2,
        database_cpu_s=event.database_cpu_s / 2,
        extra={},
    )
    alice, near, far = await first.user(), await first.user(), await second.user()
    asked = 5 * count
    near_ms = await _request_ms(first, _profiles(alice, near), asked)
    far_ms = await _request_ms(first, _profiles(alice, far), asked)
    return Way(event, far_ms - near_ms)


def _profiles(alice: Client, other: Client) -> Callable[[], Awaitable[bytes]]:
    path = f"{API}/profile/{quote(other.user_id, safe='')}"
    return lambda: alice.raw("GET", path)


async def _request_ms(bench: Bench, ask: Callable[[], Awaitable[bytes]], count: int) -> float:
    for _ in range(50):
        await ask()
    await bench.quiet()
    before = bench.usage()
    for _ in range(count):
        await ask()
    usage = bench.usage().since(before)
    return (usage.server_cpu_s + usage.database_cpu_s) * 1000 / count


def tenants(bench: Callable[[Server], Bench], server: Server) -> tuple[Bench, Bench]:
    """Benches of the two tenants of a server that `servers.timserver_running` started."""
    other = msgspec.structs.replace(server, server_name=server.server_name.replace("localhost", "127.0.0.1"))
    return bench(server), bench(other)
