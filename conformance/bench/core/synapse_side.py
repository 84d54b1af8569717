"""Runs in Synapse's environment: resolves forks from standard input with `synapse.state.v2`, and writes how long it took.

Knows nothing of timserver.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from typing import Any

# The store first: the other way round these modules import each other in a circle.
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.events import make_event_from_dict
from synapse.storage.databases.main.event_federation import StateDifference

from synapse.state.v2 import resolve_events_with_store  # isort: skip


class Clock:
    """Never waits."""

    async def sleep(self, _duration: object) -> None:
        return None


class Store:
    """Events in memory; what it takes to find the auth difference is counted."""

    def __init__(self, events: dict[str, Any]) -> None:
        self.events = events
        self.auth = {event_id: list(event.auth_event_ids()) for event_id, event in events.items()}
        self.walk_ns = 0

    async def get_events(self, event_ids: Iterable[str], allow_rejected: bool = False) -> dict[str, Any]:
        return {event_id: self.events[event_id] for event_id in event_ids}

    async def get_auth_chain_difference(
        self, _room_id: str, state_sets: list[set[str]], conflicted: set[str] | None, _more: object
    ) -> StateDifference:
        start = time.thread_time_ns()
        chains = [self._chain(state) for state in state_sets]
        difference = set().union(*chains) - chains[0].intersection(*chains[1:])
        subgraph = self._subgraph(conflicted) if conflicted is not None else None
        self.walk_ns += time.thread_time_ns() - start
        return StateDifference(auth_difference=difference, conflicted_subgraph=subgraph)

    def _chain(self, event_ids: Iterable[str]) -> set[str]:
        chain = set(event_ids)
        pending = list(chain)
        while pending:
            for event_id in self.auth[pending.pop()]:
                if event_id not in chain:
                    chain.add(event_id)
                    pending.append(event_id)
        return chain

    def _subgraph(self, conflicted: set[str]) -> set[str]:
        citing: dict[str, list[str]] = {}
        for event_id in self._chain(conflicted):
            for cited in self.auth[event_id]:
                citing.setdefault(cited, []).append(event_id)
        found = set(conflicted)
        pending = list(conflicted)
        while pending:
            for event_id in citing.get(pending.pop(), ()):
                if event_id not in found:
                    found.add(event_id)
                    pending.append(event_id)
        return found


async def measure(fork: dict[str, Any]) -> dict[str, Any]:
    version = KNOWN_ROOM_VERSIONS[fork["version"]]
    events = {item["event_id"]: make_event_from_dict(item["pdu"], version) for item in fork["events"]}
    assert all(event.event_id == event_id for event_id, event in events.items())
    states = [{(events[i].type, events[i].state_key): i for i in ids} for ids in fork["states"]]
    room_id = next(iter(events.values())).room_id
    store = Store(events)
    total_ns, walk_ns, resolved = [], [], {}
    for _ in range(fork["repeats"]):
        store.walk_ns = 0
        start = time.thread_time_ns()
        resolved = await resolve_events_with_store(Clock(), room_id, version, states, None, store)
        total_ns.append(time.thread_time_ns() - start)
        walk_ns.append(store.walk_ns)
    return {"total_ns": total_ns, "walk_ns": walk_ns, "state": sorted(resolved.values())}


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(asyncio.run(measure(json.loads(line)))), flush=True)


main()
