//! State resolution v2 and v2.1; the text is `timserver/core/definition/state_resolution_v2.py`.
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::BuildHasherDefault;

use crate::auth::{self, Facts, Level, Levels, Rules};
use crate::auth_event::{AuthEvent, Key, Node};
use crate::numbers::NumberHasher;

/// All that is needed: events by number, the create event and the full conflicted set among them.
pub struct Room<'r> {
    pub rules: Rules,
    pub nodes: &'r [Node<'r>],
    pub create: &'r AuthEvent<'r>,
    pub conflicted: Vec<usize>,
}

const NOWHERE: usize = usize::MAX;
const UNKNOWN: usize = usize::MAX - 1;

/// The numbers of the events that the conflicted ones and the unconflicted state become; the unconflicted state is laid
/// over them by the caller.
pub fn resolve(room: &Room<'_>, unconflicted: &[usize]) -> Vec<usize> {
    let is_power = room.power_events();
    let mut state = State::of(room);
    if !room.rules.has(Rules::FROM_NOTHING) {
        unconflicted.iter().for_each(|number| state.set(*number));
    }
    let (power_events, others): (Vec<usize>, Vec<usize>) =
        room.conflicted.iter().partition(|number| is_power.get(**number) == Some(&true));
    state.apply(&room.power_ordering(&power_events));
    let others = room.mainline_ordering(state.levels(), others);
    state.apply(&others);
    state.into_numbers()
}

impl<'r> Room<'r> {
    /// Of each event, whether it is a power event or leads from one, by auth events that are in conflict.
    fn power_events(&self) -> Vec<bool> {
        let mut is_conflicted = vec![false; self.nodes.len()];
        let mut pending = Vec::new();
        for number in &self.conflicted {
            if let Some(conflicted) = is_conflicted.get_mut(*number) {
                *conflicted = true;
                pending.extend(self.event(*number).filter(|event| is_power_event(event)).map(|_| *number));
            }
        }
        let mut chosen = vec![false; self.nodes.len()];
        while let Some(number) = pending.pop() {
            if let Some(chosen) = chosen.get_mut(number)
                && is_conflicted.get(number) == Some(&true)
                && !std::mem::replace(chosen, true)
            {
                pending.extend(self.auth_of(number));
            }
        }
        chosen
    }

    pub fn event(&self, number: usize) -> Option<&'r AuthEvent<'r>> {
        self.nodes.get(number).map(|node| node.event)
    }

    fn auth_of(&self, number: usize) -> &'r [usize] {
        self.nodes.get(number).map_or(&[], |node| node.auth)
    }

    fn power_ordering(&self, numbers: &[usize]) -> Vec<usize> {
        let chosen: HashSet<usize> = numbers.iter().copied().collect();
        let mut waiting_for: HashMap<usize, usize> = HashMap::new();
        let mut cited_by: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut ready = BinaryHeap::new();
        for number in numbers {
            let cited: HashSet<usize> =
                self.auth_of(*number).iter().copied().filter(|cited| chosen.contains(cited)).collect();
            if cited.is_empty() {
                ready.push(self.power_rank(*number));
            }
            waiting_for.insert(*number, cited.len());
            for cited in cited {
                cited_by.entry(cited).or_default().push(*number);
            }
        }
        let mut ordered = Vec::with_capacity(numbers.len());
        while let Some(Reverse((.., number))) = ready.pop() {
            ordered.push(number);
            for citing in cited_by.get(&number).into_iter().flatten() {
                if let Some(count) = waiting_for.get_mut(citing) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(self.power_rank(*citing));
                    }
                }
            }
        }
        ordered
    }

    fn power_rank(&self, number: usize) -> Reverse<(Reverse<Level>, i64, &'r str, usize)> {
        let Some(event) = self.event(number) else {
            return Reverse((Reverse(Level::Finite(0)), 0, "", number));
        };
        let cited = self.cited_power_levels(number).and_then(|cited| self.event(cited));
        let levels = Levels::new(self.rules, cited.map(|event| &event.content), self.create);
        Reverse((Reverse(levels.of_user(&event.sender)), event.origin_server_ts, &event.id, number))
    }

    fn cited_power_levels(&self, number: usize) -> Option<usize> {
        let is_levels =
            |cited: &usize| self.event(*cited).is_some_and(|event| event.is_state("m.room.power_levels"));
        self.auth_of(number).iter().copied().find(is_levels)
    }

    fn mainline_ordering(&self, levels: Option<usize>, numbers: Vec<usize>) -> Vec<usize> {
        let mut positions = vec![UNKNOWN; self.nodes.len()];
        let mut current = levels;
        let mut length = 0;
        while let Some(number) = current {
            match positions.get_mut(number) {
                Some(position) if *position == UNKNOWN => *position = length,
                _ => break, // no event can cite itself; but never run in circles
            }
            length += 1;
            current = self.cited_power_levels(number);
        }
        let mut ranked: Vec<_> = numbers
            .into_iter()
            .filter_map(|number| {
                let position = self.mainline_position(&mut positions, number);
                let event = self.event(number)?;
                Some((Reverse(position), event.origin_server_ts, event.id.as_ref(), number))
            })
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(.., number)| number).collect()
    }

    fn mainline_position(&self, positions: &mut [usize], number: usize) -> usize {
        let mut passed = Vec::new();
        let mut current = self.cited_power_levels(number);
        let mut position = NOWHERE;
        while let Some(levels) = current {
            match positions.get_mut(levels) {
                Some(known) if *known == UNKNOWN => *known = NOWHERE, // never run in circles
                known => {
                    position = known.map_or(NOWHERE, |known| *known);
                    break;
                }
            }
            passed.push(levels);
            current = self.cited_power_levels(levels);
        }
        for levels in passed {
            if let Some(known) = positions.get_mut(levels) {
                *known = position;
            }
        }
        position
    }
}

