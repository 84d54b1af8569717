"""One round: a room on all servers, talk in bad weather, healing, comparison."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from conformance.partitions import agreement
from conformance.partitions.agreement import View
from conformance.partitions.autopsy import autopsy, strangers
from conformance.partitions.network import Network
from conformance.partitions.people import Quarrel
from conformance.partitions.weather import Kind, break_network, kind_for
from timserver.matrix.room_versions import ROOM_VERSIONS

HEALING_S_MAX = 120.0
VERSIONS = ("6", "10", "11", "12")
AUTOPSY_MAX = 3
STRANGERS_MAX = 5
_LOOK_S = 0.1


@dataclass(frozen=True)
class Round:
    """What became of a seed."""

    seed: int
    kind: Kind
    room_version: str
    healing_s: float
    views: Sequence[View]
    lost: Sequence[str]
    wrong: Sequence[str]
    answers: Counter[str]

    @property
    def is_good(self) -> bool:
        """Nothing lost, everything the same."""
        return not self.lost and not self.wrong


async def play(network: Network, seed: int, duration_s: float, pause_s: float) -> Round:
    """One round on servers that may have played others before."""
    random = Random(f"{seed} {len(network.servers)}")
    kind, version = kind_for(len(network.servers), random), random.choice(VERSIONS)
    room, before = await _room(network, version)
    quarrel = Quarrel(room, network.servers, random)
    async with asyncio.TaskGroup() as group:
        group.create_task(break_network(network, kind, Random(random.random()), duration_s))
        group.create_task(quarrel.talk(duration_s, pause_s))
    await network.heal()
    began_s = time.monotonic()
    for server in network.servers:
        await quarrel.says(server.anchor, "the network works again")

    def differ(views: Sequence[View]) -> list[str]:
        return agreement.differences(views, before)

    found = await _until(network, room, differ)
    healing_s = time.monotonic() - began_s
    wrong = [*quarrel.told.mistakes, *differ(found)]
    if not wrong:
        found, wrong = await _last_words(network, room, quarrel)
    if wrong:
        wrong += (await strangers(network.servers, room))[:STRANGERS_MAX]
        for place, server in enumerate(network.servers):
            wrong += [f"s{place}: {text}" for text in (await autopsy(server, room))[:AUTOPSY_MAX]]
    return Round(
        seed,
        kind,
        version,
        healing_s,
        found,
        agreement.lost(found, quarrel.told.acknowledged, before),
        wrong,
        quarrel.told.answers,
    )


async def _last_words(network: Network, room: str, quarrel: Quarrel) -> tuple[list[View], list[str]]:
    """After a message from each side, one after the other, the last one is what the next will follow, everywhere."""
    found: list[View] = []
    for server in network.servers:
        event_id = await quarrel.says(server.anchor, "a last word")

        def missing(views: Sequence[View], event_id: str = event_id) -> list[str]:
            return [
                *agreement.lost(views, {event_id: "a last word"}, frozenset()),
                *agreement.differences_of_state(views),
            ]

        found = await _until(network, room, missing)
        if wrong := missing(found):
            return found, wrong
    ends = {one.extremities for one in found}
    return found, [] if len(ends) == 1 and len(ends.pop()) == 1 else ["the extremities differ"]


async def _until(network: Network, room: str, wrong: Callable[[Sequence[View]], list[str]]) -> list[View]:
    """Look until nothing is wrong any more, or the time is over."""
    end_s = time.monotonic() + HEALING_S_MAX
    while True:
        found = await agreement.views(network.servers, room)
        if not wrong(found) or time.monotonic() >= end_s:
            return found
        await asyncio.sleep(_LOOK_S)


async def _room(network: Network, version: str) -> tuple[str, frozenset[bytes]]:
    """A public room in which everybody is, and its events: anchors cannot be removed, deputies can do something."""
    first, *others = network.servers
    users = {server.anchor.user_id: 100 for server in network.servers}
    users |= {server.deputy.user_id: 100 if server is first else 50 for server in network.servers}
    if ROOM_VERSIONS[version].privileged_creators:
        del users[first.anchor.user_id]
    body = {
        "preset": "public_chat",
        "room_version": version,
        "power_level_content_override": {"users": users},
    }
    room: str = (await first.anchor.post("/createRoom", body)).must()["room_id"]
    for server in others:
        path = f"/join/{room}"
        params = {"via": first.tenant.server_name}
        (await server.anchor.call("POST", path, {}, params=params)).must()
    for server in network.servers:
        for person in (server.deputy, *server.guests):
            (await person.post(f"/rooms/{room}/join")).must()
    found = await _until(network, room, agreement.differences_of_state)
    wrong = agreement.differences_of_state(found)
    assert not wrong, f"the room does not come into being: {wrong}"
    return room, frozenset[bytes]().union(*(one.events for one in found))
