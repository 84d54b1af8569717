"""The resolution of a fork whose states are in the store, by the definition's algorithms; `core.forks` says the steps."""

from collections.abc import Mapping, Sequence
from typing import cast

from timserver.core.definition import auth_vector, layered_state, stored_events
from timserver.core.definition.auth_vector import Range
from timserver.core.definition.layered_state import Layers
from timserver.core.definition.state_pack import unpack_state
from timserver.core.stored import Placed, Stored, StoredPdu
from timserver.matrix.event import StateKey
from timserver.matrix.room_versions import RoomVersion, StateResolution


class Fork:
    """What is known after the steps that were taken."""

    def __init__(self, version: RoomVersion, states: Sequence[Layers]) -> None:
        self.version = version
        self.differing = layered_state.differing(states)
        self.difference: list[Range] = []
        self.lowest: dict[int, int] = {}
        self.full: list[StoredPdu] = []
        self.unconflicted: Sequence[StoredPdu] = ()
        self.layer: dict[int, int] = {}

    @property
    def numbers(self) -> list[int]:
        """The events that differ."""
        return list(dict.fromkeys(number for row in self.differing.values() for number in row if number))

    def ranges(self, reached: Sequence[Layers | None], differing: Sequence[Stored]) -> list[Range] | None:
        """Where the rest of the full conflicted set stands: the auth difference, and from version 12 what lies between."""
        self.full = [*_pdus(differing)]
        if self.version.state_resolution is StateResolution.V1:
            return []
        known = [layers for layers in reached if layers is not None]
        vectors = [event.placed.vector for event in self.full if event.placed.vector is not None]
        if len(known) < len(reached) or len(vectors) < len(self.full):
            return None
        tops = [layered_state.merged(layers) for layers in known]
        positions = [{chain: auth_vector.position_of(top) for chain, top in state.items()} for state in tops]
        self.difference = auth_vector.difference(positions)
        places = {(event.placed.chain, event.placed.position) for event in self.full}
        unknown = (
            auth_vector.unknown_in(stretch, places) for stretch in self.difference + self._between(vectors)
        )
        return [stretch for stretch in unknown if stretch is not None]

    def _between(self, vectors: Sequence[bytes]) -> list[Range]:
        if self.version.state_resolution is StateResolution.V2:
            return []
        places = ((event.placed.chain, event.placed.position) for event in self.full)
        placed = [
            auth_vector.Placed(place if place[0] else None, unpack_state(vector))
            for place, vector in zip(places, vectors, strict=True)
        ]
        self.lowest = auth_vector.lowest_places(placed)
        return auth_vector.between(placed)

    def full_set(self, found: Sequence[Placed]) -> list[int]:
        """What is of the auth difference, and what reaches a conflicted event."""
        differences = {chain: (after, upto) for chain, after, upto in self.difference}
        known = {event.number for event in self.full}
        more: dict[int, None] = {}
        for event in found:
            after, upto = differences.get(event.chain, (0, 0))
            vector = unpack_state(event.vector or b"")
            if after < event.position <= upto or auth_vector.reaches_any(vector, self.lowest):
                more[event.number] = None
        return [number for number in more if number not in known]

    def asked_keys(self, more: Sequence[Stored]) -> set[StateKey]:
        """What authorization looks at; from version 12, nothing but the create event."""
        self.full += _pdus(more)
        if self.version.state_resolution is StateResolution.V2_1:
            return {("m.room.create", "")}
        asked = stored_events.asked_keys(self.version, self.full)
        return asked - stored_events.keys_in(self.full, self.differing)

    def cited(self, unconflicted: Sequence[Stored]) -> list[int]:
        """The auth events of the full conflicted set that are not given yet."""
        self.unconflicted = _pdus(unconflicted)
        given = {event.number for event in (*self.full, *self.unconflicted)}
        cited = dict.fromkeys(number for event in self.full for number in event.auth)
        return [number for number in cited if number not in given]

    def resolve(
        self, cited: Sequence[Stored], older_levels: Mapping[int, int]
    ) -> tuple[dict[int, int], dict[int, int]]:
        """The layer over the first state, and events of other keys."""
        resolved = stored_events.resolve(
            self.version, self.differing, self.full, self.unconflicted, _pdus(cited), older_levels
        )
        first = {key: row[0] for key, row in self.differing.items()}
        self.layer = {key: resolved.get(key, 0) for key in first if resolved.get(key, 0) != first[key]}
        held = {event.key for event in self.unconflicted}
        newcomers = {key: number for key, number in resolved.items() if key not in first and key not in held}
        return self.layer, newcomers

    def reach_after(self, before: Layers, newcomers: set[int]) -> dict[int, int] | None:
        """What changes in the first state's reach."""
        vectors = {event.number: event.placed.vector for event in self.full}
        gone = [vectors[self.differing[key][0]] for key in self.layer if self.differing[key][0]]
        come = [vectors[number] for number in (*self.layer.values(), *newcomers) if number]
        removed = [unpack_state(vector) for vector in gone if vector is not None]
        added = [unpack_state(vector) for vector in come if vector is not None]
        if len(removed) < len(gone) or len(added) < len(come):
            return None
        return auth_vector.reach_after(layered_state.merged(before), removed, added)


def _pdus(events: Sequence[Stored]) -> Sequence[StoredPdu]:
    return cast(Sequence[StoredPdu], events)
