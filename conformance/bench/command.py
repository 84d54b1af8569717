"""What the commands that start servers have in common."""

import resource
import signal
import sys
from pathlib import Path

from rich.console import Console

STATE = Path(__file__).resolve().parents[2] / ".state" / "bench"


def begin() -> Console:
    """Ends on SIGTERM as on an error, so that servers are stopped; as many connections as the system allows."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    STATE.mkdir(parents=True, exist_ok=True)
    return Console(width=None if sys.stdout.isatty() else 180)
