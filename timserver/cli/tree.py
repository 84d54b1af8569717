"""The tree of commands. Modules import what they need inside their functions, so that --help stays quick."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from timserver.cli import configuration, demo, doctor, federation, migrating, serving, tenants, users
from timserver.cli.outcome import ExitCode

EPILOG = "Exit codes: " + ", ".join(f"{code.value} {code.name.lower()}" for code in ExitCode) + "."

tree = typer.Typer(
    name="timserver",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Many Matrix homeservers in one.",
    epilog=EPILOG,
)
tree.command()(serving.serve)
tree.command()(migrating.migrate)
tree.command()(doctor.doctor)
tree.command()(demo.demo)
tree.add_typer(configuration.verbs, name="config")
tree.add_typer(tenants.verbs, name="tenant")
tree.add_typer(federation.verbs, name="federation")
tree.add_typer(users.verbs, name="user")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"timserver {version('timserver')}")
        raise typer.Exit


@tree.callback()
def root(
    config: Annotated[
        Path | None, typer.Option(envvar="TIM_CONFIG", help="The TOML file; without it: defaults.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Many Matrix homeservers in one. Every setting is also an environment variable TIM_…"""
