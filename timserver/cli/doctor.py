"""`timserver doctor`: what is wrong, why it matters, and the exact next command."""

import asyncio
from typing import Any

import typer

from timserver.cli.options import AsJson, settings_of
from timserver.cli.outcome import ExitCode
from timserver.cli.progress import spinner

SIGNS = {"ok": "ok   ", "warning": "WARN ", "error": "ERROR"}


def doctor(command: typer.Context, as_json: AsJson = False) -> None:
    """Look at configuration, database, master key, files, engine and clock. Exit code 8: mend something."""
    from timserver import config  # noqa: PLC0415 - not needed for --help
    from timserver.cli import checks  # noqa: PLC0415

    try:
        settings = settings_of(command)
    except config.ConfigError as error:
        findings = [checks.configuration_is_wrong(str(error))]
    else:
        with spinner("looking"):
            findings = asyncio.run(checks.examine(settings))
    _report(findings, as_json=as_json)
    if any(finding.status == "error" for finding in findings):
        raise typer.Exit(ExitCode.UNHEALTHY)


def _report(findings: list[Any], *, as_json: bool) -> None:
    import msgspec  # noqa: PLC0415 - not needed for --help

    if as_json:
        print(msgspec.json.format(msgspec.json.encode(findings)).decode())
        return
    for finding in findings:
        print(f"{SIGNS[finding.status]}  {finding.check}: {finding.what}")
        if finding.status != "ok":
            print(f"       why:  {finding.why}")
            print(f"       next: {finding.next}")
