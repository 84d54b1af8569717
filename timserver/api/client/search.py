"""`/search`."""

from typing import Annotated, Any, Literal

import msgspec

from timserver.api.endpoint import Query, Request, endpoint
from timserver.config import RateKind
from timserver.context import Context
from timserver.matrix.filters import RoomEventFilter, limit_of
from timserver.tenancy import Requester, Tenant
from timserver.usecases.events import search_events
from timserver.usecases.sync import token

_Key = Literal["content.body", "content.name", "content.topic"]
_LIMIT, _CONTEXT = 10, 5


class EventContext(msgspec.Struct, frozen=True):
    """How much of what was around a result."""

    before_limit: int = _CONTEXT
    after_limit: int = _CONTEXT


class Group(msgspec.Struct, frozen=True):
    """By what results are grouped."""

    key: Literal["room_id", "sender"]


class Groupings(msgspec.Struct, frozen=True):
    """How results are grouped."""

    group_by: list[Group] = []


class RoomEventsCriteria(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for in rooms."""

    search_term: str
    keys: tuple[_Key, ...] = ("content.body", "content.name", "content.topic")
    filter: RoomEventFilter = RoomEventFilter()
    order_by: Literal["recent", "rank"] = "rank"
    event_context: EventContext | None = None
    include_state: bool = False
    groupings: Groupings = Groupings()


class Categories(msgspec.Struct, frozen=True):
    """Where to look."""

    room_events: RoomEventsCriteria | None = None


class SearchRequest(Request, frozen=True, kw_only=True):
    """What to look for, and from where on."""

    next_batch: Annotated[str | None, Query("next_batch")] = None
    search_categories: Categories


class SearchResponse(msgspec.Struct, frozen=True):
    """Results by category."""

    search_categories: dict[str, Any]


@endpoint("POST", "/_matrix/client/v3/search", rate=RateKind.READ)
async def search(
    ctx: Context, tenant: Tenant, requester: Requester, request: SearchRequest
) -> SearchResponse:
    """POST /_matrix/client/v3/search.

    Spec: https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3search
    """
    criteria = request.search_categories.room_events
    if criteria is None:
        return SearchResponse({})
    context, limits = criteria.event_context, ctx.settings.limits
    around_max = limits.context_events_max
    asked = search_events.Asked(
        term=criteria.search_term,
        fields=[search_events.KEYS[key] for key in criteria.keys],
        filter=criteria.filter,
        by_rank=criteria.order_by == "rank",
        limit=limit_of(criteria.filter, _LIMIT, limits.search_results_max),
        start=token.read(request.next_batch) if request.next_batch else None,
        before=min(max(0, context.before_limit), around_max) if context else None,
        after=min(max(0, context.after_limit), around_max) if context else None,
        with_state=criteria.include_state,
    )
    found = await search_events.search_events(ctx, tenant, requester, asked)
    answer: dict[str, Any] = {
        "count": found.count,
        "highlights": found.words,
        "results": [_result(result) for result in found.results],
    }
    if found.next is not None:
        answer["next_batch"] = token.write(max(0, found.next))
    if criteria.include_state:
        answer["state"] = found.state
    if criteria.groupings.group_by:
        answer["groups"] = {
            group.key: _groups(group.key, found.results) for group in criteria.groupings.group_by
        }
    return SearchResponse({"room_events": answer})


def _result(result: search_events.Result) -> dict[str, Any]:
    shown: dict[str, Any] = {"rank": result.rank, "result": result.event}
    if result.context is not None:
        shown["context"] = {
            "events_before": result.context.before,
            "events_after": result.context.after,
            "start": token.write(max(0, result.context.start)),
            "end": token.write(result.context.end),
        }
    return shown


def _groups(key: str, results: list[search_events.Result]) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for result in results:
        name = result.room_id if key == "room_id" else result.sender
        group = groups.setdefault(name, {"order": len(groups), "results": []})
        group["results"].append(result.event_id)
    return groups
