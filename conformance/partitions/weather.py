"""What the links do while people talk, drawn from a seed.

A split (R5) cuts the servers into two halves that do not reach each other; a swizzle (R6) clogs link after link and
releases them in another order, while all of them lose, delay, repeat and reorder.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from random import Random

from conformance.partitions.link import Faults, Link
from conformance.partitions.network import Network


class Kind(StrEnum):
    """What sort of bad weather."""

    SPLIT = "split"
    SWIZZLE = "swizzle"


def kind_for(servers: int, random: Random) -> Kind:
    """Two servers are mostly split, more are mostly swizzled."""
    return random.choices(list(Kind), [3, 1] if servers == 2 else [1, 3])[0]


async def break_network(network: Network, kind: Kind, random: Random, duration_s: float) -> None:
    """Return when the time is over; the links stay as they are."""
    if kind is Kind.SPLIT:
        await _split(network, random, duration_s)
    else:
        await _swizzle(network, random, duration_s)


async def _split(network: Network, random: Random, duration_s: float) -> None:
    places = list(range(len(network.servers)))
    random.shuffle(places)
    half = set(places[: random.randint(1, len(places) - 1)])
    for (sender, receiver), link in network.links.items():
        if (sender in half) != (receiver in half):
            link.cut()
    await asyncio.sleep(duration_s)


async def _swizzle(network: Network, random: Random, duration_s: float) -> None:
    links = list(network.links.values())
    for link in links:
        link.faults = Faults(
            loss=random.uniform(0.01, 0.2), delay_s=random.uniform(0, 2), twice=random.uniform(0, 0.3)
        )
    end_s = asyncio.get_running_loop().time() + duration_s
    while asyncio.get_running_loop().time() < end_s:
        some = random.sample(links, max(1, len(links) // 2))
        await _one_by_one([link.clog for link in some], random, duration_s)
        random.shuffle(some)
        await _one_by_one([link.unclog for link in some], random, duration_s)
        if random.random() < 0.3:
            await _cut_for_a_moment(random.choice(links), random, duration_s)


async def _one_by_one(acts: list[Callable[[], None]], random: Random, duration_s: float) -> None:
    for act in acts:
        act()
        await asyncio.sleep(random.random() * duration_s / 4 / len(acts))


async def _cut_for_a_moment(link: Link, random: Random, duration_s: float) -> None:
    faults = link.faults
    link.cut()
    await asyncio.sleep(random.random() * duration_s / 4)
    link.heal()
    link.faults = faults
