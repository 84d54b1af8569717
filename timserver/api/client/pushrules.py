"""`/pushrules`."""

from typing import Annotated

import msgspec

from timserver.api.endpoint import Empty, Path, Query, Request, endpoint
from timserver.context import Context
from timserver.matrix.push_rules import changes
from timserver.matrix.push_rules.rules import Action, ConditionJson, Rule, RuleBody, by_kind
from timserver.tenancy import Requester, Tenant
from timserver.usecases.push.change_rules import change_rules, read_rule, read_rules


class RulesByKind(msgspec.Struct, frozen=True):
    """All rules of a user, the most important first."""

    override: tuple[Rule, ...]
    content: tuple[Rule, ...]
    room: tuple[Rule, ...]
    sender: tuple[Rule, ...]
    underride: tuple[Rule, ...]


class PushRulesResponse(msgspec.Struct, frozen=True, rename={"global_": "global"}):
    """There is one scope."""

    global_: RulesByKind


class RuleRequest(Request, frozen=True, kw_only=True):
    """Which rule."""

    kind: Annotated[str, Path("kind")]
    rule_id: Annotated[str, Path("ruleId")]


class SetRuleRequest(RuleRequest, frozen=True, kw_only=True):
    """What it says, and where it stands."""

    before: Annotated[str | None, Query("before")] = None
    after: Annotated[str | None, Query("after")] = None
    actions: tuple[Action, ...]
    conditions: tuple[ConditionJson, ...] | None = None
    pattern: str | None = None


class EnabledResponse(msgspec.Struct, frozen=True):
    """Whether a rule counts."""

    enabled: bool


class SetEnabledRequest(RuleRequest, frozen=True, kw_only=True):
    """Whether it shall count."""

    enabled: bool


class ActionsResponse(msgspec.Struct, frozen=True):
    """What a rule does."""

    actions: tuple[Action, ...]


class SetActionsRequest(RuleRequest, frozen=True, kw_only=True):
    """What it shall do."""

    actions: tuple[Action, ...]


@endpoint("GET", "/_matrix/client/v3/pushrules/", "/_matrix/client/v3/pushrules")
async def get_push_rules(ctx: Context, tenant: Tenant, requester: Requester) -> PushRulesResponse:
    """GET /_matrix/client/v3/pushrules/.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrules
    """
    return PushRulesResponse(RulesByKind(**by_kind(await read_rules(ctx, tenant, requester))))


@endpoint("GET", "/_matrix/client/v3/pushrules/global/", "/_matrix/client/v3/pushrules/global")
async def get_push_rules_global(ctx: Context, tenant: Tenant, requester: Requester) -> RulesByKind:
    """GET /_matrix/client/v3/pushrules/global/.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobal
    """
    return RulesByKind(**by_kind(await read_rules(ctx, tenant, requester)))


@endpoint("GET", "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}")
async def get_push_rule(ctx: Context, tenant: Tenant, requester: Requester, request: RuleRequest) -> Rule:
    """GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleid
    """
    return await read_rule(ctx, tenant, requester, changes.parse_kind(request.kind), request.rule_id)


@endpoint("PUT", "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}")
async def set_push_rule(ctx: Context, tenant: Tenant, requester: Requester, request: SetRuleRequest) -> Empty:
    """PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid
    """
    kind = changes.parse_kind(request.kind)
    body = RuleBody(actions=request.actions, conditions=request.conditions, pattern=request.pattern)
    count_max = ctx.settings.limits.push_rules_per_user_max
    await change_rules(
        ctx,
        tenant,
        requester,
        lambda rules, _: changes.put_rule(
            rules,
            kind,
            request.rule_id,
            body,
            before=request.before,
            after=request.after,
            count_max=count_max,
        ),
    )
    return Empty()


@endpoint("DELETE", "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}")
async def delete_push_rule(ctx: Context, tenant: Tenant, requester: Requester, request: RuleRequest) -> Empty:
    """DELETE /_matrix/client/v3/pushrules/global/{kind}/{ruleId}.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3pushrulesglobalkindruleid
    """
    kind = changes.parse_kind(request.kind)
    await change_rules(
        ctx, tenant, requester, lambda rules, _: changes.delete_rule(rules, kind, request.rule_id)
    )
    return Empty()


@endpoint("GET", "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled")
async def is_push_rule_enabled(
    ctx: Context, tenant: Tenant, requester: Requester, request: RuleRequest
) -> EnabledResponse:
    """GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidenabled
    """
    rule = await read_rule(ctx, tenant, requester, changes.parse_kind(request.kind), request.rule_id)
    return EnabledResponse(rule.enabled)


@endpoint("PUT", "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled")
async def set_push_rule_enabled(
    ctx: Context, tenant: Tenant, requester: Requester, request: SetEnabledRequest
) -> Empty:
    """PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidenabled
    """
    kind = changes.parse_kind(request.kind)
    await change_rules(
        ctx,
        tenant,
        requester,
        lambda rules, defaults: changes.set_enabled(
            rules, defaults, kind, request.rule_id, enabled=request.enabled
        ),
    )
    return Empty()


@endpoint("GET", "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions")
async def get_push_rule_actions(
    ctx: Context, tenant: Tenant, requester: Requester, request: RuleRequest
) -> ActionsResponse:
    """GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidactions
    """
    rule = await read_rule(ctx, tenant, requester, changes.parse_kind(request.kind), request.rule_id)
    return ActionsResponse(rule.actions)


@endpoint("PUT", "/_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions")
async def set_push_rule_actions(
    ctx: Context, tenant: Tenant, requester: Requester, request: SetActionsRequest
) -> Empty:
    """PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidactions
    """
    kind = changes.parse_kind(request.kind)
    await change_rules(
        ctx,
        tenant,
        requester,
        lambda rules, defaults: changes.set_actions(rules, defaults, kind, request.rule_id, request.actions),
    )
    return Empty()
