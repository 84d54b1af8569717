"""Pushers: where a device wants to be notified. Kept here; delivery is another matter."""

from typing import Any, Final

import msgspec

from timserver.context import Context
from timserver.matrix import errors
from timserver.store import pushers
from timserver.tenancy import Requester, Tenant

APP_ID_LENGTH_MAX: Final = 64
PUSHKEY_BYTES_MAX: Final = 512
BODY_BYTES_MAX: Final = 16_384
PUSHERS_MAX: Final = 100


class Pusher(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As clients write and read it."""

    app_id: str
    pushkey: str
    kind: str
    app_display_name: str
    device_display_name: str
    lang: str
    data: dict[str, Any]
    profile_tag: str | None = None


async def list_pushers(ctx: Context, tenant: Tenant, requester: Requester) -> list[msgspec.Raw]:
    """All of the user's, as JSON."""
    async with ctx.database.transaction(tenant) as conn:
        return [msgspec.Raw(body) for body in await pushers.of_user(conn, tenant, requester.user_nid)]


async def set_pusher(
    ctx: Context, tenant: Tenant, requester: Requester, pusher: Pusher, *, append: bool
) -> None:
    """Set or replace; without `append` the same app and key end for all other users.

    Raises `InvalidParam`, `MissingParam`, `UserLimitExceeded`.
    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset
    """
    _check(pusher)
    body = msgspec.json.encode(pusher)
    if len(body) > BODY_BYTES_MAX:
        raise errors.TooLarge("The pusher is too large")
    key = (pusher.app_id, pusher.pushkey)
    async with ctx.database.transaction(tenant) as conn:
        if len(await pushers.of_user(conn, tenant, requester.user_nid)) >= PUSHERS_MAX:
            raise errors.UserLimitExceeded("Too many pushers")
        if not append:
            await pushers.delete_of_others(conn, tenant, requester.user_nid, key)
        await pushers.put(conn, tenant, requester.user_nid, requester.device_nid, key, body)


async def delete_pusher(ctx: Context, tenant: Tenant, requester: Requester, key: tuple[str, str]) -> None:
    """By app id and push key, whether it is there or not."""
    async with ctx.database.transaction(tenant) as conn:
        await pushers.delete(conn, tenant, requester.user_nid, key)


def _check(pusher: Pusher) -> None:
    if len(pusher.app_id) > APP_ID_LENGTH_MAX or len(pusher.pushkey.encode()) > PUSHKEY_BYTES_MAX:
        raise errors.InvalidParam("app_id or pushkey is too long")
    if pusher.kind == "http" and not isinstance(pusher.data.get("url"), str):
        raise errors.MissingParam("Missing url in data")
