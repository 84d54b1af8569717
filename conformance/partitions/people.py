"""What people do in a room while the network is broken: they talk, change it, come, go, and quarrel.

Everything goes through the client API of the person's own server. Refusals are part of the quarrel; an answer of
500 is a mistake of ours, except where another server had to be asked.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from conformance.partitions.network import Server
from tests.support.homeserver import Person, Reply


@dataclass
class Told:
    """What the servers have confirmed to people, and what they should not have answered."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    """Event ids with who was told what."""
    answers: Counter[str] = field(default_factory=Counter)
    mistakes: list[str] = field(default_factory=list)


class Quarrel:
    """The people of a room; `talk` lets each act until the time is over."""

    def __init__(self, room: str, servers: Sequence[Server], random: Random) -> None:
        self.room, self._servers, self._random = room, servers, random
        self.told = Told()
        self._count = 0
        movable = [person for server in servers for person in (server.deputy, *server.guests)]
        self._movable = [person.user_id for person in movable]
        self._acts: list[tuple[Callable[[Person], Awaitable[Reply]], int]] = [
            (self._message, 40), (self._topic, 8), (self._kick, 6), (self._ban, 7), (self._unban, 7),
            (self._power, 8), (self._leave, 3), (self._join, 10), (self._invite, 4), (self._join_rule, 2),
            (self._name, 3), (self._redact, 3),
        ]  # fmt: skip

    async def talk(self, duration_s: float, pause_s: float) -> None:
        """Everybody acts again and again, each at a pace of their own."""
        end_s = asyncio.get_running_loop().time() + duration_s
        people = [person for server in self._servers for person in server.people]
        async with asyncio.TaskGroup() as group:
            for person in people:
                group.create_task(self._act_until(person, Random(self._random.random()), end_s, pause_s))

    async def _act_until(self, person: Person, random: Random, end_s: float, pause_s: float) -> None:
        acts, weights = zip(*self._acts, strict=True)
        while True:
            await asyncio.sleep(random.random() * 2 * pause_s)
            if asyncio.get_running_loop().time() >= end_s:
                return
            await self._note(person, random.choices(acts, weights)[0])

    async def _note(self, person: Person, act: Callable[[Person], Awaitable[Reply]]) -> None:
        name = act.__name__.lstrip("_")
        try:
            reply = await asyncio.wait_for(act(person), 10)
        except TimeoutError:
            self.told.answers[f"{name}: no answer"] += 1
            return
        self.told.answers[f"{name}: {reply.status}"] += 1
        if reply.status == 200 and "event_id" in reply.body:
            self.told.acknowledged[reply["event_id"]] = f"{name} by {person.user_id}"
        elif reply.status >= 500 and act not in (self._join, self._invite):
            self.told.mistakes.append(f"{person.user_id}: {name}: {reply.status} {reply.raw[:200]!r}")

    async def says(self, person: Person, text: str) -> str:
        """A message that must be sent; its event id."""
        event_id: str = (
            await self._send(person, "m.room.message", {"msgtype": "m.text", "body": text})
        ).must()["event_id"]
        self.told.acknowledged[event_id] = f"{text!r} by {person.user_id}"
        return event_id

    async def _send(self, person: Person, event_type: str, content: dict[str, Any]) -> Reply:
        self._count += 1
        return await person.put(f"/rooms/{self.room}/send/{event_type}/q{self._count}", content)

    async def _message(self, person: Person) -> Reply:
        return await self._send(person, "m.room.message", {"msgtype": "m.text", "body": f"{self._count}"})

    async def _topic(self, person: Person) -> Reply:
        return await self._state(person, "m.room.topic", {"topic": f"{person.user_id} {self._count}"})

    async def _name(self, person: Person) -> Reply:
        content = {"membership": "join", "displayname": f"name {self._count}"}
        return await self._state(person, f"m.room.member/{person.user_id}", content)

    async def _join_rule(self, person: Person) -> Reply:
        content = {"join_rule": self._random.choice(["public", "public", "invite"])}
        return await self._state(person, "m.room.join_rules", content)

    async def _state(self, person: Person, path: str, content: dict[str, Any]) -> Reply:
        return await person.put(f"/rooms/{self.room}/state/{path}", content)

    async def _power(self, person: Person) -> Reply:
        """Read, change one number, write, as clients do."""
        reply = await person.get(f"/rooms/{self.room}/state/m.room.power_levels")
        if reply.status != 200:
            return reply
        levels = reply.body
        if self._random.random() < 0.75:
            whose = self._random.choice(self._movable)
            levels["users"] = {**levels.get("users", {}), whose: self._random.choice([0, 50, 50, 100])}
        else:
            which = self._random.choice(["ban", "kick", "invite", "events_default", "state_default"])
            levels[which] = self._random.choice([0, 0, 50])
        return await self._state(person, "m.room.power_levels", levels)

    async def _kick(self, person: Person) -> Reply:
        return await self._about_other(person, "kick")

    async def _ban(self, person: Person) -> Reply:
        return await self._about_other(person, "ban")

    async def _unban(self, person: Person) -> Reply:
        return await self._about_other(person, "unban")

    async def _invite(self, person: Person) -> Reply:
        return await self._about_other(person, "invite")

    async def _about_other(self, person: Person, verb: str) -> Reply:
        other = self._random.choice(self._movable)
        return await person.post(f"/rooms/{self.room}/{verb}", {"user_id": other})

    async def _leave(self, person: Person) -> Reply:
        if person.user_id not in self._movable:
            return await self._message(person)
        return await person.post(f"/rooms/{self.room}/leave")

    async def _join(self, person: Person) -> Reply:
        return await person.post(f"/rooms/{self.room}/join")

    async def _redact(self, person: Person) -> Reply:
        if not self.told.acknowledged:
            return await self._message(person)
        self._count += 1
        target = self._random.choice(list(self.told.acknowledged))
        return await person.put(f"/rooms/{self.room}/redact/{target}/q{self._count}", {})
