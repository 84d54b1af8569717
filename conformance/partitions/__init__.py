"""Servers whose network breaks, and what they agree on afterwards (RELIABILITY R5, R6).

Real: two or more homeservers, each with settings, database and listeners of its own, loop-back off, so that they speak
HTTPS to each other; the people, who use the client API. Between each two servers and for each direction stands one of
our links (`link.py`), which loses, delays, holds, repeats and reorders requests. Begin reading at `run.py`, then
`round.py`: one round is talk on all sides in a broken network (`weather.py`, `people.py`), healing, and the
comparison (`agreement.py`).

A round is drawn from its seed: the room, who does what when, what the links do. Which of two simultaneous requests
arrives first is not: real sockets and a real database take part. So a seed that fails fails often, not always.
"""
