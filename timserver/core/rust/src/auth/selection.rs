//! Which events of the state authorize an event; the text is `timserver/core/definition/auth_events.py`.
use super::Rules;
use crate::auth_event::AuthEvent;

/// Type and state key.
pub type Key<'e> = (&'static str, &'e str);

/// The state that authorization of the event looks at, the create event aside.
pub fn asked_keys<'e>(rules: Rules, event: &'e AuthEvent<'_>) -> Vec<Key<'e>> {
    if event.kind == "m.room.create" {
        return Vec::new();
    }
    let mut keys = vec![("m.room.power_levels", ""), ("m.room.member", event.sender.as_ref())];
    if let Some(target) = event.state_key.as_deref()
        && event.kind == "m.room.member"
    {
        keys.push(("m.room.member", target));
        keys.extend(membership_keys(rules, event));
    }
    keys
}

fn membership_keys<'e>(rules: Rules, event: &'e AuthEvent<'_>) -> Vec<Key<'e>> {
    let content = &event.content;
    let mut keys = Vec::new();
    let membership = content.text("membership");
    if matches!(membership, Some("join" | "invite" | "knock")) {
        keys.push(("m.room.join_rules", ""));
    }
    if membership == Some("invite")
        && let Some(invite) = content.object("third_party_invite")
        && let Some(token) = invite.object("signed").and_then(|signed| signed.text("token"))
    {
        keys.push(("m.room.third_party_invite", token));
    }
    if membership == Some("join")
        && rules.has(Rules::RESTRICTED)
        && let Some(user_id) = content.text("join_authorised_via_users_server")
    {
        keys.push(("m.room.member", user_id));
    }
    keys
}
