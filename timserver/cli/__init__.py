"""The command line: one tree of verbs (typer). Each verb opens a context and calls one use case.

Begin with `tree.py`. `serving.py` runs the server (`supervisor.py`: several processes), `doctor.py` looks for what
is wrong, `demo.py` is `./dev serve`. `outcome.py` has the exit codes.
"""


def main() -> None:
    """Run the command line."""
    from timserver.cli.tree import tree  # noqa: PLC0415 - workers and tests import this package without it

    tree()
