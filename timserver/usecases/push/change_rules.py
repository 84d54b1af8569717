"""A user's push rules: read, and changed by one of the decisions of `matrix.push_rules.changes`."""

from collections.abc import Callable

from timserver.context import Context
from timserver.matrix.push_rules.changes import find_rule, merge
from timserver.matrix.push_rules.rules import Kind, Rule, Ruleset, UserRules, encode_user_rules
from timserver.store import log, push_rules
from timserver.store.streams import ACCOUNT_DATA, Fact
from timserver.tenancy import Requester, Tenant
from timserver.usecases.push.rules import defaults_of, stored_rules


async def read_rules(ctx: Context, tenant: Tenant, requester: Requester) -> Ruleset:
    """All rules, own and default."""
    async with ctx.database.transaction(tenant) as conn:
        rules = await stored_rules(conn, tenant, requester)
    return merge(rules, defaults_of(requester.user_id))


async def read_rule(ctx: Context, tenant: Tenant, requester: Requester, kind: Kind, rule_id: str) -> Rule:
    """One rule. Raises `NotFound`."""
    async with ctx.database.transaction(tenant) as conn:
        rules = await stored_rules(conn, tenant, requester)
    return find_rule(rules, defaults_of(requester.user_id), kind, rule_id)


async def change_rules(
    ctx: Context, tenant: Tenant, requester: Requester, decide: Callable[[UserRules, Ruleset], UserRules]
) -> None:
    """`decide` gets the stored differences and the defaults. The position is taken first, so that two changes of
    one user come one after the other.
    """
    user_nid = requester.user_nid
    async with ctx.database.transaction(tenant) as conn:
        position = await log.take(conn, tenant)
        rules = decide(await stored_rules(conn, tenant, requester), defaults_of(requester.user_id))
        await push_rules.put(conn, tenant, user_nid, encode_user_rules(rules), position)
    name = f"push:{user_nid}"
    ctx.caches.drop_named(tenant.tenant_id, name)
    ctx.streams.forget(tenant, name)
    ctx.streams.publish(tenant, position, [Fact(position, ACCOUNT_DATA, 0, user_nid)])
