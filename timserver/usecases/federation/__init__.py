"""What other servers and we ask of each other (STYLE 5, "Inbound federation transaction" and "Join by federation").

Every request of another server is proved first (`verify_request.py`) and asked for by policy. Whatever comes from
outside passes `opening.open_pdus` (size, format, hash, signatures) before anything else looks at it, and becomes part
of a room only through `usecases/events/admitting.py` (RELIABILITY E1). Events that we only need to judge others by
(the state at a gap, auth chains, a room's state at our join) are stored by `outliers.py`. Nothing here knows whether a
request came over HTTP or over the loop-back.
"""
