//! Rule 5: m.room.member.
use super::third_party_invite;
use super::{Facts, Rules, Verdict};
use crate::auth_event::{AUTHORISING_USER, server_name_of};

pub fn check(facts: &Facts<'_, '_>) -> Verdict {
    let event = facts.event;
    let Some(target) = event.state_key.as_deref() else {
        return Err("member.no_state_key"); // 5.1
    };
    if event.membership.is_none() {
        return Err("member.no_membership"); // 5.1
    }
    if facts.rules.has(Rules::RESTRICTED) && event.has_authorising_user() {
        let server_name = event.content.text(AUTHORISING_USER).map_or("", server_name_of);
        if !event.is_signed_by(server_name) {
            return Err("member.not_signed_by_authorising_server"); // 5.2
        }
    }
    match event.membership {
        Some("join") => check_join(facts, target),
        Some("invite") => check_invite(facts, target),
        Some("leave") => check_leave(facts, target),
        Some("ban") => check_ban(facts, target),
        Some("knock") if facts.rules.has(Rules::KNOCK) => check_knock(facts, target),
        _ => Err("member.unknown_membership"), // 5.8
    }
}

fn check_join(facts: &Facts<'_, '_>, target: &str) -> Verdict {
    let event = facts.event;
    if facts.follows_create && creator(facts) == Some(target) {
        return Ok(()); // 5.3.1
    }
    if !event.is_of_sender {
        return Err("member.join_of_other_user"); // 5.3.2
    }
    let membership = facts.membership(&event.sender);
    if membership == Some("ban") {
        return Err("member.join_while_banned"); // 5.3.3
    }
    let invited = matches!(membership, Some("invite" | "join"));
    match facts.join_rule() {
        Some("invite") => by_invite(invited),
        Some("knock") if facts.rules.has(Rules::KNOCK) => by_invite(invited),
        Some("restricted") if facts.rules.has(Rules::RESTRICTED) => by_authorisation(facts, invited),
        Some("knock_restricted") if facts.rules.has(Rules::KNOCK_RESTRICTED) => {
            by_authorisation(facts, invited)
        }
        Some("public") => Ok(()),     // 5.3.6
        _ => Err("member.join_rule"), // 5.3.7
    }
}

fn by_invite(invited: bool) -> Verdict {
    if invited { Ok(()) } else { Err("member.join_without_invite") } // 5.3.4
}

fn by_authorisation(facts: &Facts<'_, '_>, invited: bool) -> Verdict {
    let authorised = facts.event.content.text(AUTHORISING_USER).is_some_and(|user_id| {
        facts.membership(user_id) == Some("join")
            && facts.levels.of_user(user_id) >= facts.levels.named("invite")
    });
    if invited || authorised { Ok(()) } else { Err("member.join_not_authorised") } // 5.3.5
}

fn creator<'f>(facts: &Facts<'_, 'f>) -> Option<&'f str> {
    if facts.rules.has(Rules::CREATOR_IS_SENDER) {
        return Some(&facts.create.sender);
    }
    facts.create.content.text("creator")
}

fn check_invite(facts: &Facts<'_, '_>, target: &str) -> Verdict {
    if facts.event.content.get("third_party_invite").is_some() {
        return third_party_invite::check(facts, target); // 5.4.1
    }
    if facts.membership(&facts.event.sender) != Some("join") {
        return Err("member.invite_by_non_member"); // 5.4.2
    }
    if matches!(facts.membership(target), Some("join" | "ban")) {
        return Err("member.invite_of_member_or_banned"); // 5.4.3
    }
    if facts.sender_reaches("invite") { Ok(()) } else { Err("member.invite_level") } // 5.4.4
}

fn check_leave(facts: &Facts<'_, '_>, target: &str) -> Verdict {
    let membership = facts.membership(target);
    if facts.event.sender == target {
        let knocking = membership == Some("knock") && facts.rules.has(Rules::KNOCK);
        let allowed = knocking || matches!(membership, Some("invite" | "join"));
        return if allowed { Ok(()) } else { Err("member.leave_without_membership") }; // 5.5.1
    }
    if facts.membership(&facts.event.sender) != Some("join") {
        return Err("member.kick_by_non_member"); // 5.5.2
    }
    if membership == Some("ban") && !facts.sender_reaches("ban") {
        return Err("member.unban_level"); // 5.5.3
    }
    let allowed = facts.sender_reaches("kick") && is_below_sender(facts, target);
    if allowed { Ok(()) } else { Err("member.kick_level") } // 5.5.4
}

fn check_ban(facts: &Facts<'_, '_>, target: &str) -> Verdict {
    if facts.membership(&facts.event.sender) != Some("join") {
        return Err("member.ban_by_non_member"); // 5.6.1
    }
    let allowed = facts.sender_reaches("ban") && is_below_sender(facts, target);
    if allowed { Ok(()) } else { Err("member.ban_level") } // 5.6.2
}

fn check_knock(facts: &Facts<'_, '_>, target: &str) -> Verdict {
    match facts.join_rule() {
        Some("knock") => {}
        Some("knock_restricted") if facts.rules.has(Rules::KNOCK_RESTRICTED) => {}
        _ => return Err("member.knock_join_rule"), // 5.7.1
    }
    if facts.event.sender != target {
        return Err("member.knock_of_other_user"); // 5.7.2
    }
    match facts.membership(target) {
        Some("ban" | "invite" | "join") => Err("member.knock_while_member_or_banned"), // 5.7.4
        _ => Ok(()),                                                                   // 5.7.3
    }
}

fn is_below_sender(facts: &Facts<'_, '_>, target: &str) -> bool {
    facts.levels.of_user(target) < facts.sender_level()
}
