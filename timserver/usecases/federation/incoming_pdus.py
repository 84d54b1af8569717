"""Step: the events of one room in a transaction. What needs no other server is decided at once; what does, waits.

The room's version comes from what we have stored of it, never from the event (RELIABILITY E15). Each event has a result
of its own: whatever is wrong with one, and be it a mistake of ours, spoils no other (E10).
"""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec
import structlog

from timserver import core
from timserver.context import Context
from timserver.matrix import errors
from timserver.matrix.event import Event
from timserver.matrix.ids import RoomID, ServerName
from timserver.matrix.room_versions import ROOM_VERSIONS, EventIdFormat, RoomVersion
from timserver.matrix.transactions import Pdu
from timserver.store import events, inbox
from timserver.store.inbox import Waiting
from timserver.store.live_rooms import LiveRoom
from timserver.tenancy import Tenant
from timserver.usecases.events.admitting import Status, admit
from timserver.usecases.federation.opening import Refused, open_pdus
from timserver.usecases.federation.rescinding import receive_rescinded
from timserver.usecases.federation.resident_room import refusal_of_room, takes_part
from timserver.usecases.federation.wanted import check_wanted
from timserver.usecases.rooms.live import current_room, live_room

_log = structlog.get_logger("timserver.federation")

_GUESSED_VERSIONS = ("10", "11")
"""Event ids of rooms that we do not know are made by the rules of these: the sender finds its own among them."""


class PduResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of an event; `error` is for who sent it."""

    error: str | None = None


ACCEPTED = PduResult()
Results = dict[str, PduResult]


def check_event(ctx: Context, tenant: Tenant, origin: ServerName, room: LiveRoom, event: Event) -> None:
    """What is asked of an opened event before the room's rules. Raises `Forbidden`; place 6 of REQUIREMENTS 2.5."""
    if event.room_id != room.room_id:
        raise errors.Forbidden("Event belongs to another room")
    check_wanted(ctx, tenant, event, origin)


async def receive_in_room(
    ctx: Context, tenant: Tenant, origin: ServerName, room_id: RoomID, pdus: Sequence[tuple[int, Pdu]]
) -> Results:
    """Receive the events of one room, in their order; each with its place in the transaction. Raises `Unavailable`.

    Whether the room takes anything of the server says memory first, which may be behind another process: a no is asked
    of the database, too, a yes when the event is admitted.
    """
    room = await live_room(ctx, tenant, room_id)
    refusal = await refusal_of_room(ctx, tenant, room, origin) if room else None
    if refusal is not None:
        room = await current_room(ctx, tenant, room_id)
        refusal = await refusal_of_room(ctx, tenant, room, origin) if room else None
    if room is None:
        return _refuse_all(_guessed_ids(pdu for _, pdu in pdus), "The room is not known here")
    if refusal is not None:
        found = (event_id_of(room.version, pdu) for _, pdu in pdus)
        refused = _refuse_all((event_id for event_id in found if event_id is not None), refusal)
        return refused | await _receive_rescinded(ctx, tenant, origin, room, pdus)
    part = _RoomPart(ctx, tenant, origin, room, pdus)
    return await part.receive()


async def _receive_rescinded(
    ctx: Context, tenant: Tenant, origin: ServerName, room: LiveRoom, pdus: Sequence[tuple[int, Pdu]]
) -> Results:
    """Of a room that we are not in we are told one thing: that an invite or a knock has come to an end."""
    results: Results = {}
    if takes_part(room):
        return results
    for event in await open_pdus(ctx, tenant, room.version, [pdu.data for _, pdu in pdus]):
        if isinstance(event, Refused):
            continue
        try:
            check_event(ctx, tenant, origin, room, event)
        except errors.MatrixError as error:
            results[event.event_id] = PduResult(error.error)
            continue
        if await receive_rescinded(ctx, tenant, room, event):
            results[event.event_id] = ACCEPTED
    return results


def _refuse_all(event_ids: Iterable[str], error: str) -> Results:
    return dict.fromkeys(event_ids, PduResult(error))


