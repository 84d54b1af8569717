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
        self.full: Sequence[StoredPdu] = ()
        self.unconflicted: Sequence[StoredPdu] = ()

    @property
    def numbers(self) -> list[int]:
        """The events that differ."""
        return list(dict.fromkeys(number for row in self.differing.values() for number in row if number))

    def ranges(self, reached: Sequence[Layers | None], differing: Sequence[Placed]) -> list[Range] | None:
        """Where the full conflicted set stands: the auth difference, and from version 12 what lies between."""
        if self.version.state_resolution is StateResolution.V1:
            return []
        known = [layers for layers in reached if layers is not None]
        vectors = [event.vector for event in differing if event.vector is not None]
        if len(known) < len(reached) or len(vectors) < len(differing):
            return None
        tops = [layered_state.merged(layers) for layers in known]
        positions = [{chain: auth_vector.position_of(top) for chain, top in state.items()} for state in tops]
        self.difference = auth_vector.difference(positions)
        if self.version.state_resolution is StateResolution.V2:
            return self.difference
        placed = [
            auth_vector.Placed(
                event.key, (event.chain, event.position) if event.chain else None, unpack_state(vector)
            )
            for event, vector in zip(differing, vectors, strict=True)
        ]
        self.lowest = auth_vector.lowest_places(placed)
        return [*self.difference, *auth_vector.between(placed)]

    def full_set(self, found: Sequence[Placed]) -> list[int]:
        """What differs, what is of the auth difference, and what reaches a conflicted event."""
        differences = {chain: (after, upto) for chain, after, upto in self.difference}
        full = dict.fromkeys(self.numbers)
        for event in found:
            after, upto = differences.get(event.chain, (0, 0))
            vector = unpack_state(event.vector or b"")
            if after < event.position <= upto or auth_vector.reaches_any(vector, self.lowest):
                full[event.number] = None
        return list(full)

    def asked_keys(self, full: Sequence[Stored]) -> set[StateKey]:
        """What authorization looks at; from version 12, nothing but the create event."""
        self.full = _pdus(full)
        asked = {("m.room.create", "")}
        if self.version.state_resolution is not StateResolution.V2_1:
            asked.add(("m.room.power_levels", ""))
            asked |= stored_events.asked_keys(self.version, self.full)
        return asked - stored_events.keys_in(self.full, self.differing)

    def cited(self, unconflicted: Sequence[Stored]) -> list[int]:
        """The auth events of the full conflicted set that are not given yet."""
        self.unconflicted = _pdus(unconflicted)
        given = {event.number for event in (*self.full, *self.unconflicted)}
        cited = dict.fromkeys(number for event in self.full for number in event.auth)
        return [number for number in cited if number not in given]

    def resolve(
        self, cited: Sequence[Stored], older_levels: Mapping[int, int]
    ) -> tuple[dict[int, int], list[int], dict[int, int]]:
        """The layer over the first state, what it removes there, and events of other keys."""
        resolved = stored_events.resolve(
            self.version, self.differing, self.full, self.unconflicted, _pdus(cited), older_levels
        )
        first = {key: row[0] for key, row in self.differing.items()}
        layer = {key: resolved.get(key, 0) for key in first if resolved.get(key, 0) != first[key]}
        held = {event.key for event in self.unconflicted}
        newcomers = {key: number for key, number in resolved.items() if key not in first and key not in held}
        return layer, [first[key] for key in layer if first[key]], newcomers


def _pdus(events: Sequence[Stored]) -> Sequence[StoredPdu]:
    return cast(Sequence[StoredPdu], events)
