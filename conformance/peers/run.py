"""`./dev conformance peers [--with synapse|timserver]`: what timserver does together with another homeserver.

Both run in containers of a private Docker Engine (`conformance/complement`), speak HTTPS by their names, and do
everything in `checks.py` in both directions. Exit code 0: all as it should be.
"""

import argparse
import sys

from conformance.complement import run as complement


def main(argv: list[str]) -> int:
    """Run all checks against one other server."""
    parser = argparse.ArgumentParser("./dev conformance peers", description=__doc__.splitlines()[0])
    parser.add_argument("--with", dest="other", default="synapse", choices=["synapse", "timserver"])
    options = parser.parse_args(argv)
    return complement.main(["--deployment", "--server", "timserver", "--hs2", options.other])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
