"""Rule 5: m.room.member, one function per membership."""

from timserver.core.definition.facts import Facts
from timserver.core.definition.third_party_invite import check_third_party_invite
from timserver.core.rejected import Rejected
from timserver.matrix import power_levels
from timserver.matrix.event import get_object, get_str


def check(facts: Facts) -> Rejected | None:
    """Rule 5."""
    event = facts.event
    # 5.1. State key and membership are there
    if event.state_key is None:
        return Rejected("member.no_state_key", "5.1")
    if "membership" not in event.content:
        return Rejected("member.no_membership", "5.1")
    # 5.2. The authorising user's server has signed
    names_authorising_user = facts.version.restricted and "join_authorised_via_users_server" in event.content
    if names_authorising_user and not _signed_by_authorising_server(facts):
        return Rejected("member.not_signed_by_authorising_server", "5.2.1")
    match event.membership:
        case "join":
            return _check_join(facts, event.state_key)
        case "invite":
            return _check_invite(facts, event.state_key)
        case "leave":
            return _check_leave(facts, event.state_key)
        case "ban":
            return _check_ban(facts, event.state_key)
        case "knock" if facts.version.knock:
            return _check_knock(facts, event.state_key)
    # 5.8. Otherwise, the membership is unknown
    return Rejected("member.unknown_membership", "5.8")


def _signed_by_authorising_server(facts: Facts) -> bool:
    user_id = get_str(facts.event.content, "join_authorised_via_users_server") or ""
    return bool(get_object(facts.event.signatures, user_id.partition(":")[2]))


def _check_join(facts: Facts, target: str) -> Rejected | None:
    event = facts.event
    # 5.3.1. The creator's own join, right after the creation
    if event.prev_events == (facts.create.event_id,) and target == _creator(facts):
        return None
    # 5.3.2. Nobody joins another
    if event.sender != target:
        return Rejected("member.join_of_other_user", "5.3.2")
    # 5.3.3. The sender is banned
    if facts.membership(target) == "ban":
        return Rejected("member.join_while_banned", "5.3.3")
    join_rule = facts.join_rule()
    invited = facts.membership(target) in ("invite", "join")
    # 5.3.4. By invitation
    if join_rule == "invite" or (join_rule == "knock" and facts.version.knock):
        return None if invited else Rejected("member.join_without_invite", "5.3.4")
    # 5.3.5. Restricted
    if _is_restricted(facts, join_rule):
        # 5.3.5.1. Already a member, or invited; 5.3.5.2. authorised by a member who may invite
        if invited or _authorised_by_inviter(facts):
            return None
        return Rejected("member.join_not_authorised", "5.3.5.2")
    # 5.3.6. Public
    if join_rule == "public":
        return None
    # 5.3.7. Otherwise, reject
    return Rejected("member.join_rule", "5.3.7")


def _creator(facts: Facts) -> str | None:
    if facts.version.creator_is_sender:
        return facts.create.sender
    return get_str(facts.create.content, "creator")


def _is_restricted(facts: Facts, join_rule: str | None) -> bool:
    return (join_rule == "restricted" and facts.version.restricted) or (
        join_rule == "knock_restricted" and facts.version.knock_restricted
    )


def _authorised_by_inviter(facts: Facts) -> bool:
    user_id = get_str(facts.event.content, "join_authorised_via_users_server")
    if user_id is None or facts.membership(user_id) != "join":
        return False
    level = power_levels.user_level(facts.levels, user_id)
    return level >= power_levels.named_level(facts.levels, "invite")


def _check_invite(facts: Facts, target: str) -> Rejected | None:
    # 5.4.1. An invitation by third-party identifier
    if "third_party_invite" in facts.event.content:
        return check_third_party_invite(facts, target)
    # 5.4.2. The sender is not in the room
    if facts.membership(facts.event.sender) != "join":
        return Rejected("member.invite_by_non_member", "5.4.2")
    # 5.4.3. The target is in the room, or banned
    if facts.membership(target) in ("join", "ban"):
        return Rejected("member.invite_of_member_or_banned", "5.4.3")
    # 5.4.4. The invite level
    if facts.sender_reaches("invite"):
        return None
    # 5.4.5. Otherwise, reject
    return Rejected("member.invite_level", "5.4.5")


def _check_leave(facts: Facts, target: str) -> Rejected | None:
    event = facts.event
    # 5.5.1. One's own leave
    if event.sender == target:
        left_from = ("invite", "join", "knock") if facts.version.knock else ("invite", "join")
        allowed = facts.membership(target) in left_from
        return None if allowed else Rejected("member.leave_without_membership", "5.5.1")
    # 5.5.2. The sender is not in the room
    if facts.membership(event.sender) != "join":
        return Rejected("member.kick_by_non_member", "5.5.2")
    # 5.5.3. Lifting a ban needs the ban level
    if facts.membership(target) == "ban" and not facts.sender_reaches("ban"):
        return Rejected("member.unban_level", "5.5.3")
    # 5.5.4. The kick level, and a target below the sender
    if facts.sender_reaches("kick") and _is_below_sender(facts, target):
        return None
    # 5.5.5. Otherwise, reject
    return Rejected("member.kick_level", "5.5.5")


def _check_ban(facts: Facts, target: str) -> Rejected | None:
    # 5.6.1. The sender is not in the room
    if facts.membership(facts.event.sender) != "join":
        return Rejected("member.ban_by_non_member", "5.6.1")
    # 5.6.2. The ban level, and a target below the sender
    if facts.sender_reaches("ban") and _is_below_sender(facts, target):
        return None
    # 5.6.3. Otherwise, reject
    return Rejected("member.ban_level", "5.6.3")


def _check_knock(facts: Facts, target: str) -> Rejected | None:
    # 5.7.1. The join rule allows knocking
    join_rule = facts.join_rule()
    if join_rule != "knock" and not (join_rule == "knock_restricted" and facts.version.knock_restricted):
        return Rejected("member.knock_join_rule", "5.7.1")
    # 5.7.2. Nobody knocks for another
    if facts.event.sender != target:
        return Rejected("member.knock_of_other_user", "5.7.2")
    # 5.7.3. Not banned, invited or joined
    if facts.membership(target) not in ("ban", "invite", "join"):
        return None
    # 5.7.4. Otherwise, reject
    return Rejected("member.knock_while_member_or_banned", "5.7.4")


def _is_below_sender(facts: Facts, target: str) -> bool:
    return power_levels.user_level(facts.levels, target) < facts.sender_level
