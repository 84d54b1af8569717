"""Composition root: builds the context and serves the listeners; imports all, imported only by `cli`."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import ModuleType

import structlog
import uvloop
from aiohttp import web
from aiohttp.http_parser import HttpRequestParser
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from timserver import core
from timserver.api.admin import MODULES as ADMIN_MODULES
from timserver.api.client import MODULES as CLIENT_MODULES
from timserver.api.dispatch import Dispatcher
from timserver.api.endpoint import Endpoint, declared_in
from timserver.api.federation import MODULES as FEDERATION_MODULES
from timserver.api.loopback import Loopback
from timserver.api.management import Management
from timserver.api.metrics import Metrics
from timserver.api.routing import Routes
from timserver.clock import SystemClock, SystemIds
from timserver.config import Api, Listener, Settings
from timserver.context import Context
from timserver.media import MediaFiles
from timserver.media.blobs import Blobs
from timserver.media.thumbnails import Thumbnailer
from timserver.remote.client import FederationClient
from timserver.remote.fetcher import open_fetcher
from timserver.store.bus import Bus
from timserver.store.caches import Caches
from timserver.store.database import Database
from timserver.store.rates import Rates
from timserver.store.streams import Streams
from timserver.store.vault import Vault
from timserver.usecases.federation.listing import federation_list
from timserver.usecases.tenants.check_tenants import unlisted_tenants, unsafe_keys
from timserver.usecases.tenants.signing_key import signing_key
from timserver.workers import federation_list as list_notices
from timserver.workers import federation_sender, inbox, key_sweep, media_sweep, retention

_log = structlog.get_logger("timserver.app")

MODULES_OF_API: dict[Api, Sequence[ModuleType]] = {
    Api.CLIENT: CLIENT_MODULES,
    Api.FEDERATION: FEDERATION_MODULES,
    Api.ADMIN: ADMIN_MODULES,
}


def endpoints_of(apis: Iterable[Api]) -> list[Endpoint]:
    """All endpoints of some APIs."""
    return [item for api in apis for module in MODULES_OF_API.get(api, ()) for item in declared_in(module)]


@asynccontextmanager
async def open_context(settings: Settings, master_key: bytes) -> AsyncIterator[Context]:
    """The context of a process, without the loops: what the command line needs."""
    clock, ids = SystemClock(), SystemIds()
    url = settings.database.url.get_secret_value()
    wait_s = settings.limits.database_wait_ms_max / 1000
    async with AsyncExitStack() as stack:
        database = await Database.connect(
            url,
            pool_size=settings.database.pool_max,
            pool_min=settings.database.pool_min,
            statement_timeout_ms=settings.database.statement_timeout_ms,
            wait_s=wait_s,
            vault=Vault(master_key),
        )
        stack.push_async_callback(database.close)
        caches = Caches(settings.limits, Rates(clock, settings.rate_limits))
        bus = Bus(url)
        bus.on_drop = caches.drop_named
        thumbnailer = Thumbnailer(settings.limits.thumbnail_children_max)
        stack.push_async_callback(thumbnailer.close)
        fetcher = await stack.enter_async_context(open_fetcher(settings))
        ctx = Context(
            database=database,
            clock=clock,
            ids=ids,
            settings=settings,
            streams=Streams(database, clock, settings.limits, bus),
            caches=caches,
            media=MediaFiles(blobs=Blobs(settings.media_dir, ids), thumbnailer=thumbnailer),
            remote=FederationClient(fetcher, clock, ids, settings),
        )
        ctx.remote.signing_key_of = partial(signing_key, ctx)
        ctx.remote.federation_list = partial(federation_list, ctx)
        if settings.federation.loopback:
            ctx.remote.loopback = Loopback(ctx, Routes(endpoints_of([Api.FEDERATION])))
        yield ctx


def _bind(listener: Listener) -> socket.socket:
    if listener.path is not None:
        listener.path.unlink(missing_ok=True)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound.bind(str(listener.path))
    else:
        is_v6 = ":" in listener.host
        bound = socket.create_server(
            (listener.host, listener.port),
            family=socket.AF_INET6 if is_v6 else socket.AF_INET,
            backlog=1024,
            dualstack_ipv6=is_v6 and listener.host == "::" and socket.has_dualstack_ipv6(),
        )
    bound.setblocking(False)
    return bound


def bind_all(settings: Settings) -> list[socket.socket]:
    """Sockets of all listeners, in their order; the parent of several workers binds, its children inherit."""
    return [_bind(listener) for listener in settings.listeners]


async def serve(
    settings: Settings,
    master_key: bytes,
    sockets: Sequence[socket.socket],
    stop: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until `stop`; then finish what is running within `settings.drain_s`."""
    if HttpRequestParser.__module__ != "aiohttp._http_parser":
        raise SystemExit("aiohttp's C parser is missing: refusing to parse HTTP in Python (RELIABILITY C9)")
    if settings.require_engine:
        core.require_engine()
    async with open_context(settings, master_key) as ctx, asyncio.TaskGroup() as group:
        metrics = Metrics()
        await _check_tenants(ctx, metrics)
        sender = federation_sender.Sender(ctx, metrics)
        receiver = inbox.InboxWorker(ctx)
        workers = (
            ctx.streams.run(),
            media_sweep.run(ctx),
            key_sweep.run(ctx),
            list_notices.run(ctx),
            retention.run(ctx),
            sender.run(),
            receiver.run(),
        )
        loops = [group.create_task(worker) for worker in workers]
        runners = []
        for listener, bound in zip(settings.listeners, sockets, strict=True):
            answer = (
                Management(ctx, metrics, stop.is_set)
                if Api.METRICS in listener.apis
                else Dispatcher(ctx, Routes(endpoints_of(listener.apis)), listener, metrics)
            )
            runners.append(await _listen(ctx, listener, bound, answer))
        ready()
        await stop.wait()
        _log.info("draining")
        ctx.streams.release_all()
        await asyncio.gather(*(runner.cleanup() for runner in runners))
        for loop in loops:
            loop.cancel()


