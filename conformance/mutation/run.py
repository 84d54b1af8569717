"""`./dev mutate [python|rust] [--file F ...] [--shard K/N]`: mutation testing of the core.

Without words both languages are tried in full: some hours of one core. `--shard 0/8` takes every eighth mutant of each
file, `1/8` the ones after these. Needs cargo; cargo-mutants and mutmut are installed where they are missing. Exit codes: 0
good; 1 fewer than 85 % killed, or a survivor without a reason in `survivors.toml`; 3 a tool cannot be had.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable

from conformance.mutation import definition, engine
from conformance.mutation.mutants import report

UNAVAILABLE = 3
LANGUAGES = ["python", "rust"]


def main(argv: list[str]) -> int:
    """Mutate."""
    parser = argparse.ArgumentParser("./dev mutate", description=__doc__.splitlines()[0])
    parser.add_argument("languages", nargs="*", default=LANGUAGES, metavar="python|rust")
    parser.add_argument(
        "--file", nargs="+", default=[], help="what their names contain: auth/levels, redaction"
    )
    parser.add_argument("--shard", help="K/N: of each file every N-th mutant, from K on")
    options = parser.parse_args(argv)
    if unknown := set(options.languages) - set(LANGUAGES):
        parser.error(f"no such language: {', '.join(sorted(unknown))}")
    if options.shard and not re.fullmatch(r"\d+/[1-9]\d*", options.shard):
        parser.error("--shard wants K/N")
    good = True
    try:
        if "python" in options.languages and (chosen := _chosen(definition.files(), options.file)):
            good &= report(definition.run(chosen, options.shard))
        if "rust" in options.languages and (chosen := _chosen(engine.files(), options.file)):
            good &= report(engine.run(chosen, options.shard))
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        print(f"A tool cannot be had here: {error}")
        return UNAVAILABLE
    return 0 if good else 1


def _chosen(files: Iterable[str], wanted: list[str]) -> list[str]:
    return [file for file in files if not wanted or any(part in file for part in wanted)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
