"""The command line: one tree of verbs (typer). Each verb builds the application and calls one use case."""


def main() -> None:
    """Run the command line."""
    raise SystemExit("not wired yet")
