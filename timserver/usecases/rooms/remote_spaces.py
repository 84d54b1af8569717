"""Step: rooms where nobody of us is, as other servers describe them from outside.

One answer holds a space and its children; it is remembered for a while, so that paging through a tree does not ask
again. How much one request may ask is limited.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from timserver.context import Context
from timserver.matrix.ids import InvalidID, RoomID, ServerName, parse_server_name
from timserver.remote.errors import RemoteError
from timserver.remote.federation import queries
from timserver.remote.federation.queries import RemoteHierarchy, RemoteSummary
from timserver.tenancy import Tenant
from timserver.usecases.rooms.space_children import ChildState, in_order
from timserver.usecases.rooms.summaries import Summary

REMEMBERED_S: Final = 300.0
QUESTIONS_MAX: Final = 20
"""Of one request."""
SERVERS_PER_ROOM_MAX: Final = 3
WITHIN_S: Final = 20.0
_CHILDREN_MAX: Final = 1_000

Found = tuple[Summary, list[ChildState]]


class SpacesElsewhere:
    """What other servers say, for one request."""

    def __init__(self, ctx: Context, tenant: Tenant, *, suggested_only: bool) -> None:
        self._ctx, self._tenant, self._suggested_only = ctx, tenant, suggested_only
        self._until_s = ctx.clock.monotonic_s() + WITHIN_S
        self._questions = 0
        self._children: dict[str, Summary] = {}
        self._inaccessible: set[str] = set()

    async def room(self, room_id: RoomID, via: Sequence[ServerName]) -> Found | None:
        """A room and, of a space, its children; None when no server lets us look at it."""
        known = self._children.get(room_id)
        if known is not None and known.room_type != "m.space":
            return known, []
        if room_id in self._inaccessible:
            return None
        others = [server for server in via if server != self._tenant.server_name]
        for server in others[:SERVERS_PER_ROOM_MAX]:
            answer = await self._answer(room_id, server)
            if answer is not None:
                return self._take(answer)
        return None

    async def _answer(self, room_id: RoomID, server: ServerName) -> RemoteHierarchy | None:
        ctx, now_s = self._ctx, self._ctx.clock.monotonic_s()
        key = self._tenant.tenant_id, room_id, self._suggested_only
        known = ctx.caches.hierarchies.get(key)
        if known is not None and now_s - known[0] < REMEMBERED_S:
            remembered: RemoteHierarchy = known[1]
            return remembered
        if self._questions >= QUESTIONS_MAX or now_s >= self._until_s:
            return None
        self._questions += 1
        try:
            async with asyncio.timeout(self._until_s - now_s):
                answer = await queries.get_space_hierarchy(
                    ctx.remote, self._tenant, server, room_id, suggested_only=self._suggested_only
                )
        except (RemoteError, TimeoutError):
            return None
        ctx.caches.hierarchies.put(key, (now_s, answer))
        return answer

    def _take(self, answer: RemoteHierarchy) -> Found:
        self._children |= {child.room_id: _summary(child) for child in answer.children[:_CHILDREN_MAX]}
        self._inaccessible |= set(answer.inaccessible_children[:_CHILDREN_MAX]) - self._children.keys()
        children = []
        for raw in answer.room.children_state[:_CHILDREN_MAX]:
            try:
                children.append(msgspec.json.decode(raw, type=ChildState))
            except msgspec.ValidationError:
                continue
        return _summary(answer.room), in_order(children, suggested_only=self._suggested_only)


def _summary(room: RemoteSummary) -> Summary:
    """As if it were ours; a room version that is not said is that of rooms before there were versions."""
    return Summary(
        room_id=room.room_id,
        num_joined_members=room.num_joined_members,
        world_readable=room.world_readable,
        guest_can_join=room.guest_can_join,
        join_rule=room.join_rule,
        room_version=room.room_version or "1",
        name=room.name,
        topic=room.topic,
        canonical_alias=room.canonical_alias,
        avatar_url=room.avatar_url,
        room_type=room.room_type,
        encryption=room.encryption,
        allowed_room_ids=room.allowed_room_ids,
    )


def server_names(texts: Sequence[str]) -> list[ServerName]:
    """Those of the texts that are server names."""
    names = []
    for text in texts:
        try:
            names.append(parse_server_name(text))
        except InvalidID:
            continue
    return names
