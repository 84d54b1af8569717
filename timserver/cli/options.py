"""Options that many commands share, and what they lead to: the settings, a context."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from timserver.cli.outcome import CommandError, ExitCode

if TYPE_CHECKING:
    from timserver.config import Settings
    from timserver.context import Context

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]

Result = TypeVar("Result")


def settings_of(command: typer.Context) -> "Settings":
    """The settings from the file given with --config (or $TIM_CONFIG) and the environment."""
    from timserver import config  # noqa: PLC0415 - not needed for --help

    path: Path | None = command.find_root().params["config"]
    return config.load(path, os.environ)


def unreachable(error: BaseException) -> CommandError:
    """What a command says when there is no database."""
    return CommandError(f"database: {error}; try: timserver doctor", ExitCode.UNAVAILABLE)


def with_context(settings: "Settings", use: "Callable[[Context], Awaitable[Result]]") -> Result:
    """Run a coroutine with a context of its own, as the operator."""
    from timserver import app  # noqa: PLC0415 - not needed for --help
    from timserver.clock import SystemIds  # noqa: PLC0415
    from timserver.config import load_master_key  # noqa: PLC0415
    from timserver.store.inspection import UNREACHABLE  # noqa: PLC0415

    master_key = load_master_key(settings, SystemIds())

    async def main() -> Result:
        async with AsyncExitStack() as stack:
            try:
                ctx = await stack.enter_async_context(app.open_context(settings, master_key))
            except UNREACHABLE as error:
                raise unreachable(error) from None
            return await use(ctx)

    return asyncio.run(main())
