"""timserver and Synapse under the same load, one after the other in one run (DESIGN section 8).

What is compared: CPU seconds of server and of database apart per 1,000 operations, latency, peak memory. Only the
standard client-server API and the shared-secret registration are used, so any server that has both can stand in a slot.
Each server gets a fresh PostgreSQL cluster of its own with default settings, so that database CPU can be told apart.
A measure runs for a time, not for a count: a fast server does more, and clock ticks (10 ms) do not matter.

Begin reading at `scenarios.py`; `measure.py` is what a scenario is given, `run.py` the command.
"""
