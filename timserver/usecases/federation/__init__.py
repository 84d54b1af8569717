"""What other homeservers want of a tenant, and what it needs to know of them (RELIABILITY 2.1).

Every request of another server is proved first (`verify_request.py`) and asked for by policy; every event from
outside is opened before anything else is done with it. Nothing here knows whether a request came over HTTP or over
the loop-back.
"""
