"""What takes longer than two seconds shows that it is alive, on a terminal only."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


@contextmanager
def spinner(what: str) -> Iterator[None]:
    """A turning sign with the time, while something of unknown length runs."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - for terminals only
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        shown.add_task(what)
        yield


def tracked(items: Sequence[Item], what: str) -> Iterator[Item]:
    """The items, one by one, with a bar that says how many are left."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console  # noqa: PLC0415 - for terminals only
    from rich.progress import track  # noqa: PLC0415

    yield from track(items, what, console=Console(stderr=True), transient=True)