async def _check_tenants(ctx: Context, metrics: Metrics) -> None:
    unsafe = await unsafe_keys(ctx)
    if unsafe:
        first = unsafe[0]
        raise SystemExit(
            f"{len(unsafe)} signing keys are not their tenant's alone, the first is {first.key_id} of {first.server_name}:"
            " refusing to sign with them (RELIABILITY E14); timserver tenant rotate-key"
        )
    unlisted = await unlisted_tenants(ctx)
    metrics.unlisted(len(unlisted))
    if unlisted:
        _log.warning(
            "tenants that are not in the federation list: no other server of the TI talks to them",
            count=len(unlisted),
            first=unlisted[:10],
        )


async def _listen(
    ctx: Context, listener: Listener, bound: socket.socket, answer: Dispatcher | Management
) -> web.ServerRunner:
    server = web.Server(
        answer,
        request_factory=_request,
        access_log=None,
        keepalive_timeout=75,
        max_line_size=ctx.settings.limits.url_bytes_max,
        max_field_size=ctx.settings.limits.header_bytes_max,
    )
    runner = web.ServerRunner(server, shutdown_timeout=ctx.settings.drain_s)
    await runner.setup()
    context = None
    if listener.certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(listener.certificate, listener.key)
    await web.SockSite(runner, bound, ssl_context=context, backlog=1024).start()
    return runner


def _request(
    message: object, payload: object, protocol: RequestHandler, writer: object, task: "asyncio.Task[None]"
) -> BaseRequest:
    loop = asyncio.get_running_loop()
    return BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=0)  # type: ignore[arg-type]


def run(main: Callable[[], "asyncio.Future[None] | object"]) -> None:
    """Run a coroutine function on uvloop."""
    uvloop.run(main())  # type: ignore[arg-type]
