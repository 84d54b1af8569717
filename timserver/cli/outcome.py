"""How a command ends: documented exit codes, and output for people or, with `--json`, for programs."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NoReturn

import typer


class ExitCode(IntEnum):
    """The table in `docs/cli.md` is compared with this by a test."""

    OK = 0
    FAILED = 1
    """A bug, or something outside our control; the message says what."""
    USAGE = 2
    """Wrong options or arguments."""
    CONFIGURATION = 3
    """The configuration file or the environment is wrong."""
    UNAVAILABLE = 4
    """The database cannot be reached."""
    NOT_FOUND = 5
    """The tenant or user does not exist."""
    EXISTS = 6
    """It exists already."""
    REFUSED = 7
    """A rule forbids it."""
    UNHEALTHY = 8
    """`doctor` found something that must be mended."""
    INTERRUPTED = 130
    """Ctrl-C."""


class CommandError(Exception):
    """A command cannot do what was asked."""

    def __init__(self, text: str, code: ExitCode = ExitCode.FAILED) -> None:
        self.code = code
        super().__init__(text)


def fail(text: str, code: ExitCode) -> NoReturn:
    """One line to standard error, and the end."""
    sys.stderr.write(f"timserver: {text}\n")
    raise typer.Exit(code)


@contextmanager
def ending() -> Iterator[None]:
    """Turn the errors that a command may meet into its exit code."""
    from timserver.config import ConfigError  # noqa: PLC0415 - not needed for --help
    from timserver.matrix import errors  # noqa: PLC0415

    try:
        yield
    except CommandError as error:
        fail(str(error), error.code)
    except ConfigError as error:
        fail(f"configuration: {error}", ExitCode.CONFIGURATION)
    except errors.Unavailable as error:
        fail(f"{error.inner or error.error}; try: timserver doctor", ExitCode.UNAVAILABLE)
    except errors.NotFound as error:
        fail(error.error, ExitCode.NOT_FOUND)
    except errors.UserInUse as error:
        fail(error.error, ExitCode.EXISTS)
    except errors.MatrixError as error:
        fail(f"{error.errcode}: {error.error}", ExitCode.REFUSED)
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def tell(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: its fields, one a line."""
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        print(f"{name:{width}}  {_text(value)}")


def tell_all(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Many things of one kind, as a table."""
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - not needed for --json
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(*columns, box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(_text(row[column]) for column in columns))
    Console().print(table)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
