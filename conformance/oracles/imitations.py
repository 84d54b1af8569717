"""The oracles as our definition plus their known deviations, each of which can be left out.

`deviations.TABLE` says of each what the spec says. Nobody but the comparison runs this. Here: what is common, and
ruma; `imitation_gomatrixserverlib` has the other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import get_args
from unittest.mock import patch

from conformance.oracles.questions import State
from timserver.core.definition import auth, facts, state_resolution, state_resolution_v1, state_resolution_v2
from timserver.core.definition.auth_chain import auth_chain
from timserver.core.rejected import Rejected
from timserver.matrix import power_levels, redaction
from timserver.matrix.event import Event, StateKey, get_str
from timserver.matrix.ids import EventID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.power_levels import DEFAULTS, LevelName, read_level
from timserver.matrix.room_versions import RoomVersion

AuthState = Mapping[StateKey, Event]
Events = Mapping[EventID, Event]


class Imitation:
    """Our definition with the deviations of one oracle, except those in `without`."""

    deviations: tuple[str, ...] = ()

    def __init__(self, without: Iterable[str] = ()) -> None:
        self.active = frozenset(self.deviations) - frozenset(without)

    def authorize(self, version: RoomVersion, event: Event, state: AuthState) -> Rejected | None:
        """The verdict."""
        return auth.check_auth(version, event, state)

    def resolve(self, version: RoomVersion, states: Sequence[State], events: Events) -> set[EventID]:
        """The ids of the resolved state."""
        with self.in_force():
            return set(state_resolution.resolve(version, states, events).values())

    def read(self, pdu: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """What the oracle makes of a PDU before it looks at it."""
        return pdu

    def redact(self, version: RoomVersion, pdu: JsonObject) -> dict[str, JsonValue]:
        """The redacted PDU."""
        return redaction.redact(version, pdu)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Inside, the definition's resolution authorizes as the oracle does."""
        with (
            patch.object(state_resolution_v1, "check_auth", self.authorize),
            patch.object(state_resolution_v2, "check_auth", self.authorize),
        ):
            yield


class Ruma(Imitation):
    """ruma."""

    deviations: tuple[str, ...] = (
        "join_without_join_rules",
        "defaults_as_values",
        "third_party_invite_of_any_type",
    )

    def authorize(self, version: RoomVersion, event: Event, state: AuthState) -> Rejected | None:
        if "join_without_join_rules" in self.active:
            with patch.object(facts.Facts, "join_rule", _join_rule_or_none):
                verdict = super().authorize(version, event, state)
        else:
            verdict = super().authorize(version, event, state)
        if verdict is None and event.type == "m.room.power_levels" and "defaults_as_values" in self.active:
            return _check_names_with_defaults(version, event, state)
        return verdict

    def redact(self, version: RoomVersion, pdu: JsonObject) -> dict[str, JsonValue]:
        redacted = super().redact(version, pdu)
        content = pdu.get("content")
        if (
            "third_party_invite_of_any_type" in self.active
            and version.redaction_v11
            and pdu.get("type") == "m.room.member"
            and isinstance(content, dict)
            and "third_party_invite" in content
            and not isinstance(content["third_party_invite"], dict)
        ):
            kept = redacted["content"]
            assert isinstance(kept, dict)
            redacted["content"] = {**kept, "third_party_invite": content["third_party_invite"]}
        return redacted


class RumaByLetter(Ruma):
    """ruma, when its caller gives it auth chains that do not contain the state's own events."""

    deviations = (*Ruma.deviations, "state_not_in_its_own_chain")

    @contextmanager
    def in_force(self) -> Iterator[None]:
        with super().in_force():
            if "state_not_in_its_own_chain" in self.active:
                with patch.object(state_resolution, "auth_difference", strict_difference):
                    yield
            else:
                yield


def strict_difference(states: Iterable[Iterable[EventID]], events: Events) -> set[EventID]:
    """The auth difference by the spec's letter: an event of a state is not in its own chain."""
    chains = [auth_chain(state, events) for state in states]
    return chains[0].union(*chains[1:]) - chains[0].intersection(*chains[1:])


def _join_rule_or_none(self: facts.Facts) -> str | None:
    join_rules = self.state.get(("m.room.join_rules", ""))
    return get_str(join_rules.content, "join_rule") if join_rules else None


def _check_names_with_defaults(version: RoomVersion, event: Event, state: AuthState) -> Rejected | None:
    """Rule 10.6, where a level that is added or removed was or becomes the default."""
    current = state.get(("m.room.power_levels", ""))
    if current is None:
        return None
    level = power_levels.user_level(power_levels.of_state(version, state), event.sender)
    names: tuple[LevelName, ...] = get_args(LevelName)
    for name in names:
        old, new = (read_level(version, content.get(name)) for content in (current.content, event.content))
        reached = max(value if value is not None else DEFAULTS[name] for value in (old, new))
        if old != new and reached > level:
            return Rejected("power_levels.new_above_sender", "10.6.2")
    return None
