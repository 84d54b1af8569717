"""`python -m timserver` and the `timserver` command."""

from timserver.cli import main

if __name__ == "__main__":
    main()
