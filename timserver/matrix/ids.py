"""Matrix identifiers: NewTypes that are made only by parsing.

Spec: https://spec.matrix.org/v1.19/appendices/#identifier-grammar
"""

import re
from typing import NewType

UserID = NewType("UserID", str)
RoomID = NewType("RoomID", str)
EventID = NewType("EventID", str)
RoomAlias = NewType("RoomAlias", str)
ServerName = NewType("ServerName", str)
DeviceID = NewType("DeviceID", str)

ID_LENGTH_MAX_BYTES = 255

_SERVER_NAME = re.compile(
    r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Za-z.-]{1,255})(?::[0-9]{1,5})?\Z"
)
_LOCALPART_NEW = re.compile(r"[a-z0-9._=/+-]+\Z")


class InvalidID(ValueError):
    """The text is not an identifier of the wanted kind."""


def _check_size(text: str) -> None:
    if len(text.encode("utf-8", "surrogatepass")) > ID_LENGTH_MAX_BYTES:
        raise InvalidID("identifier exceeds 255 bytes")


def parse_server_name(text: str) -> ServerName:
    """A hostname, IPv4 or bracketed IPv6 literal, with an optional port. Case is kept."""
    if len(text) > 255 or not _SERVER_NAME.match(text):
        raise InvalidID("not a server name")
    return ServerName(text)


def split_server_name(server_name: str) -> tuple[str, int | None]:
    """Host (an IPv6 literal with its brackets) and port of a server name."""
    host, colon, port = server_name.rpartition(":")
    if not colon or "]" in port:
        return server_name, None
    return host, int(port)


def _parse(sigil: str, text: str) -> None:
    _check_size(text)
    localpart, colon, server_name = text[1:].partition(":")
    if not text.startswith(sigil) or not colon or "\0" in localpart:
        raise InvalidID(f"not an identifier of the form {sigil}local:server")
    parse_server_name(server_name)


def parse_user_id(text: str) -> UserID:
    """Any user id that may exist, historical ones included."""
    _parse("@", text)
    return UserID(text)


def is_user_id(text: str) -> bool:
    """Whether it is a user id, historical ones included."""
    try:
        parse_user_id(text)
    except InvalidID:
        return False
    return True


def make_user_id(localpart: str, server_name: ServerName) -> UserID:
    """A new local user id, by the strict grammar for new ids."""
    if not _LOCALPART_NEW.match(localpart):
        raise InvalidID("localpart may hold only a-z, 0-9 and . _ = - / +")
    user_id = f"@{localpart}:{server_name}"
    _check_size(user_id)
    return UserID(user_id)


def parse_room_id(text: str) -> RoomID:
    """A room id: opaque after the sigil (rooms of version 12 have no server part)."""
    _check_size(text)
    if len(text) < 2 or text[0] != "!" or "\0" in text:
        raise InvalidID("not a room id")
    return RoomID(text)


def parse_event_id(text: str) -> EventID:
    """An event id of any room version."""
    _check_size(text)
    if len(text) < 2 or text[0] != "$" or "\0" in text:
        raise InvalidID("not an event id")
    return EventID(text)


def parse_room_alias(text: str) -> RoomAlias:
    """A room alias."""
    _parse("#", text)
    return RoomAlias(text)


def localpart_of(identifier: UserID | RoomAlias) -> str:
    """What stands between sigil and the first colon."""
    return identifier[1:].partition(":")[0]


def server_name_of(identifier: UserID | RoomAlias) -> ServerName:
    """What stands behind the first colon."""
    return ServerName(identifier.partition(":")[2])
