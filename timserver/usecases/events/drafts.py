"""What is going to be an event, before it is built, signed and authorized."""

import msgspec

from timserver.matrix.ids import EventID, UserID
from timserver.matrix.json_types import JsonObject
from timserver.tenancy import Requester


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Type, sender and content, as far as the sender decides."""

    sender: UserID
    sender_nid: int
    type: str
    content: JsonObject
    state_key: str | None = None
    redacts: EventID | None = None
    origin_server_ts: int | None = None
    stripped: bytes | None = None
    """Of an invite or knock: the stripped state for its target, a JSON array."""


class Transaction(msgspec.Struct, frozen=True):
    """A client's transaction id and the device it is scoped to."""

    device_nid: int
    txn_id: str


def transaction_of(requester: Requester, txn_id: str | None) -> Transaction | None:
    """None without an id: each request is one of its own."""
    return Transaction(requester.device_nid, txn_id) if txn_id is not None else None


def draft_of(
    requester: Requester, event_type: str, content: JsonObject, state_key: str | None = None
) -> Draft:
    """A draft by a local user."""
    return Draft(
        sender=requester.user_id,
        sender_nid=requester.user_nid,
        type=event_type,
        content=content,
        state_key=state_key,
    )
