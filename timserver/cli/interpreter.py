"""How the interpreter shares its time between the event loop and what would hold it up."""

import gc
import sys
from typing import Final

_SWITCH_S: Final = 0.001


def stay_responsive() -> None:
    """For the whole process, before the event loop begins and when everything is imported.

    What was loaded stays until the end, so the collector need not look through it again and again: that takes some 40 ms,
    which nobody is answered in. A thread that works in Python gives way after a millisecond, not after five.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
