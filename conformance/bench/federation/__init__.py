"""`./dev bench federation`: the same federation load on timserver and on Synapse, in one run (issue "Federation").

Every homeserver is a local process with a fresh PostgreSQL of its own, speaks HTTPS under the name `localhost:port` with a
certificate of the run's own authority, and may reach loopback only. CPU is that of the server's and of the database's
processes together, from the first request until both are at rest; the driver's is counted apart.

- Received: a stand-in homeserver (`standin.py`) sends the same signed events to both, and a local user looks until
  they are there, also in a room of 20,000 members of whom some change their names. The stand-in asks nothing and waits
  for nothing, so what is measured is the receiving server alone.
- Sent: a local user sends into a room of the stand-in, which takes the transactions.
- Joins: the stand-in answers with the whole state, to both alike, also to who asks for less (Synapse does, and would
  fetch the rest later).
- Catch-up: of each room the stand-in sends the last event only, as a server does after an outage; then a user pages back
  until every missed event was seen.
- Pairs: two real servers of each kind, and one of each, with a user at both ends.
- Loop-back: two tenants of one timserver, with and without HTTP between them.

Begin reading at `scenarios.py`; `servers.py` starts the homeservers, `bars.py` says what must be reached, `run.py` is
the command.
"""
