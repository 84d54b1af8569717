"""Who appears in a test: new accounts, each at a client of the wanted kind."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

from tests.clients.driver import Driver
from tests.clients.homeserver import Homeserver
from tests.clients.js_person import JsPerson
from tests.clients.nio_person import NioPerson
from tests.clients.person import Account, Person

Kind = Literal["js", "nio"]


@dataclass
class Cast:
    """Hands out people and takes them off the stage at the end."""

    homeserver: Homeserver
    javascript: Driver
    folder: Path
    stage: AsyncExitStack

    async def account(self, name: str) -> Account:
        """A registered user who is not logged in yet."""
        return await self.homeserver.registers(name)

    async def person(self, kind: Kind, name: str) -> Person:
        """A new user at a client of that kind."""
        return await (self.js(name) if kind == "js" else self.nio(name))

    async def js(self, who: str | Account, device_name: str = "laptop") -> JsPerson:
        """A new user, or a known account on one more device, at matrix-js-sdk."""
        account = await self.account(who) if isinstance(who, str) else who
        person = await JsPerson.logs_in(self.javascript, account, device_name)
        self.stage.push_async_callback(person.leaves_the_stage)
        return person

    async def nio(self, who: str | Account, device_name: str = "phone") -> NioPerson:
        """A new user, or a known account on one more device, at matrix-nio."""
        account = await self.account(who) if isinstance(who, str) else who
        store = Path(mkdtemp(dir=self.folder))
        person = await NioPerson.logs_in(account, device_name, store)
        self.stage.push_async_callback(person.leaves_the_stage)
        return person
