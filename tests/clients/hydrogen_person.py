"""Hydrogen, a whole web client, in headless Chromium: what a person clicks, types and sees.

Element Web is in no package registry (npm has parts of it only); `hydrogen-view-sdk` has all of Hydrogen.
"""

from pathlib import Path
from typing import Any

from tests.clients.driver import Driver
from tests.clients.person import Account


class HydrogenPerson:
    """Somebody at a browser."""

    def __init__(self, driver: Driver, account: Account) -> None:
        self._driver = driver
        self.user_id = account.user_id

    @classmethod
    async def logs_in(cls, driver: Driver, account: Account) -> "HydrogenPerson":
        """A new browser profile; returns when the room list is there."""
        person = cls(driver, account)
        localpart = account.user_id.removeprefix("@").partition(":")[0]
        await person._do("logs_in", url=account.url, user=localpart, password=account.password)
        return person

    async def _do(self, verb: str, **args: object) -> Any:
        return await self._driver.ask(self.user_id, verb, **args)

    async def accepts_invite(self) -> None:
        """Open the newest room of the list, an invite, and accept it; returns when one can type there."""
        await self._do("accepts_invite")

    async def sends(self, text: str) -> None:
        """Type into the open room and press Enter."""
        await self._do("sends", text=text)

    async def sees(self, text: str) -> None:
        """Wait until the text stands in the open room's timeline."""
        await self._do("sees", text=text)

    async def takes_picture(self, path: Path) -> None:
        """What is on the screen, as PNG."""
        await self._do("takes_picture", path=str(path))

    async def leaves_the_stage(self) -> None:
        await self._do("leaves_the_stage")
