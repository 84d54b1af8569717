//! Rule 10: m.room.power_levels.
use std::cmp::Ordering;

use super::levels::{self, NAMES};
use super::{Facts, Level, Rules, Verdict};
use crate::auth_event::is_user_id;
use crate::json::tree::{Entry, Object, Value};

type Change<'o> = (&'o str, Option<i64>, Option<i64>);

pub fn check(facts: &Facts<'_, '_>) -> Verdict {
    let (rules, content) = (facts.rules, &facts.event.content);
    (*facts.event.levels_form.get_or_init(|| check_form(rules, content)))?; // a room does not change its version
    if rules.has(Rules::PRIVILEGED_CREATORS)
        && let Some(users) = content.object("users")
        && facts.levels.creators.iter().any(|creator| users.get(creator).is_some())
    {
        return Err("power_levels.lists_creator"); // 10.4
    }
    let Some(current) = facts.levels.content else {
        return Ok(()); // 10.5
    };
    let sender_level = facts.sender_level();
    let mut names = changes(rules, Some(current), Some(content));
    names.retain(|(name, ..)| NAMES.contains(name));
    check_entries(
        names,
        sender_level,
        ["power_levels.current_above_sender", "power_levels.new_above_sender"],
    )?;
    check_entries(
        changes(rules, current.object("events"), content.object("events")),
        sender_level,
        ["power_levels.events_current_above_sender", "power_levels.events_new_above_sender"],
    )?;
    if rules.has(Rules::NOTIFICATIONS) {
        check_entries(
            changes(rules, current.object("notifications"), content.object("notifications")),
            sender_level,
            [
                "power_levels.notifications_current_above_sender",
                "power_levels.notifications_new_above_sender",
            ],
        )?;
    }
    check_users(facts, current, sender_level)
}

fn check_form(rules: Rules, content: &Object<'_>) -> Verdict {
    let unreadable =
        |name: &&str| content.get(name).is_some_and(|value| levels::read(rules, value).is_none());
    if NAMES.iter().any(unreadable) {
        return Err("power_levels.not_integer"); // 10.1
    }
    let notifications = rules.has(Rules::NOTIFICATIONS);
    if !are_levels(rules, content, "events")
        || (notifications && !are_levels(rules, content, "notifications"))
    {
        return Err("power_levels.events_not_integers"); // 10.2
    }
    if !are_levels(rules, content, "users") {
        return Err("power_levels.users_not_integers"); // 10.3
    }
    match content.object("users") {
        Some(users) if !users.members().all(|(user_id, _)| is_user_id(user_id)) => {
            Err("power_levels.users_not_user_ids") // 10.3
        }
        _ => Ok(()),
    }
}

fn are_levels(rules: Rules, content: &Object<'_>, name: &str) -> bool {
    match content.get(name) {
        None => true,
        Some(Value::Object(entries)) => {
            entries.members().all(|(_, value)| levels::read(rules, value).is_some())
        }
        Some(_) => false,
    }
}

fn check_entries(changes: Vec<Change<'_>>, sender: Level, names: [&'static str; 2]) -> Verdict {
    let [current_above, new_above] = names;
    for (_, old, new) in changes {
        if is_above(old, sender) {
            return Err(current_above); // 10.6.1, 10.7
        }
        if is_above(new, sender) {
            return Err(new_above); // 10.6.2, 10.8
        }
    }
    Ok(())
}

fn check_users(facts: &Facts<'_, '_>, current: &Object<'_>, sender: Level) -> Verdict {
    let (old, new) = (current.object("users"), facts.event.content.object("users"));
    for (user_id, old, new) in changes(facts.rules, old, new) {
        let is_other = user_id != facts.event.sender;
        if is_other && old.is_some_and(|level| Level::Finite(level) >= sender) {
            return Err("power_levels.user_not_below_sender"); // 10.9
        }
        if is_above(new, sender) {
            return Err("power_levels.user_above_sender"); // 10.10
        }
    }
    Ok(())
}

fn is_above(level: Option<i64>, sender: Level) -> bool {
    level.is_some_and(|level| Level::Finite(level) > sender)
}

/// What differs between two maps of levels, sorted by name.
fn changes<'o>(rules: Rules, old: Option<&'o Object<'o>>, new: Option<&'o Object<'o>>) -> Vec<Change<'o>> {
    let members = |entries: Option<&'o Object<'o>>| entries.map(Object::as_slice).unwrap_or_default();
    let (mut old, mut new) = (members(old), members(new));
    let mut found = Vec::new();
    loop {
        let order = match (old.first(), new.first()) {
            (Some((before, _)), Some((after, _))) => before.cmp(after),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return found,
        };
        let before = if order.is_le() { old.split_off_first() } else { None };
        let after = if order.is_ge() { new.split_off_first() } else { None };
        let level = |member: Option<&Entry<'_>>| levels::read(rules, &member?.1);
        let (old, new) = (level(before), level(after));
        if old != new
            && let Some((name, _)) = before.or(after)
        {
            found.push((name.as_ref(), old, new));
        }
    }
}
