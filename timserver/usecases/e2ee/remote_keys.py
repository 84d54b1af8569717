"""Step: public keys of users of other servers: those that are remembered, the rest asked for, all servers at once.

One server that is dead or slow costs the others nothing: it is named in the failures.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeVar

import structlog

from timserver.context import Context
from timserver.matrix.ids import InvalidID, ServerName, UserID, parse_user_id, server_name_of
from timserver.remote.errors import RemoteError
from timserver.remote.federation import user_keys as remote
from timserver.store import cross_signing, remote_devices, terms
from timserver.tenancy import Tenant
from timserver.usecases.e2ee.local_keys import (
    ClaimedKeys,
    KeysOfUsers,
    add_cross_signing_keys,
    with_name,
)
from timserver.usecases.e2ee.remote_devices import checked_cross_signing, checked_keys, fetch_devices

_log = structlog.get_logger("timserver.keys")

SERVERS_AT_ONCE = 20
LISTS_AT_ONCE = 10
"""Requests to one server."""

Failures = dict[ServerName, dict[str, str | int]]
"""What went wrong, by server."""

Wanted = TypeVar("Wanted")


async def remote_keys(
    ctx: Context, tenant: Tenant, wanted: Mapping[str, Collection[str]], within_s: float
) -> tuple[KeysOfUsers, Failures]:
    """Of all devices of these users, or of those named."""
    found = KeysOfUsers({}, {}, {}, {})
    by_server = _by_server(wanted)
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        nids = await terms.find(
            conn, ctx.caches, tenant, [user for users in by_server.values() for user in users]
        )
        sharing = await remote_devices.sharing_with_us(conn, tenant, list(nids.values()))
        valid = await remote_devices.valid_lists(conn, tenant, list(sharing))
    tracked = {UserID(user): nid for user, nid in nids.items() if nid in sharing}

    async def ask(server: ServerName, users: Mapping[str, Collection[str]]) -> None:
        fetched = {user: nid for user, nid in tracked.items() if user in users and nid not in valid}
        await _fetch_lists(ctx, tenant, fetched, within_s)
        strangers = {user: devices for user, devices in users.items() if user not in tracked}
        if strangers:
            answer = await remote.query_user_encryption_keys(ctx.remote, tenant, server, strangers, within_s)
            _take_answer(found, strangers, answer)

    failures = await _ask_all(ask, by_server, within_s)
    await _read_remembered(ctx, tenant, wanted, tracked, found)
    return found, failures


async def claim_remote_keys(
    ctx: Context, tenant: Tenant, wanted: Mapping[str, Mapping[str, str]], within_s: float
) -> tuple[ClaimedKeys, Failures]:
    """A one-time key for each (user, device, algorithm)."""
    found: ClaimedKeys = {}

    async def ask(server: ServerName, users: Mapping[str, Mapping[str, str]]) -> None:
        answer = await remote.claim_user_encryption_keys(ctx.remote, tenant, server, users, within_s)
        found.update(answer.one_time_keys)

    failures = await _ask_all(ask, _by_server(wanted), within_s)
    return found, failures


def _by_server(wanted: Mapping[str, Wanted]) -> dict[ServerName, dict[str, Wanted]]:
    """What is no user id is nobody's."""
    found: dict[ServerName, dict[str, Wanted]] = {}
    for user, value in wanted.items():
        try:
            found.setdefault(server_name_of(parse_user_id(user)), {})[user] = value
        except InvalidID:
            continue
    return found


async def _ask_all(
    ask: Callable[[ServerName, Mapping[str, Wanted]], Awaitable[None]],
    by_server: Mapping[ServerName, Mapping[str, Wanted]],
    within_s: float,
) -> Failures:
    failures: Failures = {}
    slots = asyncio.Semaphore(SERVERS_AT_ONCE)

    async def one(server: ServerName, users: Mapping[str, Wanted]) -> None:
        try:
            async with asyncio.timeout(within_s), slots:
                await ask(server, users)
        except TimeoutError:
            failures[server] = {"status": 504, "message": "No answer in time"}
        except RemoteError as error:
            _log.info("keys not fetched", server=server, error=str(error))
            failures[server] = {
                "status": 403 if error.denied else error.status or 503,
                "message": "Not part of the federation" if error.denied else "The server cannot be reached",
            }

    async with asyncio.TaskGroup() as group:
        for server, users in by_server.items():
            group.create_task(one(server, users))
    return failures


async def _fetch_lists(ctx: Context, tenant: Tenant, users: Mapping[UserID, int], within_s: float) -> None:
    """Lists of one server's users. A user that it does not know has no devices; other errors are raised at the end."""
    slots = asyncio.Semaphore(LISTS_AT_ONCE)
    failed: list[RemoteError] = []

    async def one(user_id: UserID, user_nid: int) -> None:
        async with slots:
            if failed:
                return
            try:
                await fetch_devices(ctx, tenant, user_id, user_nid, within_s)
            except RemoteError as error:
                if error.status != 404:
                    failed.append(error)

    async with asyncio.TaskGroup() as group:
        for user_id, user_nid in users.items():
            group.create_task(one(user_id, user_nid))
    if failed:
        raise failed[0]


def _take_answer(
    found: KeysOfUsers, wanted: Mapping[str, Collection[str]], answer: remote.QueriedKeys
) -> None:
    """What the other server may say: keys of the users and devices that were asked for, in the right shape."""
    for user, devices in answer.device_keys.items():
        of_user = found.device_keys.setdefault(user, {})
        for device_id, value in devices.items():
            body = checked_keys(UserID(user), device_id, value)
            if body is not None and (not wanted[user] or device_id in wanted[user]):
                of_user[device_id] = with_name(body, _name_of(value))
        rows = checked_cross_signing(
            UserID(user), 0, answer.master_keys.get(user), answer.self_signing_keys.get(user)
        )
        add_cross_signing_keys(found, {0: user}, rows)


def _name_of(value: Mapping[str, object]) -> str | None:
    unsigned = value.get("unsigned")
    name = unsigned.get("device_display_name") if isinstance(unsigned, dict) else None
    return name if isinstance(name, str) else None


async def _read_remembered(
    ctx: Context,
    tenant: Tenant,
    wanted: Mapping[str, Collection[str]],
    tracked: Mapping[UserID, int],
    found: KeysOfUsers,
) -> None:
    """Also of a server that did not answer: an old list is better than none, and the failure is told."""
    names: dict[int, str] = {nid: user for user, nid in tracked.items()}
    if not names:
        return
    async with ctx.database.transaction(tenant, snapshot=True) as conn:
        known = await remote_devices.remembered(conn, tenant, list(names))
        for nid in known:
            found.device_keys.setdefault(names[nid], {})
        for row in await remote_devices.devices_of(conn, tenant, list(known)):
            user = names[row.user_nid]
            if row.json is not None and (not wanted[user] or row.device_id in wanted[user]):
                found.device_keys[user][row.device_id] = with_name(row.json, row.display_name)
        rows = await cross_signing.keys_of(conn, tenant, list(known))
    add_cross_signing_keys(found, names, rows)
