"""Step: the policy server of a room is asked to sign an event, and its signature is looked for.

Of the spec's conditions for a room to use one, that its server has a joined user there is a row of ours. A room that
names us uses none, as far as we are concerned: we are no policy server, and nobody has asked us. Ours that are sent
there are soft-failed by others until the room names another one.

Spec: https://spec.matrix.org/v1.19/server-server-api/#policy-servers
"""

import asyncio

import structlog

from timserver.context import Context
from timserver.matrix import errors, pdu, policy_server
from timserver.matrix.event import Event
from timserver.matrix.event_types import POLICY_KEY
from timserver.matrix.policy_server import PolicyServer
from timserver.remote.errors import RemoteError
from timserver.remote.federation import room_policy
from timserver.store import room_servers, terms
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.rooms.live import state_event

_log = structlog.get_logger("timserver.federation")


async def policy_server_of(ctx: Context, tenant: Tenant, room: LiveRoom) -> PolicyServer | None:
    """The one that the room uses by its current state."""
    if POLICY_KEY not in room.others:
        return None
    event = await state_event(ctx, tenant, room, "m.room.policy")
    server = policy_server.read(event.content) if event is not None else None
    if server is None or server.server_name == tenant.server_name:
        return None
    (server_nid,) = await terms.intern(ctx.database, ctx.caches, tenant, [server.server_name])
    async with ctx.database.transaction(tenant) as conn:
        is_there = await room_servers.is_in_room(conn, tenant, room.room_nid, server_nid)
    return server if is_there else None


async def is_recommended(ctx: Context, tenant: Tenant, room: LiveRoom, event: Event) -> bool:
    """Has the room's policy server signed the event, or need it not?"""
    server = await policy_server_of(ctx, tenant, room)
    return server is None or policy_server.is_recommended(room.version, event, server)


async def recommended(ctx: Context, tenant: Tenant, room: LiveRoom, event: Event) -> Event:
    """An event of ours with the signature that it needs before anybody gets it. Raises what the policy server says
    when it refuses, 502 when it does not answer.
    """
    server = await policy_server_of(ctx, tenant, room)
    if server is None or policy_server.is_recommended(room.version, event, server):
        return event
    try:
        signed = await _ask(ctx, tenant, room, event, server)
    except RemoteError as error:
        raise _refusal(error) from error
    if not policy_server.is_recommended(room.version, signed, server):
        raise errors.Forbidden("The room's policy server did not sign the event")
    return signed


async def with_signature(ctx: Context, tenant: Tenant, room: LiveRoom, event: Event) -> Event:
    """Another server's event with the signature that it lacks, if the policy server gives it."""
    server = await policy_server_of(ctx, tenant, room)
    if server is None or policy_server.is_exempt(event):
        return event
    try:
        return await _ask(ctx, tenant, room, event, server)
    except RemoteError as error:
        _log.info("a policy server signed nothing", server=server.server_name, error=str(error))
        return event


async def _ask(ctx: Context, tenant: Tenant, room: LiveRoom, event: Event, server: PolicyServer) -> Event:
    value = pdu.to_object(room.version, event)
    try:
        async with asyncio.timeout(ctx.settings.limits.policy_server_s_max):
            answer = await room_policy.ask_policy_server_to_sign(
                ctx.remote, tenant, server.server_name, value
            )
        return policy_server.with_signature(room.version, event, server, answer)
    except TimeoutError as error:
        raise RemoteError("the policy server does not answer", transient=True) from error
    except (errors.BadJson, errors.TooLarge) as error:
        raise RemoteError("the policy server's signature makes no event", status=200) from error


def _refusal(error: RemoteError) -> errors.MatrixError:
    """The policy server's own words, as the spec wants it."""
    inner = f"policy server: {error}"
    if error.denied:
        return errors.Forbidden(inner=inner)
    if error.status is None or not 400 <= error.status < 500 or error.errcode is None:
        return errors.Unknown("The room's policy server does not answer", status=502, inner=inner)
    return errors.RefusedByPolicyServer(error.error, error.errcode, error.status, error.retry_after_ms)
