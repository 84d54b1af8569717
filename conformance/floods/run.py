"""`./dev conformance floods [--only NAME] [--seconds N]`: R11 and R7 with figures; exit code 1 when a bar is missed.

The floods: a server with 2,000 events per second, a user with 200 requests per second, a tenant with ten times its
quota. Bars: the 99th percentile of everybody else at most doubles (below 10 ms counts as 10 ms, which is the scheduler of
a machine that the load shares with the server), nothing of theirs fails, and memory grows by at most 256 MB. For servers
that were away see `away.py`.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec
import uvloop

from conformance.bench.accounting import memory_bytes
from conformance.bench.server import Server
from conformance.floods import away
from conformance.floods.deployment import TENANT_QUOTA, Deployment, Practice, opened, running
from conformance.floods.flood import Plan, prepared
from conformance.floods.others import Others, Seen
from conformance.floods.requests import PDUS_PER_TRANSACTION, transactions

RATIO_MAX, GROWTH_BYTES_MAX, LEAST_MS = 2.0, 256 * 2**20, 10.0
PRACTICES, ROUNDS = 6, 4
FLOODS = ("server", "user", "tenant")


class Outcome(msgspec.Struct, frozen=True):
    """One flood: what was measured without and with it."""

    name: str
    without: Seen
    during: Seen
    flooded: dict[int, int]
    """How often each status was the answer."""
    flooded_s: float
    growth_bytes: int

    def missed(self) -> list[str]:
        """Bars that are missed."""
        before, during = self.without.percentiles(99), self.during.percentiles(99)
        missed = [
            f"{kind} p99 {during[kind]:.1f} ms, {during[kind] / max(before[kind], LEAST_MS):.1f} x"
            for kind in during
            if during[kind] > RATIO_MAX * max(before[kind], LEAST_MS)
        ]
        if self.during.failed:
            missed.append(f"{self.during.failed} requests of others failed")
        if self.growth_bytes > GROWTH_BYTES_MAX:
            missed.append(f"memory + {self.growth_bytes / 2**20:.0f} MB")
        return missed

    def told(self) -> str:
        """The figures."""
        answers = ", ".join(f"{status}: {count}" for status, count in sorted(self.flooded.items()))
        per_second = sum(self.flooded.values()) / self.flooded_s
        lines = [f"flood of one {self.name}: {per_second:.0f} requests/s were answered ({answers})"]
        if self.name == "server":
            accepted = self.flooded.get(200, 0) * PDUS_PER_TRANSACTION / self.flooded_s
            lines.append(f"  {accepted:.0f} events/s of it were received")
        for percent in (50, 99):
            before, during = self.without.percentiles(percent), self.during.percentiles(percent)
            figures = ", ".join(f"{kind} {before[kind]:.1f} -> {during[kind]:.1f} ms" for kind in before)
            lines.append(f"  p{percent} of others: {figures}")
        lines.append(f"  memory + {self.growth_bytes / 2**20:.0f} MB")
        return "\n".join([*lines, *(f"  MISSED: {bar}" for bar in self.missed())])


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked; 1 when a bar is missed."""
    options = argparse.ArgumentParser("./dev conformance floods", description=__doc__.splitlines()[0])
    options.add_argument("--only", action="append", choices=[*FLOODS, "away"], help="repeat for more")
    options.add_argument("--seconds", type=float, default=20, help="of each flood, and as many without it")
    chosen = options.parse_args(argv)
    wanted = chosen.only or [*FLOODS, "away"]
    missed = []
    with tempfile.TemporaryDirectory(prefix="floods") as folder:
        floods = [name for name in FLOODS if name in wanted]
        if floods:
            with running(Path(folder)) as (server, environment):
                missed += uvloop.run(_all(server, environment, floods, chosen.seconds))
        if "away" in wanted:
            missed += away.main(Path(folder) / "away")
    print("all bars are met" if not missed else f"{len(missed)} bars are missed")
    return int(bool(missed))


async def _all(server: Server, environment: dict[str, str], floods: list[str], seconds: float) -> list[str]:
    missed: list[str] = []
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)  # the clock shall not wait for the server to let it run
    async with opened(server, environment) as deployment:
        practices = [await deployment.practice(f"p{number}") for number in range(PRACTICES)]
        quiet = await deployment.visitor("quiet", practices[0], 1)
        others = Others(deployment.server, practices[:-1], quiet)
        await others.watch(3, Seen())
        for name in floods:
            plan = await _plan(name, deployment, practices, seconds)
            outcome = await _measured(name, deployment, others, plan, seconds)
            print(outcome.told(), flush=True)
            missed += outcome.missed()
    return missed


async def _plan(name: str, deployment: Deployment, practices: list[Practice], seconds: float) -> Plan:
    """Server and user flood the first practice, which others talk in; the tenant that floods is the last one."""
    if name == "server":
        visitor = await deployment.visitor("loud", practices[0], 5)
        per_second, connections = 2_000 // PDUS_PER_TRANSACTION, 4
        made = [transactions(visitor, PDUS_PER_TRANSACTION)]
    elif name == "user":
        per_second, connections = 200, 20
        made = [(await deployment.flooder(practices[0], "carl")).requests()]
    else:
        per_second, connections = 10 * TENANT_QUOTA, 100
        crowd = [await deployment.flooder(practices[-1], f"user{number}") for number in range(25)]
        made = [flooder.requests() for flooder in crowd]
    wanted = int(per_second * seconds * (ROUNDS + 1) / ROUNDS / len(made)) + 1
    return Plan(
        port=deployment.server.port,
        per_second=per_second,
        connections=connections,
        queues=[list(islice(requests, wanted)) for requests in made],
        is_repeated=name == "server",
    )


async def _measured(name: str, deployment: Deployment, others: Others, plan: Plan, seconds: float) -> Outcome:
    """By turns without and with it, so that what else the machine does falls on both."""
    before = memory_bytes(deployment.server.pid)
    without, during = Seen(), Seen()
    async with prepared(plan) as flood:
        # A server that runs for long has used each of its connections.
        async with flood.round(seconds / ROUNDS):
            await others.watch(seconds / ROUNDS, Seen())
        await asyncio.sleep(1)
        flood.forget()
        for _ in range(ROUNDS):
            await others.watch(seconds / ROUNDS, without)
            async with flood.round(seconds / ROUNDS + 0.5):
                await others.watch(seconds / ROUNDS, during)
            await asyncio.sleep(1)
    growth_bytes = during.peak_bytes - before
    return Outcome(name, without, during, dict(flood.statuses), flood.seconds, growth_bytes)


if __name__ == "__main__":
    sys.exit(main())
