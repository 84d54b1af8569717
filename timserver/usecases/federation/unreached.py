"""Step: what the tenants of a process know together of servers that do not answer (MAP 1.11).

Each tenant has a queue of its own for every server, and tries it by its own timetable. But a server that is dead for
one is dead for all: while it is left alone by one, no other tries it either, and when the time has come one goes first.
A server that answers, or asks something of any of them, is forgotten here at once, in every process.
"""

from typing import Final

import msgspec

from timserver.context import Context
from timserver.matrix.ids import ServerName
from timserver.remote.errors import RemoteError, Unreached
from timserver.store.caches import DeadServer
from timserver.tenancy import Tenant

PROBE_MS: Final = 10_000
"""So long the others wait for who goes first."""
_SPREAD_MS: Final = 5_000


def left_alone_until(ctx: Context, tenant: Tenant, destination: ServerName) -> int | None:
    """Until when the server is not tried, because another tenant found it dead; None: try it now."""
    dead = ctx.caches.dead_servers.get(destination)
    if dead is None:
        return None
    now_ms = ctx.clock.now_ms()
    if dead.tenant_id != tenant.tenant_id and now_ms < dead.until_ts:
        return dead.until_ts + ctx.ids.secret(1)[0] * _SPREAD_MS // 256
    ahead = msgspec.structs.replace(
        dead, tenant_id=tenant.tenant_id, until_ts=max(dead.until_ts, now_ms + PROBE_MS)
    )
    ctx.caches.dead_servers.put(destination, ahead)
    return None


def failing_since(ctx: Context, destination: ServerName, since_ts: int) -> int:
    """Since when the server has not answered, to whichever tenant."""
    dead = ctx.caches.dead_servers.get(destination)
    return since_ts if dead is None else min(dead.since_ts, since_ts)


def note_dead(
    ctx: Context, tenant: Tenant, destination: ServerName, error: RemoteError, *, since_ts: int, until_ts: int
) -> None:
    """The tenant will try it again at `until_ts`. A server that answers, whatever it says, is not dead."""
    if isinstance(error, Unreached) or (error.transient and error.status is None):
        dead = DeadServer(tenant.tenant_id, since_ts, until_ts)
        ctx.caches.dead_servers.put(destination, dead)
    else:
        ctx.caches.dead_servers.drop(destination)


def note_alive(ctx: Context, tenant: Tenant, destination: ServerName) -> None:
    """It answers again, or asks."""
    if ctx.caches.dead_servers.get(destination) is not None:
        ctx.caches.dead_servers.drop(destination)
        ctx.streams.forget(tenant, f"alive:{destination}")
