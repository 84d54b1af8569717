"""gomatrixserverlib as our definition plus its known deviations."""

from collections.abc import Iterable, Sequence
from typing import get_args

import msgspec

from conformance.oracles import imitations
from conformance.oracles.questions import State
from timserver.core.definition import auth, facts, state_resolution, state_resolution_v2
from timserver.core.definition.auth_events import state_keys
from timserver.core.definition.state_resolution_v2 import cited_power_levels
from timserver.core.rejected import Rejected
from timserver.matrix import power_levels
from timserver.matrix.event import Event, StateKey, get_object, get_str
from timserver.matrix.ids import EventID
from timserver.matrix.json_types import JsonObject, JsonValue
from timserver.matrix.power_levels import LevelName, PowerLevels
from timserver.matrix.room_versions import RoomVersion, StateResolution


class Gomatrixserverlib(imitations.Imitation):
    """gomatrixserverlib."""

    deviations = (
        "leave_of_absent",
        "aliases_in_all_versions",
        "effective_levels",
        "join_by_any_rule",
        "join_rule_kept",
        "creator_joined_by_another",
        "unban_by_ban_level",
        "knock_restricted_before_v10",
        "third_party_invite_redacted",
        "keys_dropped_when_read",
        "own_event_as_auth_event",
        "ordering_from_the_end",
        "power_events_of_conflicted_state",
        "mainline_steps",
        "no_level_without_power_levels",
        "rejected_candidates",
    )

    def __init__(self, without: Iterable[str] = ()) -> None:
        super().__init__(without)
        self._kept: tuple[EventID, str] | None = None  # a join rule that a restricted join has overwritten

    def authorize(self, version: RoomVersion, event: Event, state: imitations.AuthState) -> Rejected | None:
        ours = auth.check_auth(version, event, state)
        create, join_rules = state.get(("m.room.create", "")), state.get(("m.room.join_rules", ""))
        if self._kept and (join_rules is None or join_rules.event_id != self._kept[0]):
            self._kept = None  # forgotten as soon as an event is judged by another, or by none
        if event.type == "m.room.create" or create is None or (ours and ours.name == "room.not_federated"):
            return ours
        seen = facts.of(version, event, state, create)
        if event.type == "m.room.aliases" and "aliases_in_all_versions" in self.active:
            return auth._check_aliases(event)
        if event.type == "m.room.member" and event.sender == event.state_key:
            return self._check_own_membership(seen, ours)
        if event.type == "m.room.member":
            return self._check_membership_of_another(seen, ours)
        if event.type == "m.room.power_levels" and "effective_levels" in self.active:
            return _check_effective_levels(seen, ours)
        return ours

    def _check_membership_of_another(self, seen: facts.Facts, ours: Rejected | None) -> Rejected | None:
        event = seen.event
        if event.membership == "join" and "creator_joined_by_another" in self.active:
            return Rejected("member.join_of_other_user", "5.3.2")
        lifts_ban = event.membership == "leave" and seen.membership(event.state_key or "") == "ban"
        may_lift = seen.membership(event.sender) == "join" and seen.sender_reaches("ban")
        if lifts_ban and may_lift and "unban_by_ban_level" in self.active:
            return None
        return ours

    def _check_own_membership(self, seen: facts.Facts, ours: Rejected | None) -> Rejected | None:
        before = seen.membership(seen.event.sender) or "leave"
        if seen.event.membership == "leave" == before and "leave_of_absent" in self.active:
            return None
        if seen.event.membership == "knock" and seen.version.knock:
            return self._check_knock(seen, before, ours)
        if seen.event.membership != "join" or before == "ban" or "join_by_any_rule" not in self.active:
            return ours
        if seen.event.prev_events == (seen.create.event_id,) and seen.event.sender == seen.create.sender:
            return None
        return self._check_join(seen, before)

    def _check_knock(self, seen: facts.Facts, before: str, ours: Rejected | None) -> Rejected | None:
        rule = self._join_rule(seen)
        if rule == "knock_restricted" and "knock_restricted_before_v10" not in self.active:
            return ours
        if rule not in ("knock", "knock_restricted"):
            return Rejected("member.knock_join_rule", "5.7.1")
        return Rejected("member.knock_while_member", "5.7.4") if before in ("join", "invite", "ban") else None

    def _check_join(self, seen: facts.Facts, before: str) -> Rejected | None:
        rule = self._join_rule(seen)
        if rule in ("restricted", "knock_restricted"):
            via = get_str(seen.event.content, "join_authorised_via_users_server")
            if not seen.version.restricted:
                return Rejected("member.join_rule", "5.3.7")
            if before in ("join", "invite") or not via:
                rule = self._keep(seen, "invite")
            elif not _may_invite(seen, via):
                return Rejected("member.join_not_authorised", "5.3.5.2")
            else:
                self._keep(seen, "public")
                return None
        if before in ("join", "invite") or (before == "leave" and rule == "public"):
            return None
        return Rejected("member.join_rule", "5.3.7")

    def _join_rule(self, seen: facts.Facts) -> str | None:
        return self._kept[1] if self._kept else seen.join_rule()

    def _keep(self, seen: facts.Facts, rule: str) -> str:
        event = seen.state.get(("m.room.join_rules", ""))
        if event and "join_rule_kept" in self.active:
            self._kept = (event.event_id, rule)
        return rule

    def read(self, pdu: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if "keys_dropped_when_read" not in self.active:
            return pdu
        return {name: value for name, value in pdu.items() if name not in _DROPPED}

    def redact(self, version: RoomVersion, pdu: JsonObject) -> dict[str, JsonValue]:
        redacted = super().redact(version, pdu)
        content = redacted["content"]
        if redacted.get("type") == "m.room.member" and "third_party_invite_redacted" in self.active:
            assert isinstance(content, dict)
            redacted["content"] = {
                name: value for name, value in content.items() if name != "third_party_invite"
            }
        return redacted

    def resolve(
        self, version: RoomVersion, states: Sequence[State], events: imitations.Events
    ) -> set[EventID]:
        self._kept = None
        if version.state_resolution is StateResolution.V1:
            if "rejected_candidates" in self.active:
                events = {key: _accepted(event) for key, event in events.items()}
            return super().resolve(version, states, events)
        unconflicted, conflicted = state_resolution.separate(states)
        if not conflicted:
            return set(unconflicted.values())
        return _Resolution(self, version, events, unconflicted).resolve(states, conflicted)


_DROPPED = ("outlier", "destinations", "age_ts")


def _accepted(event: Event) -> Event:
    return msgspec.structs.replace(event, rejected=False)


def _may_invite(seen: facts.Facts, via: str) -> bool:
    if seen.membership(via) != "join":
        return False
    return power_levels.user_level(seen.levels, via) >= power_levels.named_level(seen.levels, "invite")


def _check_effective_levels(seen: facts.Facts, ours: Rejected | None) -> Rejected | None:
    """Rule 10.6 to 10.10 on levels that count, whether they are written down or defaults."""
    current = seen.levels.content
    compared = ("current_above_sender", "new_above_sender", "user_not_below_sender", "user_above_sender")
    if current is None or (ours is not None and not ours.name.endswith(compared)):
        return ours
    new = PowerLevels(seen.version, seen.event.content, seen.levels.creators)
    names: tuple[LevelName, ...] = get_args(LevelName)
    pairs = [
        (power_levels.named_level(seen.levels, name), power_levels.named_level(new, name))
        for name in names
        if name != "users_default"
    ]
    pairs += [
        (
            power_levels.level_to_send(seen.levels, event_type, is_state=False),
            power_levels.level_to_send(new, event_type, is_state=False),
        )
        for event_type in _entries(seen, "events")
    ]
    level = seen.sender_level
    if any(old != now and (now > level or old > level) for old, now in pairs):
        return Rejected("power_levels.current_above_sender", "10.6.1")
    for user_id in _entries(seen, "users"):
        old, now = power_levels.user_level(seen.levels, user_id), power_levels.user_level(new, user_id)
        if old != now and (now > level or (old >= level and user_id != seen.event.sender)):
            return Rejected("power_levels.user_not_below_sender", "10.9.1")
    return None


def _entries(seen: facts.Facts, name: str) -> set[str]:
    contents = (seen.levels.content or {}, seen.event.content)
    return {entry for content in contents for entry in get_object(content, name) or {}}


class _Resolution:
    """State resolution v2 of gomatrixserverlib."""

    def __init__(
        self, owner: Gomatrixserverlib, version: RoomVersion, events: imitations.Events, unconflicted: State
    ) -> None:
        self.owner = owner
        self.active = owner.active
        self.version = version
        self.events = events
        self.unconflicted = unconflicted
        self.state = dict(unconflicted)

    def resolve(self, states: Sequence[State], conflicted: set[EventID]) -> set[EventID]:
        full = state_resolution.conflicted_set(self.version, states, conflicted, self.events)
        with self.owner.in_force():
            room = state_resolution_v2._Room(
                self.version, self.events[self.unconflicted["m.room.create", ""]], self.events, full
            )
            power, listed = self._power_events(room, states, conflicted)
            if "ordering_from_the_end" in self.active:
                self._apply(self._ordering_from_the_end(room, listed))
            else:
                self._apply(state_resolution_v2._power_ordering(room, power))
            control = {
                event_id for event_id in full if state_resolution_v2._is_power_event(self.events[event_id])
            }
            self._apply(self._mainline_ordering(room, full - power - control))
        return set({**self.state, **self.unconflicted}.values())

    def _power_events(
        self, room: state_resolution_v2._Room, states: Sequence[State], conflicted: set[EventID]
    ) -> tuple[set[EventID], list[EventID]]:
        """The power events with their auth chains; the second as often as they are listed there."""
        if "power_events_of_conflicted_state" not in self.active:
            power = state_resolution_v2._power_events(room)
            return power, sorted(power)
        difference = imitations.strict_difference([state.values() for state in states], self.events)
        unconflicted = set(self.unconflicted.values())
        listed: list[EventID] = []
        visited: set[EventID] = set()

        def follow(event_id: EventID) -> None:
            listed.append(event_id)
            for auth_id in self.events[event_id].auth_events:
                if auth_id not in visited:
                    visited.add(auth_id)
                    if auth_id in conflicted:
                        follow(auth_id)

        for event_id in [*sorted(conflicted), *sorted(difference)]:
            if event_id not in unconflicted and state_resolution_v2._is_power_event(self.events[event_id]):
                follow(event_id)
        return set(listed), listed

    def _rank(self, room: state_resolution_v2._Room, event_id: EventID) -> tuple[float, int, EventID]:
        rank = state_resolution_v2._power_rank(room, event_id)
        without = cited_power_levels(self.events, self.events[event_id]) is None
        if without and "no_level_without_power_levels" in self.active:
            return 0, *rank[1:]
        return rank

    def _ordering_from_the_end(self, room: state_resolution_v2._Room, listed: list[EventID]) -> list[EventID]:
        """Kahn's algorithm from those that nobody cites; an event that is listed twice cites twice."""
        cited = dict.fromkeys(listed, 0)
        for event_id in listed:
            for auth_id in self.events[event_id].auth_events:
                cited[auth_id] = cited.get(auth_id, 0) + 1
        left = set(listed)
        ready = [event_id for event_id in left if cited[event_id] == 0]
        left -= set(ready)
        ordered: list[EventID] = []
        while ready:
            ready.sort(key=lambda event_id: self._rank(room, event_id))
            last = ready.pop()
            ordered.insert(0, last)
            for auth_id in self.events[last].auth_events:
                cited[auth_id] -= 1
                if cited[auth_id] == 0 and auth_id in left:
                    left.remove(auth_id)
                    ready.append(auth_id)
        return [*sorted(left, key=lambda event_id: self._rank(room, event_id)), *ordered]

    def _mainline_ordering(self, room: state_resolution_v2._Room, event_ids: set[EventID]) -> list[EventID]:
        if "mainline_steps" not in self.active:
            return state_resolution_v2._mainline_ordering(room, self.state, event_ids)
        mainline: list[EventID] = []
        levels = self.state.get(("m.room.power_levels", ""))
        current = self.events[levels] if levels else None
        while current is not None:
            mainline.insert(0, current.event_id)
            current = cited_power_levels(self.events, current)

        def rank(event_id: EventID) -> tuple[int, int, int, EventID]:
            steps = 0
            current = cited_power_levels(self.events, self.events[event_id])
            while current is not None and current.event_id not in mainline:
                steps += 1
                current = cited_power_levels(self.events, current)
            position = mainline.index(current.event_id) if current else 0
            return position, steps, self.events[event_id].origin_server_ts, event_id

        return sorted(event_ids, key=rank)

    def _apply(self, event_ids: Iterable[EventID]) -> None:
        for event_id in event_ids:
            event = self.events[event_id]
            if event.rejected and "rejected_candidates" not in self.active:
                continue
            if self.owner.authorize(self.version, event, self._auth_state(event)) is None:
                self.state[event.key] = event_id

    def _auth_state(self, event: Event) -> dict[StateKey, Event]:
        keys = state_keys(self.version, event.type, event.sender, event.state_key, event.content)
        order = ("m.room.create", "m.room.join_rules", "m.room.power_levels", "m.room.member")
        provided: dict[StateKey, Event] = {}
        for key in sorted(
            keys, key=lambda key: (order.index(key[0]) if key[0] in order else len(order), key)
        ):
            if key in self.state:
                provided[key] = self.events[self.state[key]]
                continue
            for cited in (self.events[auth_id] for auth_id in event.auth_events):
                if not cited.rejected and cited.key == key:
                    mistaken = "own_event_as_auth_event" in self.active
                    provided[event.key if mistaken else key] = event if mistaken else cited
        return provided
