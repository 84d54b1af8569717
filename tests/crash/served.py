"""`timserver serve` as processes that can be killed."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

import aiohttp

from tests.support.homeserver import MASTER_KEY

SERVER_NAME = "crash.example.org"
READY_S_MAX = 60.0
WORKERS = 2


class Served:
    """A process group on one port; `kill` is kill -9 of all of it, `kill_worker` of one worker."""

    def __init__(self, database_url: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "server.log"
        self._environment = {
            **os.environ,
            "TIM_STATE_DIR": str(folder / "state"),
            "TIM_DATABASE__URL": database_url,
            "TIM_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
            "TIM_LISTENERS": json.dumps([{"port": self.port, "tenant": SERVER_NAME}]),
            "TIM_RATE_LIMITS__ENABLED": "false",
            "TIM_PASSWORD_HASH__TIME_COST": "1",
            "TIM_PASSWORD_HASH__MEMORY_KIB": "8",
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start, and wait until it answers."""
        command = [sys.executable, "-m", "timserver", "serve", "--workers", str(WORKERS)]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        async with asyncio.timeout(READY_S_MAX):
            while not await self.answers():
                assert self._process.returncode is None, self._log.read_text()[-2000:]
                await asyncio.sleep(0.02)

    async def answers(self) -> bool:
        """Does it serve?"""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            timeout = aiohttp.ClientTimeout(total=2)
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.get(f"{self.url}/_matrix/client/versions") as reply,
            ):
                return reply.status == 200
        return False

    async def kill(self) -> None:
        """kill -9 of parent and workers."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
