"""The Matrix spec's nouns and small algorithms, as pure values.

Knows no clock, no socket, no database and no tenant. Where the spec describes an algorithm, it stands here (or
in `timserver.core`, when it is authorization or state resolution). Begin with `ids.py` and `errors.py`.
"""
