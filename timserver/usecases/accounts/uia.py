"""Step: user-interactive authentication, a proof per request beside the access token.

A session is bound to the request's fingerprint (user, operation, path and body without `auth`): it cannot be completed
with another one. It lives for `SESSION_LIFE_MS` and ends with its completion. A single stage may also be given at once,
without a session.

Spec: https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api
"""

import msgspec

from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.json_types import JsonObject
from timserver.store import accounts, uia
from timserver.tenancy import Requester, Tenant
from timserver.usecases.accounts.passwords import password_matches

SESSION_LIFE_MS = 15 * 60 * 1000

PASSWORD, DUMMY = "m.login.password", "m.login.dummy"


class Attempt(msgspec.Struct, frozen=True):
    """The request that needs a proof, and the proof as far as the client gives it."""

    operation: str
    body: bytes
    """Path parameters and body without `auth`, in an order that is always the same."""
    auth: JsonObject | None


async def prove_password(ctx: Context, tenant: Tenant, requester: Requester, attempt: Attempt) -> None:
    """Return when the requester has given the password for this very request; else raise what the client gets."""
    await _prove(ctx, tenant, requester, attempt, PASSWORD)


async def prove_nothing(ctx: Context, tenant: Tenant, attempt: Attempt) -> None:
    """The dummy stage, for what anybody may do."""
    await _prove(ctx, tenant, None, attempt, DUMMY)


async def _prove(
    ctx: Context, tenant: Tenant, requester: Requester | None, attempt: Attempt, stage: str
) -> None:
    who = requester.user_id if requester else ""
    fingerprint = ctx.database.vault.fingerprint(
        "\0".join((who, attempt.operation, "")).encode() + attempt.body
    )
    auth = attempt.auth or {}
    session_id = auth.get("session")
    known = isinstance(session_id, str) and await _check_session(ctx, tenant, session_id, fingerprint)
    failure = None
    if "type" in auth and (known or not session_id):
        failure = await _try_stage(ctx, tenant, requester, auth, stage)
        if failure is None:
            if known:
                await _end(ctx, tenant, str(session_id))
            return
    if not known:
        session_id = await _begin(ctx, tenant, fingerprint)
    state = {"flows": [{"stages": [stage]}], "params": {}, "session": session_id, "completed": []}
    raise errors.InteractionNeeded(failure, state)


async def _check_session(ctx: Context, tenant: Tenant, session_id: str, fingerprint: bytes) -> bool:
    """Whether the session lives; raises `Forbidden` when it is for another request."""
    async with ctx.database.transaction(tenant) as conn:
        row = await uia.find(conn, tenant, session_id)
    if row is None or row.created_ts < ctx.clock.now_ms() - SESSION_LIFE_MS:
        return False
    if row.request != fingerprint:
        raise errors.Forbidden("The request is not the one that the authentication was begun for")
    return True


async def _begin(ctx: Context, tenant: Tenant, fingerprint: bytes) -> str:
    session_id = ctx.ids.opaque(24)
    now_ms = ctx.clock.now_ms()
    async with ctx.database.transaction(tenant) as conn:
        await uia.expire(conn, tenant, now_ms - SESSION_LIFE_MS)
        await uia.insert(conn, tenant, uia.UiaRow(session_id, fingerprint, now_ms))
    return session_id


async def _end(ctx: Context, tenant: Tenant, session_id: str) -> None:
    async with ctx.database.transaction(tenant) as conn:
        await uia.delete(conn, tenant, session_id)


async def _try_stage(
    ctx: Context, tenant: Tenant, requester: Requester | None, auth: JsonObject, stage: str
) -> str | None:
    """Why the stage failed; None when it is done."""
    if auth.get("type") != stage:
        return "This stage is not part of a flow"
    if requester is None:
        return None
    password, localpart = auth.get("password"), _localpart(requester)
    if not isinstance(password, str):
        raise errors.MissingParam("Missing password")
    if _named_user(auth) not in (localpart, requester.user_id):
        return "The user is not the one who asks"
    ctx.caches.rates.take(tenant, RateKind.LOGIN_ACCOUNT, localpart)
    async with ctx.database.transaction(tenant) as conn:
        account = await accounts.account_of(conn, tenant, requester.user_nid)
    known_hash = account.password_hash if account else None
    matches = await password_matches(ctx.settings.password_hash, known_hash, password)
    return None if matches else "Invalid password"


def _localpart(requester: Requester) -> str:
    return requester.user_id[1:].partition(":")[0]


def _named_user(auth: JsonObject) -> object:
    """From `identifier`, or from `user` as older clients have it."""
    identifier = auth.get("identifier")
    if isinstance(identifier, dict):
        return identifier.get("user") if identifier.get("type") == "m.id.user" else None
    return auth.get("user")
