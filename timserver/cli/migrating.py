"""`timserver migrate`: bring the database to the schema of this version."""

import asyncio

import typer

from timserver.cli.options import AsJson, DryRun, settings_of, unreachable
from timserver.cli.outcome import CommandError, ending, tell
from timserver.cli.progress import spinner


@ending()
def migrate(command: typer.Context, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Apply what is new to the database; nothing when it is up to date."""
    url = settings_of(command).database.url.get_secret_value()
    names = apply(url, dry_run=dry_run)
    tell({"dry_run": dry_run, "applied": names}, as_json=as_json)


def apply(url: str, *, dry_run: bool = False) -> list[str]:
    """Names of the migrations that were (or would be) applied. Raises `CommandError`."""
    from timserver.store.inspection import UNREACHABLE  # noqa: PLC0415 - not needed for --help
    from timserver.store.migrate import MigrationError  # noqa: PLC0415 - not needed for --help
    from timserver.store.migrate import migrate as apply_all  # noqa: PLC0415

    try:
        with spinner("migrating"):
            return asyncio.run(apply_all(url, dry_run=dry_run))
    except MigrationError as error:
        raise CommandError(str(error)) from None
    except UNREACHABLE as error:
        raise unreachable(error) from None
