"""What other servers and we ask of each other (STYLE 5, "Inbound federation transaction" and "Join by federation").

Whatever comes from outside passes `opening.open_pdus` (size, format, hash, signatures) before anything else looks at
it, and becomes part of a room only through `usecases/events/admitting.py` (RELIABILITY E1). Events that we only need to
judge others by (the state at a gap, auth chains, a room's state at our join) are stored by `outliers.py`.
"""
