"""Step: a user's push rules, as the rules endpoints and sync show them."""

import msgspec
from msgspec import Raw

from timserver.context import Context
from timserver.matrix.ids import UserID
from timserver.matrix.push_rules.changes import merge
from timserver.matrix.push_rules.defaults import default_rules, has_legacy_mentions
from timserver.matrix.push_rules.rules import Rule, Ruleset, UserRules, by_kind, parse_user_rules
from timserver.store import push_rules
from timserver.store.database import Connection
from timserver.tenancy import Requester, Tenant

LEGACY_MENTIONS = has_legacy_mentions(12)
"""We advertise Matrix v1.12 at most, where the rules on names in the body are still there."""


def defaults_of(user_id: UserID) -> Ruleset:
    """The default rules of a user."""
    return default_rules(user_id, legacy_mentions=LEGACY_MENTIONS)


async def stored_rules(conn: Connection, tenant: Tenant, requester: Requester) -> UserRules:
    """What differs from the defaults for a user."""
    row = (await push_rules.of_users(conn, tenant, [requester.user_nid])).get(requester.user_nid)
    return parse_user_rules(row.rules) if row else UserRules()


async def rules_content(
    conn: Connection, tenant: Tenant, requester: Requester
) -> dict[str, dict[str, tuple[Rule, ...]]]:
    """The content of `m.push_rules`."""
    rules = await stored_rules(conn, tenant, requester)
    return {"global": by_kind(merge(rules, defaults_of(requester.user_id)))}


async def rules_event(
    ctx: Context, conn: Connection, tenant: Tenant, requester: Requester, since: int | None
) -> Raw | None:
    """The `m.push_rules` event for sync: at the first one, and when the rules changed after `since`."""
    row = (await push_rules.of_users(conn, tenant, [requester.user_nid])).get(requester.user_nid)
    if since is not None and (row is None or row.position <= since):
        return None
    rules = parse_user_rules(row.rules) if row else UserRules()
    merged = by_kind(merge(rules, defaults_of(requester.user_id)))
    return Raw(msgspec.json.encode({"type": "m.push_rules", "content": {"global": merged}}))
