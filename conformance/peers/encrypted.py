"""Two people with matrix-nio, each at a server of their own."""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from conformance.complement.deployment import PASSWORD, Deployment, register_openly
from tests.clients.nio_person import NioPerson
from tests.clients.person import Account, converse, gather_in_room, hand_over_file


@asynccontextmanager
async def nio_people(here: Deployment, there: Deployment) -> AsyncIterator[tuple[NioPerson, NioPerson]]:
    """Alice at one server, Bob at the other, both new."""
    with tempfile.TemporaryDirectory() as folder:
        alice = await _logs_in(here, "alice", Path(folder))
        bob = await _logs_in(there, "bob", Path(folder))
        try:
            yield alice, bob
        finally:
            await alice.leaves_the_stage()
            await bob.leaves_the_stage()


async def _logs_in(at: Deployment, name: str, folder: Path) -> NioPerson:
    localpart = f"{name}-{secrets.token_hex(4)}"
    register_openly(at, localpart)
    account = Account(f"http://127.0.0.1:{at.client_port}", f"@{localpart}:{at.name}", PASSWORD)
    store = folder / localpart
    store.mkdir()
    return await NioPerson.logs_in(account, "nio", store)


def encrypted_dm(here: Deployment, there: Deployment) -> None:
    """A direct chat from its invite on: messages both ways, new keys on the way, encrypted files both ways."""
    asyncio.run(_encrypted_dm(here, there))


async def _encrypted_dm(here: Deployment, there: Deployment) -> None:
    async with nio_people(here, there) as (alice, bob):
        room = await gather_in_room(alice, bob, direct=True)
        for _ in range(3):
            await converse(room, alice, bob)
            await converse(room, bob, alice)
            alice.takes_new_keys(room)
        await hand_over_file(room, alice, bob)
        await hand_over_file(room, bob, alice)
