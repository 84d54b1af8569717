//! The authorization rules; their text is `timserver/core/definition/auth.py`, step by step.
mod levels;
mod member;
mod power_levels_event;
mod selection;
mod third_party_invite;

pub use levels::{Level, Levels};
pub use selection::each_asked_key;

use crate::auth_event::{AuthEvent, Node, server_name_of};
use crate::json::tree::Value;

/// The name of a refusal, as `Rejected.name`.
pub type Verdict = Result<(), &'static str>;

/// The flags of `RoomVersion` that matter here, as bits.
#[derive(Clone, Copy)]
pub struct Rules(pub u16);

impl Rules {
    pub const SPECIAL_ALIASES: u16 = 1;
    pub const REDACTION: u16 = 1 << 1;
    pub const NOTIFICATIONS: u16 = 1 << 2;
    pub const KNOCK: u16 = 1 << 3;
    pub const RESTRICTED: u16 = 1 << 4;
    pub const KNOCK_RESTRICTED: u16 = 1 << 5;
    pub const INTEGER_LEVELS: u16 = 1 << 6;
    pub const CREATOR_IS_SENDER: u16 = 1 << 7;
    pub const PRIVILEGED_CREATORS: u16 = 1 << 8;
    pub const FROM_NOTHING: u16 = 1 << 9;
    pub const V1: u16 = 1 << 10;

    pub fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }
}

/// An event and the state that decides about it.
pub struct Facts<'s, 'f> {
    pub rules: Rules,
    pub event: &'f AuthEvent<'f>,
    pub follows_create: bool,
    pub create: &'f AuthEvent<'f>,
    pub state: &'s dyn Fn(&str, &str) -> Option<&'f AuthEvent<'f>>,
    pub levels: Levels<'f>,
}

impl<'s, 'f> Facts<'s, 'f> {
    pub fn new(
        rules: Rules,
        node: &Node<'f>,
        create: &'f AuthEvent<'f>,
        state: &'s dyn Fn(&str, &str) -> Option<&'f AuthEvent<'f>>,
    ) -> Self {
        let content = state("m.room.power_levels", "").map(|levels| &levels.content);
        let levels = Levels::new(rules, content, create);
        Facts { rules, event: node.event, follows_create: node.follows_create, create, state, levels }
    }

    pub fn sender_level(&self) -> Level {
        self.levels.of_user(&self.event.sender)
    }

    pub fn sender_reaches(&self, name: &str) -> bool {
        self.sender_level() >= self.levels.named(name)
    }

    pub fn membership(&self, user_id: &str) -> Option<&'static str> {
        (self.state)("m.room.member", user_id)?.membership
    }

    pub fn join_rule(&self) -> Option<&'f str> {
        match (self.state)("m.room.join_rules", "") {
            Some(rules) => rules.content.text("join_rule"),
            None => Some("invite"),
        }
    }
}

/// Whether the state allows the event, which is not the create event.
pub fn check(facts: &Facts<'_, '_>) -> Verdict {
    let (event, create, rules) = (facts.event, facts.create, facts.rules);
    if create.rejected {
        return Err("room.no_create"); // 2
    }
    let closed = create.content.get("m.federate") == Some(&Value::Bool(false));
    if closed && server_name_of(&event.sender) != server_name_of(&create.sender) {
        return Err("room.not_federated"); // 4
    }
    if event.kind == "m.room.aliases" && rules.has(Rules::SPECIAL_ALIASES) {
        return match event.state_key.as_deref() {
            None => Err("aliases.no_state_key"),
            Some(key) if key != server_name_of(&event.sender) => Err("aliases.other_server"),
            Some(_) => Ok(()),
        };
    }
    if event.kind == "m.room.member" {
        return member::check(facts); // 5
    }
    if facts.membership(&event.sender) != Some("join") {
        return Err("sender.not_joined"); // 6
    }
    if event.kind == "m.room.third_party_invite" {
        let reaches = facts.sender_reaches("invite");
        return if reaches { Ok(()) } else { Err("third_party_invite.level") }; // 7
    }
    check_levels(facts)
}

fn check_levels(facts: &Facts<'_, '_>) -> Verdict {
    let event = facts.event;
    if facts.sender_level() < facts.levels.to_send(&event.kind, event.state_key.is_some()) {
        return Err("sender.level"); // 8
    }
    if let Some(key) = event.state_key.as_deref()
        && key.starts_with('@')
        && key != event.sender
    {
        return Err("state_key.other_user"); // 9
    }
    if event.kind == "m.room.power_levels" {
        return power_levels_event::check(facts); // 10
    }
    if event.kind == "m.room.redaction" && facts.rules.has(Rules::REDACTION) {
        let same = event.redacts.as_deref().is_some_and(|id| server_name_of(id) == server_name_of(&event.id));
        let allowed = facts.sender_reaches("redact") || same;
        return if allowed { Ok(()) } else { Err("redaction.other_server") };
    }
    Ok(()) // 11
}
