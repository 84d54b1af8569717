//! Reading power levels, see `timserver/matrix/power_levels.py`.
use super::Rules;
use crate::auth_event::AuthEvent;
use crate::json::tree::{Object, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Finite(i64),
    Infinite,
}

pub const NAMES: [&str; 7] =
    ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"];

fn default_of(name: &str) -> i64 {
    match name {
        "state_default" | "ban" | "redact" | "kick" => 50,
        _ => 0,
    }
}

/// The levels of a room at one state.
pub struct Levels<'f> {
    pub rules: Rules,
    pub content: Option<&'f Object<'f>>,
    pub creators: Creators<'f>,
}

/// The creators of a room.
pub struct Creators<'f> {
    first: &'f str,
    additional: &'f [Value<'f>],
}

impl<'f> Levels<'f> {
    pub fn new(rules: Rules, content: Option<&'f Object<'f>>, create: &'f AuthEvent<'f>) -> Self {
        Levels { rules, content, creators: Creators::of(rules, create) }
    }

    pub fn of_user(&self, user_id: &str) -> Level {
        let is_creator = self.creators.iter().any(|creator| creator == user_id);
        if is_creator && self.rules.has(Rules::PRIVILEGED_CREATORS) {
            return Level::Infinite;
        }
        let Some(content) = self.content else {
            return Level::Finite(if is_creator { 100 } else { 0 });
        };
        let own = content.object("users").and_then(|users| users.get(user_id));
        match own.and_then(|value| read(self.rules, value)) {
            Some(level) => Level::Finite(level),
            None => self.named("users_default"),
        }
    }

    pub fn named(&self, name: &str) -> Level {
        let value = self.content.and_then(|content| content.get(name));
        Level::Finite(value.and_then(|value| read(self.rules, value)).unwrap_or_else(|| default_of(name)))
    }

    pub fn to_send(&self, kind: &str, is_state: bool) -> Level {
        let events = self.content.and_then(|content| content.object("events"));
        match events.and_then(|events| events.get(kind)).and_then(|value| read(self.rules, value)) {
            Some(level) => Level::Finite(level),
            None => self.named(if is_state { "state_default" } else { "events_default" }),
        }
    }
}

impl<'f> Creators<'f> {
    fn of(rules: Rules, create: &'f AuthEvent<'f>) -> Self {
        if !rules.has(Rules::CREATOR_IS_SENDER) {
            let named = create.content.text("creator").filter(|creator| !creator.is_empty());
            return Creators { first: named.unwrap_or(&create.sender), additional: &[] };
        }
        let additional = match create.content.get("additional_creators") {
            Some(Value::Array(additional)) if rules.has(Rules::PRIVILEGED_CREATORS) => additional.as_slice(),
            _ => &[],
        };
        Creators { first: &create.sender, additional }
    }

    pub fn iter(&self) -> impl Iterator<Item = &'f str> {
        std::iter::once(self.first).chain(self.additional.iter().filter_map(Value::text))
    }
}

/// The level that a value means.
pub fn read(rules: Rules, value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Integer(level) => Some(*level),
        Value::Odd(level) if !level.is_float || !rules.has(Rules::INTEGER_LEVELS) => level.nearest(),
        Value::String(text) if !rules.has(Rules::INTEGER_LEVELS) => read_text(text),
        _ => None,
    }
}

fn read_text(text: &str) -> Option<i64> {
    if text.len() > 255 {
        return None;
    }
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.parse().unwrap_or(i64::MAX);
    Some(if negative { -magnitude } else { magnitude })
}
