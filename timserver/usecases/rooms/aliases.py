"""Step: room aliases of this server."""

from timserver.matrix import errors
from timserver.matrix.ids import InvalidID, RoomAlias, parse_room_alias
from timserver.tenancy import Tenant


def make_alias(tenant: Tenant, localpart: str) -> RoomAlias:
    """A new local alias; raises `InvalidParam`."""
    try:
        if not localpart or ":" in localpart or any(character.isspace() for character in localpart):
            raise InvalidID("localpart")
        return parse_room_alias(f"#{localpart}:{tenant.server_name}")
    except InvalidID as error:
        raise errors.InvalidParam("Invalid alias") from error
