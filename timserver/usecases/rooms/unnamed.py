"""Step: which rooms have no name, so that clients name them by their heroes."""

from collections.abc import Mapping
from typing import Final

import msgspec

from timserver.matrix.event_types import CANONICAL_ALIAS, EMPTY_KEY, NAME
from timserver.matrix.room_name import has_name
from timserver.store import events
from timserver.store.database import Connection
from timserver.tenancy import Tenant

NAME_KEYS: Final = (NAME + EMPTY_KEY, CANONICAL_ALIAS + EMPTY_KEY)


class _Pdu(msgspec.Struct):
    content: dict[str, object] = {}


_decode = msgspec.json.Decoder(_Pdu).decode


async def unnamed(conn: Connection, tenant: Tenant, states: Mapping[int, Mapping[int, int]]) -> list[int]:
    """Of some rooms those that neither name nor canonical alias names; `states`: numbers of events, by key."""
    nids = {state[key] for state in states.values() for key in NAME_KEYS if key in state}
    bodies = await events.bodies(conn, tenant, nids) if nids else {}
    contents = {nid: _decode(body).content for nid, body in bodies.items()}
    return [
        room
        for room, state in states.items()
        if not has_name(*(contents.get(state.get(key, 0)) for key in NAME_KEYS))
    ]
