"""Events into rooms and out of them. `appending.py` is the only way in (RELIABILITY E1), `visible.py` the only way out."""
