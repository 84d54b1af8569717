"""What became of mutants, and the reasons why some survive."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

import msgspec

SURVIVORS = Path(__file__).parent / "survivors.toml"
KILLED_MIN = 0.85


class Mutant(msgspec.Struct, frozen=True):
    """One that was tried; what does not compile is none."""

    file: str
    line: str  # the text, without what is before and after: numbers change too often
    change: str
    killed: bool
    number: int = 0  # of the line


class Survivor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes to a line that no test can or need notice."""

    file: str
    line: str
    changes: list[str]
    why: str


def survivors() -> list[Survivor]:
    """All that have a reason."""
    return msgspec.convert(tomllib.loads(SURVIVORS.read_text())["survivor"], list[Survivor])


def report(mutants: Iterable[Mutant]) -> bool:
    """Prints what came of each file, and survivors without a reason. Good: as many killed as must be, all explained."""
    mutants = list(mutants)
    explained = {(s.file, s.line, change) for s in survivors() for change in s.changes}
    files = sorted({mutant.file for mutant in mutants})
    for file in files:
        _print_row(file, [mutant for mutant in mutants if mutant.file == file])
    _print_row("all", mutants)
    unexplained = [m for m in mutants if not m.killed and (m.file, m.line, m.change) not in explained]
    for mutant in unexplained:
        print(f"survived: {mutant.file}:{mutant.number}\n    {mutant.line}\n    {mutant.change}")
    return not unexplained and bool(mutants) and _share(mutants) >= KILLED_MIN


def _print_row(name: str, mutants: list[Mutant]) -> None:
    killed = sum(mutant.killed for mutant in mutants)
    print(f"{name:52} {len(mutants):5} mutants {killed:5} killed {_share(mutants):7.1%}")


def _share(mutants: list[Mutant]) -> float:
    return sum(mutant.killed for mutant in mutants) / max(1, len(mutants))
