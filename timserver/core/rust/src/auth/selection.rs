//! Which events of the state authorize an event; the text is `timserver/core/definition/auth_events.py`.
use super::Rules;
use crate::auth_event::{AUTHORISING_USER, AuthEvent};

/// Type and state key.
pub type Key<'e> = (&'static str, &'e str);

/// The state that authorization of the event looks at, the create event aside, one key after the other.
pub fn each_asked_key<'e>(rules: Rules, event: &'e AuthEvent<'_>, take: &mut impl FnMut(Key<'e>)) {
    if event.kind == "m.room.create" {
        return;
    }
    take(("m.room.power_levels", ""));
    take(("m.room.member", event.sender.as_ref()));
    if let Some(target) = event.state_key.as_deref()
        && event.kind == "m.room.member"
    {
        if !event.is_of_sender {
            take(("m.room.member", target));
        }
        each_membership_key(rules, event, take);
    }
}

fn each_membership_key<'e>(rules: Rules, event: &'e AuthEvent<'_>, take: &mut impl FnMut(Key<'e>)) {
    let content = &event.content;
    let membership = event.membership;
    if matches!(membership, Some("join" | "invite" | "knock")) {
        take(("m.room.join_rules", ""));
    }
    if membership == Some("invite")
        && let Some(invite) = content.object("third_party_invite")
        && let Some(token) = invite.object("signed").and_then(|signed| signed.text("token"))
    {
        take(("m.room.third_party_invite", token));
    }
    if membership == Some("join")
        && rules.has(Rules::RESTRICTED)
        && event.has_authorising_user()
        && let Some(user_id) = content.text(AUTHORISING_USER)
    {
        take(("m.room.member", user_id));
    }
}
