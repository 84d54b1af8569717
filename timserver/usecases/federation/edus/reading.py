"""Pure parts that all kinds share: content as a struct, and whose users an origin may speak for."""

from typing import TypeVar

import msgspec

from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, ServerName, UserID, parse_user_id, server_name_of
from timserver.matrix.json_types import JsonObject

Content = TypeVar("Content")


def read_content(content: JsonObject, kind: type[Content]) -> Content:
    """The content in its shape. Raises `BadJson`."""
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise errors.BadJson(f"EDU: {error}") from error


def user_of(origin: ServerName, user_id: str) -> UserID:
    """A user of the origin. Raises `BadJson` for what is no user id, `Forbidden` for users of other servers."""
    try:
        parsed = parse_user_id(user_id)
    except InvalidID as error:
        raise errors.BadJson("EDU: not a user id") from error
    if server_name_of(parsed) != origin:
        raise errors.Forbidden("The user is of another server")
    return parsed
