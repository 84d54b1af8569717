"""The table behind `test_server_auth_matrix.py`: one row per route for servers (RELIABILITY S1).

Path parameters are filled with what exists at the destination: a room, an event in it and a user who is there.
The asking server has proved who it is and shares nothing with the destination: `stranger` is what it gets.
"""

from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a server that shares no room gets, as status and errcode."""

    stranger: str
    body: Any = None
    query: str = ""


ROWS = {
    "get_version": Row(stranger="200"),
}
