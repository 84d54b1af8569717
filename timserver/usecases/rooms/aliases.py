"""Steps: room aliases of this server, and what a room may say of its aliases."""

from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.event import get_list
from timserver.matrix.ids import InvalidID, RoomAlias, parse_room_alias, server_name_of
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.store import aliases
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.rooms.live import state_event


def make_alias(tenant: Tenant, localpart: str) -> RoomAlias:
    """A new local alias; raises `InvalidParam`."""
    try:
        if not localpart or ":" in localpart or any(character.isspace() for character in localpart):
            raise InvalidID("localpart")
        return parse_room_alias(f"#{localpart}:{tenant.server_name}")
    except InvalidID as error:
        raise errors.InvalidParam("Invalid alias") from error


def must_be_alias(value: JsonValue) -> RoomAlias:
    """An alias; raises `InvalidParam`."""
    try:
        return parse_room_alias(value if isinstance(value, str) else "")
    except InvalidID as error:
        raise errors.InvalidParam("Invalid alias") from error


async def check_canonical_alias(ctx: Context, tenant: Tenant, room: LiveRoom, content: JsonObject) -> None:
    """Aliases that the room has not named before must point to it.

    Raises `InvalidParam` for what is no alias, `BadAlias` for one that points elsewhere or nowhere.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#mroomcanonical_alias
    """
    before = await state_event(ctx, tenant, room, "m.room.canonical_alias")
    named = _named(before.content) if before else []
    wanted = [must_be_alias(value) for value in _named(content) if value not in named]
    if not wanted:
        return
    async with ctx.database.transaction(tenant) as conn:
        for alias in wanted:
            row = await aliases.find(conn, tenant, alias) if _is_local(tenant, alias) else None
            if row is None or row.room_nid != room.room_nid:
                raise errors.BadAlias("The alias does not point to this room")


def _is_local(tenant: Tenant, alias: RoomAlias) -> bool:
    return server_name_of(alias) == tenant.server_name


def _named(content: JsonObject) -> list[JsonValue]:
    alias = content.get("alias")
    return [*([alias] if alias else []), *(get_list(content, "alt_aliases") or [])]