def event_id_of(version: RoomVersion, pdu: Pdu) -> str | None:
    """The id of an event that was not opened; None for what is none, whose sender cannot be told."""
    if version.event_id_format is EventIdFormat.GIVEN:
        return pdu.event_id
    try:
        return core.open_pdu(version, pdu.data).event.event_id
    except errors.MatrixError:
        return None


def _guessed_ids(pdus: Iterable[Pdu]) -> list[str]:
    ids = []
    for pdu in pdus:
        guesses = [event_id_of(ROOM_VERSIONS[name], pdu) for name in _GUESSED_VERSIONS]
        ids += [event_id for event_id in (pdu.event_id, *guesses) if event_id is not None]
    return ids


class _RoomPart:
    """What a transaction has for one room that takes it."""

    def __init__(
        self,
        ctx: Context,
        tenant: Tenant,
        origin: ServerName,
        room: LiveRoom,
        pdus: Sequence[tuple[int, Pdu]],
    ) -> None:
        self.ctx, self.tenant, self.origin, self.room = ctx, tenant, origin, room
        self.left = dict(pdus)
        self.results: Results = {}
        self.waiting: list[tuple[int, Waiting]] = []

    async def receive(self) -> Results:
        """All of it, or as much as there is time for; the rest waits, too."""
        try:
            async with asyncio.timeout(self.ctx.settings.limits.federation_receive_s_max):
                opened = await open_pdus(
                    self.ctx, self.tenant, self.room.version, [pdu.data for pdu in self.left.values()]
                )
                for place, found in zip(list(self.left), opened, strict=True):
                    await self._receive_one(place, found)
        except TimeoutError:
            for place, pdu in list(self.left.items()):
                event_id = event_id_of(self.room.version, pdu)
                if event_id is not None:
                    self._let_wait(place, event_id)
        await self._store_waiting()
        return self.results

    async def _receive_one(self, place: int, found: Event | Refused) -> None:
        pdu = self.left[place]
        if isinstance(found, Refused):
            event_id = event_id_of(self.room.version, pdu)
            if event_id is not None:
                self.results[event_id] = PduResult(found.reason)
            del self.left[place]
            return
        try:
            result = await self._admit(found)
        except errors.Unavailable:
            raise
        except errors.MatrixError as error:
            result = PduResult(error.error)
        except Exception:
            request_id = self.ctx.ids.opaque(12)
            _log.exception("an event could not be received", request_id=request_id)
            result = PduResult(f"Internal server error (request {request_id})")
        if result is None:
            self._let_wait(place, found.event_id)
        else:
            self.results[found.event_id] = result
            del self.left[place]

    async def _admit(self, event: Event) -> PduResult | None:
        """None when other events must be had first."""
        check_event(self.ctx, self.tenant, self.origin, self.room, event)
        async with self.ctx.caches.shares.of_servers.take(self.origin):
            admitted = await admit(self.ctx, self.tenant, self.room, event, origin=self.origin)
        if admitted.status is Status.MISSING:
            return None
        if admitted.status is Status.REFUSED:
            rescinded = await receive_rescinded(self.ctx, self.tenant, self.room, event)
            return ACCEPTED if rescinded else PduResult(admitted.reason)
        if admitted.status is Status.REJECTED:
            return PduResult(f"Rejected by the rules of the room ({admitted.reason})")
        return ACCEPTED

    def _let_wait(self, place: int, event_id: str) -> None:
        event_hash = events.event_key(self.room.version, event_id)
        self.waiting.append((place, Waiting(event_hash, self.left.pop(place).data)))
        self.results[event_id] = ACCEPTED

    async def _store_waiting(self) -> None:
        if not self.waiting:
            return
        async with self.ctx.database.transaction(self.tenant) as conn:
            stored = await inbox.put(
                conn,
                self.tenant,
                self.room.room_nid,
                self.origin,
                self.waiting,
                now_ms=self.ctx.clock.now_ms(),
                events_max=self.ctx.settings.limits.inbox_events_max,
            )
        if stored:
            self.ctx.streams.inbox.set()
            return
        for _, item in self.waiting:
            event_id = events.event_id_of(self.room.version, item.event_hash)
            self.results[event_id] = PduResult("Too many events wait for what is missing before them")
