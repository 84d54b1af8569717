"""`/sync`: what happened since a position of the tenant's log.

`sync.py` is the loop (answer, or wait), `reading.py` reads everything on one snapshot of the database, `rooms.py`
puts rooms together, `response.py` is the answer's shape.
"""
