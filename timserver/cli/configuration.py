"""`timserver config`: is the configuration right, and what is in force?"""

from typing import Annotated

import typer

from timserver.cli.options import AsJson, settings_of
from timserver.cli.outcome import ending, tell

verbs = typer.Typer(no_args_is_help=True, help="Check and print the configuration.")


@verbs.command()
@ending()
def check(command: typer.Context, as_json: AsJson = False) -> None:
    """Read the file and the environment; report every mistake with the key it is in."""
    settings = settings_of(command)
    path = command.find_root().params["config"]
    facts = {"valid": True, "file": str(path) if path else None, "listeners": len(settings.listeners)}
    tell(facts, as_json=as_json)


@verbs.command()
@ending()
def dump(
    command: typer.Context,
    redacted: Annotated[bool, typer.Option(help="Hide secrets; --no-redacted shows them.")] = True,
) -> None:
    """Print all settings in force as JSON, defaults included."""
    from timserver import config  # noqa: PLC0415 - not needed for --help

    print(config.dump(settings_of(command), redacted=redacted))


@verbs.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    from timserver.config import document  # noqa: PLC0415 - not needed for --help

    print(document.schema(), end="")


@verbs.command()
def example() -> None:
    """Print a configuration file with every key at its default."""
    from timserver.config import document  # noqa: PLC0415 - not needed for --help

    print(document.example(), end="")
