"""`./dev conformance peers [--with synapse|timserver] [--outage SECONDS]`: timserver together with another homeserver.

Both run in containers of a private Docker Engine (`conformance/complement`), speak HTTPS by their names, and do
everything in `checks.py`, `encrypted.py` and `outage.py` in both directions. Exit code 0: all as it should be.
"""

import argparse
import os
import sys

from conformance.complement import run as complement

OUTAGE_S = 300


def main(argv: list[str]) -> int:
    """Run all checks against one other server."""
    parser = argparse.ArgumentParser("./dev conformance peers", description=__doc__.splitlines()[0])
    parser.add_argument("--with", dest="other", default="synapse", choices=["synapse", "timserver"])
    parser.add_argument(
        "--outage", type=int, default=OUTAGE_S, metavar="SECONDS", help="how long either server is away"
    )
    options = parser.parse_args(argv)
    if os.geteuid() != 0:
        print("A Docker Engine of our own needs root.")
        return 2
    return complement.check_together(options.other, options.outage)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
