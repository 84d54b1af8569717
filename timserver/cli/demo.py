"""`timserver demo`, which is `./dev serve`: three tenants to try, on an embedded PostgreSQL.

Everything is in one folder. The first start makes tenants and users and shows their passwords once; later starts
leave all as it is. Serving is the same code as in production.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from timserver.cli import migrating, serving
from timserver.cli.options import with_context
from timserver.cli.outcome import CommandError, ending
from timserver.cli.progress import spinner


@ending()
def demo(
    state: Annotated[Path, typer.Option(help="Folder for everything.")] = Path("timserver-demo"),
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="An own PostgreSQL 14-18 instead of the embedded one.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Equal processes.")] = 1,
    port: Annotated[int, typer.Option(help="First of five ports.")] = 8008,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve three demo tenants, with users, on an embedded PostgreSQL."""
    from timserver.cli import demo_tenants  # noqa: PLC0415 - not needed for --help

    _exit_on_sigterm()
    state.mkdir(parents=True, exist_ok=True)
    state = state.resolve()
    with _database(state, database) as url:
        settings = demo_tenants.write_settings(state, url, host=host, port=port, workers=workers)
        sockets = serving.bind(settings)
        migrating.apply(url)
        passwords = with_context(settings, demo_tenants.ensure)
        code = serving.run(settings, sockets, lambda: demo_tenants.show(settings, passwords))
    raise typer.Exit(code)


@contextmanager
def _database(state: Path, url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    from timserver.store.embedded import EmbeddedError, EmbeddedPostgres  # noqa: PLC0415 - for the demo only

    cluster = EmbeddedPostgres(state / "postgres")
    try:
        with spinner("starting PostgreSQL"):
            cluster.start()
    except EmbeddedError as error:
        raise CommandError(str(error)) from None
    try:
        yield cluster.url()
    finally:
        cluster.stop()


def _exit_on_sigterm() -> None:
    """Until the server handles signals itself: leave through all `finally`."""

    def leave(number: int, _: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)
