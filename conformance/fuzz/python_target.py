"""`python -m conformance.fuzz.python_target NAME [libFuzzer's options]`: one target of `targets` under atheris."""

import sys

import atheris  # installed by `run`

with atheris.instrument_imports(include=["timserver.core", "timserver.matrix"]):
    from conformance.fuzz import targets


def main() -> None:
    """Run until an input fails or libFuzzer has had enough."""
    target = targets.TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, lambda data: targets.run_once(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