/// The state as it grows: keys are numbered once, so that few of them must be hashed.
struct State<'s, 'r> {
    room: &'s Room<'r>,
    slots: HashMap<Key<'r>, usize, BuildHasherDefault<NumberHasher>>,
    own: Vec<(usize, usize)>, // of each event: the slots of its key and, if in conflict, of its sender's membership
    events: Vec<usize>,       // by slot
}

const LEVELS: usize = 0;
const JOIN_RULES: usize = 1;

impl<'s, 'r> State<'s, 'r> {
    fn of(room: &'s Room<'r>) -> Self {
        let mut slots = HashMap::with_capacity_and_hasher(room.nodes.len() + 2, Default::default());
        slots.insert(Key::new("m.room.power_levels", ""), LEVELS);
        slots.insert(Key::new("m.room.join_rules", ""), JOIN_RULES);
        let mut slot_of = |key| {
            let next = slots.len();
            *slots.entry(key).or_insert(next)
        };
        let mut own = Vec::with_capacity(room.nodes.len());
        for node in room.nodes {
            let is_levels = node.event.is_state("m.room.power_levels");
            let key = node.event.hashed_key().filter(|_| !is_levels);
            own.push((key.map_or(if is_levels { LEVELS } else { NOWHERE }, &mut slot_of), NOWHERE));
        }
        for number in &room.conflicted {
            if let (Some((own, of_sender)), Some(event)) = (own.get_mut(*number), room.event(*number)) {
                let is_own = event.is_of_sender;
                *of_sender = if is_own { *own } else { slot_of(Key::new("m.room.member", &event.sender)) };
            }
        }
        let events = vec![NOWHERE; slots.len()];
        State { room, slots, own, events }
    }

    fn own_slot(&self, number: usize) -> usize {
        self.own.get(number).map_or(NOWHERE, |(own, _)| *own)
    }

    fn set(&mut self, number: usize) {
        let slot = self.own_slot(number);
        if let Some(event) = self.events.get_mut(slot) {
            *event = number;
        }
    }

    fn at(&self, slot: usize) -> Option<usize> {
        self.events.get(slot).copied().filter(|number| *number != NOWHERE)
    }

    fn levels(&self) -> Option<usize> {
        self.at(LEVELS)
    }

    fn into_numbers(self) -> Vec<usize> {
        self.events.into_iter().filter(|number| *number != NOWHERE).collect()
    }

    fn apply(&mut self, numbers: &[usize]) {
        for number in numbers {
            let Some(node) = self.room.nodes.get(*number) else { continue };
            if node.event.rejected || node.event.kind == "m.room.create" {
                continue; // the create event is never in conflict
            }
            if self.is_allowed(*number, node) {
                self.set(*number);
            }
        }
    }

    fn is_allowed(&self, number: usize, node: &'r Node<'r>) -> bool {
        let lookup = |kind: &str, state_key: &str| -> Option<&'r AuthEvent<'r>> {
            let slot = self.slot_of(number, node.event, kind, state_key)?;
            match self.at(slot) {
                Some(number) => self.room.event(number),
                None => self.cited(node, slot),
            }
        };
        auth::check(&Facts::new(self.room.rules, node, self.room.create, &lookup)).is_ok()
    }

    fn slot_of(&self, number: usize, event: &AuthEvent<'_>, kind: &str, state_key: &str) -> Option<usize> {
        match (kind, state_key) {
            ("m.room.power_levels", "") => Some(LEVELS),
            ("m.room.join_rules", "") => Some(JOIN_RULES),
            ("m.room.member", user_id) if user_id == event.sender => self.own.get(number).map(|own| own.1),
            (kind, state_key) => self.slots.get(&Key::new(kind, state_key)).copied(),
        }
    }

    fn cited(&self, node: &Node<'r>, slot: usize) -> Option<&'r AuthEvent<'r>> {
        let cited = node.auth.iter().rev().filter(|number| self.own_slot(**number) == slot);
        cited.filter_map(|number| self.room.event(*number)).find(|cited| !cited.rejected)
    }
}

fn is_power_event(event: &AuthEvent<'_>) -> bool {
    if event.is_state("m.room.power_levels") || event.is_state("m.room.join_rules") {
        return true;
    }
    event.kind == "m.room.member"
        && event.state_key.is_some()
        && !event.is_of_sender
        && matches!(event.membership, Some("leave" | "ban"))
}
