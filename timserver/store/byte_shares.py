"""How many bytes some kind of work may hold in a process, and who waits when they are used up.

Whoever needed many first may always go on, up to what one may have; all others share the rest, and who finds too little
waits until earlier ones are done. So one of them always comes to its end, and then the next is the first: nobody waits for
somebody who waits. Whoever needs little needs no share.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from timserver.matrix import errors

FREE_BYTES = 1_048_576


class ByteShares:
    """At most `bytes_max`, or `one_bytes_max` if that is more; what is free for each not counted."""

    def __init__(self, bytes_max: int, one_bytes_max: int) -> None:
        self._others_bytes_max = max(0, bytes_max - one_bytes_max)
        self._line: list[Share] = []
        """Who has more than what is free, in the order of needing it."""

    @asynccontextmanager
    async def share(self, wait_s: float) -> AsyncIterator["Share"]:
        """A share that grows and ends with the block; `wait_s` from now it waits no longer."""
        share = Share(self, asyncio.get_running_loop().time() + wait_s)
        try:
            yield share
        finally:
            share.give_back()

    def admits(self, share: "Share") -> bool:
        """May it go on? It enters the line; those that wait count with what they wait for."""
        if share not in self._line:
            self._line.append(share)
        return (
            self._line[0] is share
            or sum(other.size_bytes for other in self._line[1:]) <= self._others_bytes_max
        )

    def leave(self, share: "Share") -> None:
        """It has nothing any more."""
        if share in self._line:
            self._line.remove(share)
            for other in self._line:
                if self.admits(other):
                    other.turn.set()

    def __len__(self) -> int:
        return len(self._line)


class Share:
    """Made by `ByteShares.share`."""

    __slots__ = ("_shares", "_until_s", "size_bytes", "turn")

    def __init__(self, shares: ByteShares, until_s: float) -> None:
        self._shares, self._until_s = shares, until_s
        self.size_bytes = 0
        self.turn = asyncio.Event()

    async def take(self, size_bytes: int) -> None:
        """So many bytes more, once there is room for them. Raises `Unavailable` when it takes too long."""
        self.size_bytes += size_bytes
        if self.size_bytes <= FREE_BYTES or self._shares.admits(self):
            return
        self.turn.clear()
        try:
            async with asyncio.timeout_at(self._until_s):
                await self.turn.wait()
        except TimeoutError:
            raise errors.Unavailable("Too many large rooms are being joined") from None

    def give_back(self) -> None:
        """All of it; the share may begin anew."""
        self.size_bytes = 0
        self._shares.leave(self)
