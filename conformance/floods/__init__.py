"""What others notice of a flood (RELIABILITY R11), and of a server that was away for long (R7): figures and bars.

`flood.py` floods a running server, one process for each: another server with events, one user with requests, one tenant
with ten times its quota. `others.py` measures what everybody else has of it, before, during and after. `away.py` lets a
destination be away for an hour, a day and a week, on a clock that is set, and looks at what is kept for it and at how it
catches up. Begin reading at `run.py`, the command.
"""
