"""The number of each rejection's rule in room version 12's text; "v1.11.3" is rule 11.3 of version 1."""

from typing import Final

from timserver import core

RULES: Final = {
    "aliases.no_state_key": "v1.4.1",
    "aliases.other_server": "v1.4.2",
    "auth_events.duplicate": "3.1",
    "auth_events.no_create": "v11.2.4",
    "auth_events.not_selected": "3.2",
    "auth_events.other_room": "3.5",
    "auth_events.rejected": "3.3",
    "create.additional_creators": "1.4",
    "create.no_creator": "v10.1.4",
    "create.prev_events": "1.1",
    "create.room_id": "1.2",
    "create.room_id_domain": "v11.1.2",
    "create.room_version": "1.3",
    "member.ban_by_non_member": "5.6.1",
    "member.ban_level": "5.6.3",
    "member.invite_by_non_member": "5.4.2",
    "member.invite_level": "5.4.5",
    "member.invite_of_member_or_banned": "5.4.3",
    "member.join_not_authorised": "5.3.5.2",
    "member.join_of_other_user": "5.3.2",
    "member.join_rule": "5.3.7",
    "member.join_while_banned": "5.3.3",
    "member.join_without_invite": "5.3.4",
    "member.kick_by_non_member": "5.5.2",
    "member.kick_level": "5.5.5",
    "member.knock_join_rule": "5.7.1",
    "member.knock_of_other_user": "5.7.2",
    "member.knock_while_member_or_banned": "5.7.4",
    "member.leave_without_membership": "5.5.1",
    "member.no_membership": "5.1",
    "member.no_state_key": "5.1",
    "member.not_signed_by_authorising_server": "5.2.1",
    "member.third_party_invite_incomplete": "5.4.1.3",
    "member.third_party_invite_not_signed": "5.4.1.2",
    "member.third_party_invite_of_banned": "5.4.1.1",
    "member.third_party_invite_of_other_user": "5.4.1.4",
    "member.third_party_invite_sender": "5.4.1.6",
    "member.third_party_invite_signature": "5.4.1.8",
    "member.third_party_invite_unknown_token": "5.4.1.5",
    "member.unban_level": "5.5.3",
    "member.unknown_membership": "5.8",
    "power_levels.current_above_sender": "10.6.1",
    "power_levels.events_current_above_sender": "10.7.1",
    "power_levels.events_new_above_sender": "10.8.1",
    "power_levels.events_not_integers": "10.2",
    "power_levels.lists_creator": "10.4",
    "power_levels.new_above_sender": "10.6.2",
    "power_levels.not_integer": "10.1",
    "power_levels.notifications_current_above_sender": "10.7.1",
    "power_levels.notifications_new_above_sender": "10.8.1",
    "power_levels.user_above_sender": "10.10.1",
    "power_levels.user_not_below_sender": "10.9.1",
    "power_levels.users_not_integers": "10.3",
    "power_levels.users_not_user_ids": "10.3",
    "redaction.other_server": "v1.11.3",
    "room.no_create": "2",
    "room.not_federated": "4",
    "sender.level": "8",
    "sender.not_joined": "6",
    "state_key.other_user": "9",
    "third_party_invite.level": "7.1",
}


def name_of(rejected: core.Rejected | None) -> str | None:
    """The rejection's name; the number must be that of its rule."""
    if rejected is None:
        return None
    assert rejected.rule == RULES[rejected.name]
    return rejected.name
