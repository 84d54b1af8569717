"""Step: the `m.space.child` events of a room in the specification's order."""

import msgspec
from msgspec import Raw

from timserver.matrix.event_types import TYPE_NIDS
from timserver.store import room_state
from timserver.store.database import Connection
from timserver.tenancy import Tenant

_CHILD = TYPE_NIDS["m.space.child"]
_ORDER_LENGTH_MAX = 50


class ChildState(msgspec.Struct, frozen=True):
    """An `m.space.child` event as others see it."""

    type: str
    state_key: str
    sender: Raw
    content: Raw
    origin_server_ts: int


class ChildContent(msgspec.Struct):
    """What the event says."""

    via: object = None
    order: object = None
    suggested: object = None

    @property
    def servers(self) -> list[str]:
        """Through which servers the child is reached; without any the event names no child."""
        return [name for name in self.via if isinstance(name, str)] if isinstance(self.via, list) else []


_decode_content = msgspec.json.Decoder(ChildContent).decode
_decode_state = msgspec.json.Decoder(ChildState).decode


async def space_children(
    conn: Connection, tenant: Tenant, room_nid: int, *, suggested_only: bool
) -> list[ChildState]:
    """Of a room in our database."""
    rows = await room_state.of_type(conn, tenant, room_nid, _CHILD)
    return in_order([_decode_state(row.json) for row in rows], suggested_only=suggested_only)


def content_of(child: ChildState) -> ChildContent:
    """The content, as far as it has its shape."""
    try:
        return _decode_content(child.content)
    except msgspec.ValidationError:
        return ChildContent()


def in_order(children: list[ChildState], *, suggested_only: bool) -> list[ChildState]:
    """Those that name a child, those with a valid `order` first, then by age, then by room id."""
    kept = []
    for child in children:
        content = content_of(child)
        if content.servers and (not suggested_only or content.suggested is True):
            kept.append((_order(child, content.order), child))
    return [child for _, child in sorted(kept, key=lambda item: item[0])]


def _order(child: ChildState, order: object) -> tuple[bool, str, int, str]:
    is_valid = (
        isinstance(order, str)
        and len(order) <= _ORDER_LENGTH_MAX
        and all(" " <= letter <= "~" for letter in order)
    )
    return not is_valid, str(order) if is_valid else "", child.origin_server_ts, child.state_key
