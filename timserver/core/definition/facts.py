"""What the authorization rules ask a state."""

from collections.abc import Mapping

import msgspec

from timserver.matrix import power_levels
from timserver.matrix.event import Event, StateKey, get_str
from timserver.matrix.power_levels import LevelName, PowerLevels
from timserver.matrix.room_versions import RoomVersion


class Facts(msgspec.Struct, frozen=True):
    """An event and the state that decides about it."""

    version: RoomVersion
    event: Event
    state: Mapping[StateKey, Event]
    create: Event
    levels: PowerLevels

    @property
    def sender_level(self) -> power_levels.Level:
        """The sender's power level."""
        return power_levels.user_level(self.levels, self.event.sender)

    def sender_reaches(self, name: LevelName) -> bool:
        """Whether the sender's level is at least the named one."""
        return self.sender_level >= power_levels.named_level(self.levels, name)

    def membership(self, user_id: str) -> str | None:
        """The user's current membership; None when there was never any."""
        member = self.state.get(("m.room.member", user_id))
        return member.membership if member else None

    def join_rule(self) -> str | None:
        """The room's join rule: "invite" when none was set, None when it is no text."""
        join_rules = self.state.get(("m.room.join_rules", ""))
        return get_str(join_rules.content, "join_rule") if join_rules else "invite"


def of(version: RoomVersion, event: Event, state: Mapping[StateKey, Event], create: Event) -> Facts:
    """The facts for an event other than the create event itself."""
    return Facts(version, event, state, create, power_levels.of_state(version, state))
