"""Once an hour: who has rooms with a server that is not in the federation list is told so by a notice (FED-10)."""

import asyncio

import structlog

from timserver.context import Context
from timserver.matrix.errors import MatrixError
from timserver.matrix.ids import DeviceID
from timserver.store import tenants
from timserver.tenancy import Requester, Tenant, Variant
from timserver.usecases.accounts.new_account import server_user_id
from timserver.usecases.federation.find_unlisted import find_unlisted
from timserver.usecases.moderation.send_server_notice import Notice, send_server_notice

EVERY_S = 60 * 60
FIRST_AFTER_S = 60

_TEXT = (
    "{} ist nicht in der Föderation. Nachrichten von dort kommen nicht mehr an, und Ihre Nachrichten erreichen dort"
    " niemanden. Die gemeinsamen Räume bleiben erhalten."
)

_log = structlog.get_logger("timserver.federation_list")


async def run(ctx: Context) -> None:
    """Until canceled. Each server is told of by one process only."""
    await asyncio.sleep(FIRST_AFTER_S)
    while True:
        try:
            async with ctx.database.directory() as conn:
                everybody = await tenants.all_tenants(conn)
            for tenant in everybody:
                await tell(ctx, tenant)
        except MatrixError as error:
            _log.warning("telling failed, again in an hour", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)


async def tell(ctx: Context, tenant: Tenant) -> int:
    """One round for a tenant; how many notices were sent."""
    sender_id = server_user_id(ctx, tenant)
    if tenant.variant is Variant.OFF or sender_id is None:
        return 0
    itself = Requester(user_id=sender_id, user_nid=0, device_id=DeviceID(""), device_nid=0)
    sent = 0
    for unlisted in await find_unlisted(ctx, tenant):
        _log.warning("not in the federation list", tenant=tenant.server_name, server=unlisted.server_name)
        content = {"msgtype": "m.text", "body": _TEXT.format(unlisted.server_name)}
        for user_id in unlisted.users:
            try:
                await send_server_notice(ctx, tenant, itself, Notice(user_id=user_id, content=content))
            except MatrixError as error:
                _log.info("a notice was not sent", errcode=error.errcode)
            else:
                sent += 1
    return sent
