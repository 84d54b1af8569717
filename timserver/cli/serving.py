"""`timserver serve`: one process, or several equal ones, until SIGTERM."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from timserver.cli.allocator import give_memory_back
from timserver.cli.interpreter import stay_responsive
from timserver.cli.options import settings_of
from timserver.cli.outcome import CommandError, ExitCode, ending

if TYPE_CHECKING:
    from timserver.config import Settings


@ending()
def serve(
    command: typer.Context,
    workers: Annotated[int | None, typer.Option(min=1, help="Equal processes; default: the setting.")] = None,
) -> None:
    """Serve all tenants until SIGTERM or Ctrl-C; then finish what is running within `drain_s`."""
    settings = settings_of(command)
    if workers is not None:
        settings = settings.model_copy(update={"workers": workers})
    raise typer.Exit(run(settings, bind(settings)))


def bind(settings: "Settings") -> list[socket.socket]:
    """Sockets of all listeners. Raises `CommandError` when one is taken."""
    from timserver import app  # noqa: PLC0415 - not needed for --help

    try:
        return app.bind_all(settings)
    except OSError as error:
        raise CommandError(f"cannot listen: {error}; change `listeners`", ExitCode.CONFIGURATION) from None


def run(
    settings: "Settings", sockets: Sequence[socket.socket], on_ready: Callable[[], None] = lambda: None
) -> int:
    """Serve and drain; the exit code. `on_ready` is called when all workers answer."""
    from timserver.api.metrics import MULTIPROCESS_VARIABLE  # noqa: PLC0415 - not needed for --help
    from timserver.cli import logs  # noqa: PLC0415
    from timserver.cli.notify import tell_service_manager  # noqa: PLC0415
    from timserver.cli.supervisor import Supervisor  # noqa: PLC0415
    from timserver.clock import SystemClock, SystemIds  # noqa: PLC0415
    from timserver.config import load_master_key  # noqa: PLC0415

    logs.configure(settings.log)
    master_key = load_master_key(settings, SystemIds())

    def ready() -> None:
        tell_service_manager("READY=1")
        on_ready()

    def work(tell_ready: Callable[[], None]) -> int:
        return _work(settings, master_key, sockets, tell_ready)

    try:
        if settings.workers == 1:
            return work(ready)
        with tempfile.TemporaryDirectory(prefix="timserver-metrics-") as folder:
            os.environ[MULTIPROCESS_VARIABLE] = folder
            supervisor = Supervisor(
                settings.workers, work, clock=SystemClock(), drain_s=settings.drain_s, on_ready=ready
            )
            return supervisor.run()
    finally:
        tell_service_manager("STOPPING=1")


def _work(
    settings: "Settings",
    master_key: bytes,
    sockets: Sequence[socket.socket],
    tell_ready: Callable[[], None],
) -> int:
    """One process: an event loop, and signals that end it; the second one ends it at once."""
    import uvloop  # noqa: PLC0415 - not needed for --help

    from timserver import app  # noqa: PLC0415
    from timserver.matrix import errors  # noqa: PLC0415
    from timserver.store.inspection import UNREACHABLE  # noqa: PLC0415

    async def main() -> None:
        stop = asyncio.Event()

        def end() -> None:
            if stop.is_set():
                os._exit(ExitCode.INTERRUPTED)
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, end)
        await app.serve(settings, master_key, sockets, stop, tell_ready)

    give_memory_back()
    stay_responsive()
    code = ExitCode.OK
    try:
        uvloop.run(main())
    except* (errors.Unavailable, *UNREACHABLE) as group:
        sys.stderr.write(f"timserver: {group.exceptions[0]}; try: timserver doctor\n")
        code = ExitCode.UNAVAILABLE
    return code
