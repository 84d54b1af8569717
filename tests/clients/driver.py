"""Node processes that play clients: told over JSON lines what to do, one process for many clients."""

import asyncio
import fcntl
import itertools
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "js"
ANSWER_BYTES_MAX = 64 * 2**20
VERB_SECONDS_MAX = 180


def install() -> None:
    """`npm ci`, unless what the lock file says is already there. Test processes take turns."""
    wanted, done = FOLDER / "package-lock.json", FOLDER / "node_modules" / "installed.json"
    with (FOLDER / "package.json").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not done.exists() or done.read_bytes() != wanted.read_bytes():
            subprocess.run(["npm", "ci", "--silent"], cwd=FOLDER, check=True)
            done.write_bytes(wanted.read_bytes())


class ClientFailed(AssertionError):
    """A client could not do what was asked; the text is its own, with the requests the server refused."""


class Driver:
    """The Node process: numbered requests out, answers matched by number."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process, self._log = process, log
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, client: str, verb: str, **args: object) -> Any:
        """Have a client do something; its result, or ClientFailed."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        request = {"id": number, "client": client, "verb": verb, "args": args}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        try:
            reply = await asyncio.wait_for(answer, VERB_SECONDS_MAX)
        except TimeoutError:
            raise ClientFailed(
                f"{client} {verb}: no answer in {VERB_SECONDS_MAX} s; see {self._log}"
            ) from None
        finally:
            del self._waiting[number]
        if "error" in reply:
            raise ClientFailed(f"{client} {verb}: {reply['error']}")
        return reply["result"]

    async def listen(self) -> None:
        """Deliver answers until the process ends; whoever waits then is told so."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            reply = json.loads(line)
            if waiting := self._waiting.get(reply["id"]):
                waiting.set_result(reply)
        for answer in self._waiting.values():
            answer.set_exception(ClientFailed(f"the Node process ended; see {self._log}"))


@asynccontextmanager
async def driver(log: Path, script: str, *words: str) -> AsyncIterator[Driver]:
    """A running script of the folder `js`; what its clients log goes to the file."""
    with log.open("wb") as log_file:
        process = await asyncio.create_subprocess_exec(
            "node",
            str(FOLDER / script),
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log_file,
            limit=ANSWER_BYTES_MAX,
        )
        running = Driver(process, log)
        listening = asyncio.create_task(running.listen())
        yield running
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await listening
