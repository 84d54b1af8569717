"""Transactions between servers, as they come: each event and EDU in them is cut out and stands for itself.

What is in a PDU is not looked at here beyond the room it names, so one that is malformed, too deep or of another room
version spoils no other (RELIABILITY E10). Only what breaks the JSON of the whole transaction refuses it.

Spec: https://spec.matrix.org/v1.19/server-server-api/#transactions
"""

import hashlib
from typing import Final

import msgspec

from timserver.matrix import errors, ids
from timserver.matrix.ids import RoomID, ServerName
from timserver.matrix.json_types import JsonObject

PDUS_MAX: Final = 50
EDUS_MAX: Final = 100


class Pdu(msgspec.Struct, frozen=True):
    """An event that nothing is known of. `event_id` is what it says itself, in room versions 1 and 2."""

    data: bytes
    room_id: RoomID
    event_id: str | None


class Transaction(msgspec.Struct, frozen=True):
    """The parts of a transaction, without those that are not even addressed."""

    pdus: tuple[Pdu, ...]
    edus: tuple[bytes, ...]


class Edu(msgspec.Struct, frozen=True):
    """An ephemeral message."""

    edu_type: str
    content: JsonObject


class _Body(msgspec.Struct, frozen=True):
    pdus: list[msgspec.Raw] = []
    edus: list[msgspec.Raw] = []


class _Addressed(msgspec.Struct, frozen=True):
    room_id: str
    event_id: str | None = None


class _AnyEdu(msgspec.Struct, frozen=True):
    edu_type: str
    content: dict[str, object]


_BODY: Final = msgspec.json.Decoder(_Body)
_ADDRESSED: Final = msgspec.json.Decoder(_Addressed)
_EDU: Final = msgspec.json.Decoder(_AnyEdu)

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def split(body: bytes) -> Transaction:
    """The parts of a transaction's JSON. Raises NotJson, BadJson, and BadJson for more parts than are allowed."""
    try:
        parts = _BODY.decode(body)
    except msgspec.ValidationError as error:
        raise errors.BadJson("Not a transaction") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.NotJson() from error
    except RecursionError as error:
        raise errors.BadJson("Transaction is nested too deep") from error
    if len(parts.pdus) > PDUS_MAX or len(parts.edus) > EDUS_MAX:
        raise errors.BadJson(f"A transaction has at most {PDUS_MAX} PDUs and {EDUS_MAX} EDUs")
    pdus = (_pdu(bytes(raw)) for raw in parts.pdus)
    return Transaction(tuple(item for item in pdus if item is not None), tuple(map(bytes, parts.edus)))


def _pdu(data: bytes) -> Pdu | None:
    try:
        addressed = _ADDRESSED.decode(data)
        return Pdu(data, ids.parse_room_id(addressed.room_id), addressed.event_id)
    except (*_UNREADABLE, ids.InvalidID):
        return None


def parse_edu(data: bytes) -> Edu:
    """The EDU in its JSON, which was checked for depth and duplicate keys. Raises BadJson."""
    try:
        found = _EDU.decode(data)
    except _UNREADABLE as error:
        raise errors.BadJson("Not an EDU") from error
    return Edu(found.edu_type, found.content)  # type: ignore[arg-type]


def key_of(origin: ServerName, txn_id: str) -> bytes:
    """Under which a transaction is remembered, however long its id is."""
    return hashlib.sha256(f"{origin}\0{txn_id}".encode("utf-8", "surrogatepass")).digest()
