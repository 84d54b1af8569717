"""Rooms in memory."""


class LiveRoom:
    """Filled in with the append path."""
