"""The command: starts the servers, runs the scenarios on each, prints the tables; 1 when a bar was missed."""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console

from conformance.bench import figures
from conformance.bench.command import STATE, begin
from conformance.bench.federation import bars, loopback, scenarios, servers
from conformance.bench.federation.scenarios import Load
from conformance.bench.federation.standin import standing_in
from conformance.bench.figures import Report, Result
from conformance.bench.measure import Bench
from conformance.bench.profiler import Profiler
from conformance.bench.server import Server
from tests.support.remote_server import Authority

STARTERS: dict[str, Callable[[Path, Path, Authority], AbstractContextManager[Server]]] = {
    "timserver": servers.timserver_running,
    "synapse": servers.synapse_running,
}

SCENARIOS: dict[str, Callable[[Load], Awaitable[Result]]] = {
    "live": scenarios.received_live,
    "room": scenarios.received_one_room,
    "rooms": scenarios.received_many_rooms,
    "large": scenarios.received_large_room,
    "sent": scenarios.sent_live,
    "fast": scenarios.sent_fast,
    "join100": partial(scenarios.join, members=100),
    "join2000": partial(scenarios.join, members=2_000),
    "join20000": partial(scenarios.join, members=20_000),
    "catchup": scenarios.caught_up,
}
NOT_QUICK = {"join20000"}
OTHERS = ("pairs", "loopback")


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(prog="dev bench federation", description=__doc__)
    options.add_argument(
        "--scenario", action="append", choices=[*SCENARIOS, *OTHERS], help="only this one; repeat for more"
    )
    options.add_argument("--only", choices=STARTERS, help="only this server")
    options.add_argument(
        "--quick", action="store_true", help="fewer events, no join of 20,000: some two minutes"
    )
    options.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    options.add_argument(
        "--profile", action="store_true", help="print where the server's time goes (distorts the figures)"
    )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked; 1 when a scenario failed or a bar was missed."""
    options = parser().parse_args(argv)
    console = begin()
    wanted = options.scenario or [*SCENARIOS, *OTHERS]
    if options.quick:
        wanted = [name for name in wanted if name not in NOT_QUICK or name in (options.scenario or ())]
    run = _Run(options, console)
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        authority = Authority(Path(folder))
        names = [options.only] if options.only else list(STARTERS)
        single = [name for name in wanted if name in SCENARIOS]
        if single:
            with ExitStack() as stack:
                run.single(single, [run.start(stack, name, authority) for name in names], authority)
        if "pairs" in wanted:
            with ExitStack() as stack:
                run.pairs([run.start(stack, name, authority) for name in names for _ in range(2)])
        if "loopback" in wanted and "timserver" in names:
            run.loopback(authority)
    console.print(figures.table(run.results))
    missed = [*bars.missed(run.results), *run.missed]
    for bar in missed:
        console.print(f"missed: {bar}", style="red")
    return int(bool(missed) or any(result.error for result in run.results))


class _Run:
    """One run: results so far, and the missed bars that no result shows."""

    def __init__(self, options: argparse.Namespace, console: Console) -> None:
        self._options, self._console = options, console
        self._versions: dict[str, str] = {}
        self.results: list[Result] = []
        self.missed: list[str] = []

    def start(self, stack: ExitStack, name: str, authority: Authority) -> Server:
        """A fresh server."""
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        server = stack.enter_context(STARTERS[name](STATE, folder, authority))
        self._versions[name] = server.version
        return server

    def single(self, names: Sequence[str], on: Sequence[Server], authority: Authority) -> None:
        """What a server does with the stand-in."""
        for name in names:
            for server in on:
                self._note(name, uvloop.run(self._one(name, server, authority)))

    async def _one(self, name: str, server: Server, authority: Authority) -> Result:
        async with standing_in(authority) as standin:
            load = Load(self._bench(server), standin, self._options.quick)
            try:
                if not self._options.profile:
                    return await SCENARIOS[name](load)
                with Profiler(STATE).recording(server):
                    return await SCENARIOS[name](load)
            except Exception as error:
                return Result(scenario=name, server=server.name, error=f"{type(error).__name__} {error}")

    def pairs(self, on: Sequence[Server]) -> None:
        """Two of a kind, and both ways between kinds."""
        directions = [(on[at], on[at + 1]) for at in range(0, len(on), 2)]
        if len(on) > 2:
            directions += [(on[0], on[2]), (on[2], on[0])]
        for sender, receiver in directions:
            pair = scenarios.pair(self._bench(sender), self._bench(receiver), self._count(500, 60))
            self._note("pairs", uvloop.run(pair))

    def loopback(self, authority: Authority) -> None:
        """Two tenants, without HTTP and with."""
        ways = []
        for name, extra in (("loop-back", {}), ("HTTP", {"TIM_FEDERATION__LOOPBACK": "false"})):
            with (
                tempfile.TemporaryDirectory(prefix="bench") as folder,
                servers.timserver_running(STATE, Path(folder), authority, extra) as server,
            ):
                first, second = loopback.tenants(self._bench, server)
                way = uvloop.run(loopback.measure(first, second, name, self._count(500, 100)))
            ways.append(way)
            self._note("loopback", msgspec.structs.replace(way.event, extra={"request_ms": way.request_ms}))
        self.missed += bars.missed_by_loopback(*ways)

    def _count(self, whole: int, quick: int) -> int:
        return quick if self._options.quick else whole

    def _bench(self, server: Server) -> Bench:
        return Bench(server, asyncio.Lock(), seconds=0, scale=1)

    def _note(self, name: str, result: Result) -> None:
        self.results.append(result)
        text = result.error or f"{result.cpu_s_per_1000:.3f} s per 1,000, {result.seconds:.1f} s"
        self._console.print(f"{name} on {result.server}: {text}", style="dim")
        if self._options.json:
            report = Report(self._versions, self.results)
            self._options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))


if __name__ == "__main__":
    raise SystemExit(main())
