"""One of two servers is away for minutes while the other writes; then both have the same."""

import asyncio
import time

from conformance.complement.deployment import Deployment, Failed, start_again, stop
from conformance.peers.encrypted import nio_people
from conformance.peers.people import Person, person, same_state, until
from tests.clients.nio_person import NioPerson
from tests.clients.person import converse, gather_in_room

READY_S_MAX = 180
TOGETHER_S_MAX = 120.0
PAUSE_S = 1.5
"""Between two messages in each room: in five minutes more than a queue holds, so that there are gaps to be filled."""
STATE_EVERY, NEW_KEYS_EVERY = 10, 25


def outage(here: Deployment, there: Deployment, outage_s: int) -> str:
    """`there` is away; what came of it, for people."""
    return asyncio.run(_outage(here, there, outage_s))


async def _outage(here: Deployment, there: Deployment, outage_s: int) -> str:
    carol, dave = person(here), person(there)
    plain = carol.creates(preset="public_chat", name="before")
    dave.joins(plain, here)
    async with nio_people(here, there) as (alice, bob):
        secret = await gather_in_room(alice, bob, direct=True)
        await converse(secret, alice, bob)
        await converse(secret, bob, alice)
        until("the same state before", same_state(plain, carol, dave))
        bob.looks_away()
        stop(there)
        texts = await _write(alice, secret, carol, plain, outage_s)
        start_again(there, READY_S_MAX)
        bob.looks_again()
        began_s = time.monotonic()
        await bob.sends(secret, "I am back")
        dave.sends(plain, "I am back")
        carol.sends(plain, "welcome")
        until("the same state", same_state(plain, carol, dave), TOGETHER_S_MAX)
        until("the same timeline", lambda: _same_timeline(plain, carol, dave), TOGETHER_S_MAX)
        await _same_texts(secret, alice, bob, texts)
        return f"{2 * len(texts)} messages, the same after {time.monotonic() - began_s:.0f} s"


async def _write(alice: NioPerson, secret: str, carol: Person, plain: str, outage_s: int) -> dict[str, str]:
    """Write until the outage is over; the encrypted texts by event id."""
    texts: dict[str, str] = {}
    end_s = time.monotonic() + outage_s
    while time.monotonic() < end_s:
        number = len(texts)
        if number % NEW_KEYS_EVERY == 0:
            alice.takes_new_keys(secret)
        texts[await alice.sends(secret, f"secret {number}")] = f"secret {number}"
        await asyncio.to_thread(carol.sends, plain, f"plain {number}")
        if number % STATE_EVERY == 0:
            path = f"/rooms/{plain}/state/m.room.name"
            await asyncio.to_thread(carol.must, "PUT", path, {"name": f"name {number}"})
        await asyncio.sleep(PAUSE_S)
    return texts


def _same_timeline(room: str, *people: Person) -> object:
    timelines = [{str(event["event_id"]) for event in one.timeline(room)} for one in people]
    union = set[str]().union(*timelines)
    return all(one == union for one in timelines) or [f"{len(union - one)} missing" for one in timelines]


async def _same_texts(room: str, alice: NioPerson, bob: NioPerson, texts: dict[str, str]) -> None:
    """Both read everything back to the beginning, and it is what was written."""
    deadline = time.monotonic() + TOGETHER_S_MAX
    while True:
        theirs = [await one.reads_all(room) for one in (alice, bob)]
        if theirs[0] == theirs[1] and texts.items() <= theirs[1].items():
            return
        if time.monotonic() > deadline:
            missing = [len(texts.keys() - one.keys()) for one in theirs]
            raise Failed(f"{missing} of {len(texts)} encrypted messages are missing")
        await asyncio.sleep(1)
