"""`./dev bench`: the scenarios on timserver and on Synapse, then the table."""

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop

from conformance.bench import capacity, figures, scenarios, synapse, timserver
from conformance.bench.command import STATE, begin
from conformance.bench.figures import Report, Result
from conformance.bench.measure import Bench
from conformance.bench.profiler import Profiler
from conformance.bench.server import Server

# What is measured by growth comes first: memory that earlier load has left free would hide it.
SCENARIOS: dict[str, Callable[[Bench], Coroutine[Any, Any, Result]]] = {
    "tenants": capacity.tenants,
    "polls": capacity.idle_long_polls,
    "whoami": scenarios.whoami,
    "create": scenarios.create_room,
    "send": scenarios.send_one_room,
    "send32": scenarios.send_one_room_32,
    "many": scenarios.send_many_rooms,
    "many32": scenarios.send_many_rooms_32,
    "receive": scenarios.send_to_receive,
    "idle": scenarios.idle_sync,
    "initial": scenarios.initial_sync,
    "pages": scenarios.pagination,
    "up": scenarios.media_up,
    "down": scenarios.media_down,
}

STARTERS = {"timserver": timserver.running, "synapse": synapse.running}


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="dev bench", description=__doc__)
    options.add_argument(
        "--scenario", action="append", choices=SCENARIOS, help="only this one; repeat for more"
    )
    options.add_argument(
        "--only",
        action="append",
        choices=STARTERS,
        help="only this server; give one twice to compare it with itself",
    )
    options.add_argument(
        "--quick", action="store_true", help="2 s instead of 10 s each, a tenth of the preparation"
    )
    options.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    options.add_argument(
        "--against", type=Path, metavar="FILE", help="add the results of an earlier --json for ratios"
    )
    options.add_argument(
        "--profile", action="store_true", help="print where the server's time goes (distorts the figures)"
    )
    options.add_argument("--base-url", help="measure a running server instead")
    options.add_argument(
        "--server-name", help="its server name, sent as Host; default: the host of the base URL"
    )
    options.add_argument("--secret", default="", help="its registration shared secret")
    options.add_argument("--pid", type=int, help="its process, for CPU and memory")
    options.add_argument("--database-pid", type=int, help="its postmaster")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked; 1 when a scenario failed."""
    options = parser().parse_args(argv)
    console = begin()
    results: list[Result] = []
    with ExitStack() as stack:
        servers = list(_servers(options, stack))
        versions = {server.name: server.version for server in servers}
        for name in options.scenario or SCENARIOS:
            news = uvloop.run(by_turns(name, servers, options))
            results += news
            for result in news:
                text = result.error or f"{result.cpu_s_per_1000:.3f} s per 1,000"
                console.print(f"{name} on {result.server} {versions[result.server]}: {text}", style="dim")
            if options.json:
                options.json.write_bytes(msgspec.json.format(msgspec.json.encode(Report(versions, results))))
    failed = any(result.error for result in results)
    if options.against:
        earlier = msgspec.json.decode(options.against.read_bytes(), type=Report).results
        results += [old for old in earlier if old.scenario in {new.scenario for new in results}]
    console.print(figures.table(results))
    return int(failed)


async def by_turns(name: str, servers: Sequence[Server], options: argparse.Namespace) -> list[Result]:
    """One scenario; only the server whose turn it is works. That one fails does not stop the others."""
    turn = asyncio.Lock()

    async def run(server: Server) -> Result:
        bench = Bench(
            server,
            turn,
            seconds=2 if options.quick else 10,
            scale=0.1 if options.quick else 1,
            profiler=Profiler(STATE) if options.profile else None,
        )
        async with turn:
            try:
                return await SCENARIOS[name](bench)
            except Exception as error:
                return Result(scenario=name, server=server.name, error=_innermost(error))

    able = [server for server in servers if name != "tenants" or server.create_tenants]
    return await asyncio.gather(*map(run, able))


def _servers(options: argparse.Namespace, stack: ExitStack) -> Iterator[Server]:
    """The wanted ones freshly started, or the one that runs already."""
    if not options.base_url:
        for name in options.only or STARTERS:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
            yield stack.enter_context(STARTERS[name](STATE, folder))
        return
    url = urlsplit(options.base_url)
    yield Server(
        name="running",
        version="",
        host=url.hostname or "127.0.0.1",
        port=url.port or 80,
        server_name=options.server_name or url.netloc,
        registration_secret=options.secret,
        pid=options.pid,
        database_pid=options.database_pid,
    )


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__} {error}"


if __name__ == "__main__":
    raise SystemExit(main())
