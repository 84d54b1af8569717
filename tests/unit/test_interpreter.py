"""What holds up the event loop of a server."""

import subprocess
import sys

ASK = """
import gc
import sys
import time
import timserver.app
from timserver.cli.interpreter import stay_responsive

def pause():
    began = time.process_time()
    gc.collect()
    return time.process_time() - began

before = min(pause() for _ in range(3))
stay_responsive()
after = min(pause() for _ in range(3))
print(before / after, sys.getswitchinterval())
"""


def test_the_collector_does_not_look_through_what_was_loaded() -> None:
    answer = subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True, text=True).stdout
    times_faster, switch_s = map(float, answer.split())
    assert times_faster > 10
    assert switch_s == 0.001
