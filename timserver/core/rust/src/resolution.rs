//! State resolution v2 and v2.1; the text is `timserver/core/definition/state_resolution_v2.py`.
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use crate::auth::{self, Facts, Level, Levels, Rules};
use crate::auth_event::{AuthEvent, Key, Node};
use crate::numbers::{NumberHasher, NumberMap};

/// All that is needed: events by place, the create event and the full conflicted set among them, and of power levels of
/// which the nodes do not say it, which one they cite, by number.
pub struct Room<'r> {
    pub rules: Rules,
    pub nodes: &'r [Node<'r>],
    pub create: &'r AuthEvent<'r>,
    pub conflicted: Vec<usize>,
    pub older_levels: &'r dyn Fn(u64) -> Option<u64>,
}

const NOWHERE: usize = usize::MAX;

/// The places of the events that the conflicted ones and the unconflicted state become; the unconflicted state is laid
/// over them by the caller.
pub fn resolve(room: &Room<'_>, unconflicted: &[usize]) -> Vec<usize> {
    let roles = room.roles();
    let mut state = State::of(room);
    if !room.rules.has(Rules::FROM_NOTHING) {
        unconflicted.iter().for_each(|number| state.set(*number));
    }
    let (power_events, others): (Vec<usize>, Vec<usize>) =
        room.conflicted.iter().partition(|number| roles.get(**number) == Some(&Role::Power));
    state.apply(&room.power_ordering(&power_events));
    let others = room.mainline_ordering(state.levels(), others);
    state.apply(&others);
    state.into_numbers()
}

/// Which step an event takes part in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Other, // not in conflict
    Conflicted,
    Power, // in conflict, and a power event, or it leads from one by auth events that are in conflict
}

impl<'r> Room<'r> {
    fn roles(&self) -> Vec<Role> {
        let mut roles = vec![Role::Other; self.nodes.len()];
        let mut pending = Vec::with_capacity(self.conflicted.len());
        for number in &self.conflicted {
            if let Some(role) = roles.get_mut(*number) {
                *role = Role::Conflicted;
                pending.extend(self.event(*number).filter(|event| is_power_event(event)).map(|_| *number));
            }
        }
        while let Some(number) = pending.pop() {
            if let Some(role) = roles.get_mut(number)
                && *role == Role::Conflicted
            {
                *role = Role::Power;
                pending.extend(self.auth_of(number));
            }
        }
        roles
    }

    pub fn event(&self, number: usize) -> Option<&'r AuthEvent<'r>> {
        self.nodes.get(number).map(|node| node.event)
    }

    fn auth_of(&self, number: usize) -> &'r [usize] {
        self.nodes.get(number).map_or(&[], |node| node.auth)
    }

    fn power_ordering(&self, numbers: &[usize]) -> Vec<usize> {
        let mut waiting_for = vec![NOWHERE; self.nodes.len()];
        for number in numbers {
            if let Some(count) = waiting_for.get_mut(*number) {
                *count = 0;
            }
        }
        let mut citations = Vec::with_capacity(2 * numbers.len());
        let mut ready = BinaryHeap::with_capacity(numbers.len());
        for number in numbers {
            let is_chosen = |cited: &&usize| waiting_for.get(**cited).is_some_and(|count| *count != NOWHERE);
            let begin = citations.len();
            citations.extend(self.auth_of(*number).iter().filter(is_chosen).map(|cited| (*cited, *number)));
            let count = citations.len() - begin; // who is cited twice is waited for twice
            if count == 0 {
                ready.push(self.power_rank(*number));
            }
            if let Some(waiting_for) = waiting_for.get_mut(*number) {
                *waiting_for = count;
            }
        }
        citations.sort_unstable();
        let mut ordered = Vec::with_capacity(numbers.len());
        while let Some(Reverse((.., number))) = ready.pop() {
            ordered.push(number);
            let begin = citations.partition_point(|(cited, _)| *cited < number);
            let citing = citations.iter().skip(begin).take_while(|(cited, _)| *cited == number);
            for (_, citing) in citing {
                if let Some(count) = waiting_for.get_mut(*citing) {
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
        if numbers.is_empty() {
            return numbers;
        }
        let own = self.cited_levels();
        let cited_levels = |number: u64| own.get(&number).copied().or_else(|| (self.older_levels)(number));
        let mut positions = NumberMap::default();
        let mut current = levels.and_then(|place| self.number_at(place));
        while let Some(number) = current.filter(|number| !positions.contains_key(number)) {
            positions.insert(number, positions.len()); // no event can cite itself; but never run in circles
            current = cited_levels(number);
        }
        let mut ranked: Vec<_> = numbers
            .into_iter()
            .filter_map(|place| {
                let cited = self.cited_power_levels(place).and_then(|cited| self.number_at(cited));
                let position = mainline_position(&cited_levels, &mut positions, cited);
                let event = self.event(place)?;
                Some((Reverse(position), event.origin_server_ts, event.id.as_ref(), place))
            })
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(.., number)| number).collect()
    }

    fn number_at(&self, place: usize) -> Option<u64> {
        self.nodes.get(place).map(|node| node.number)
    }

    /// Of each power levels event of which the nodes say it, the one it cites.
    fn cited_levels(&self) -> NumberMap<u64> {
        let mut cited_levels = NumberMap::default();
        for (place, node) in self.nodes.iter().enumerate() {
            if !node.auth.is_empty()
                && node.event.is_state("m.room.power_levels")
                && let Some(cited) = self.cited_power_levels(place).and_then(|cited| self.number_at(cited))
            {
                cited_levels.insert(node.number, cited);
            }
        }
        cited_levels
    }
}

/// The position of the nearest power levels in the mainline, from some on.
fn mainline_position(
    cited_levels: &dyn Fn(u64) -> Option<u64>,
    positions: &mut NumberMap<usize>,
    mut current: Option<u64>,
) -> usize {
    let mut passed = Vec::new();
    let mut position = NOWHERE;
    while let Some(levels) = current {
        if let Some(known) = positions.get(&levels) {
            position = *known;
            break;
        }
        positions.insert(levels, NOWHERE); // never run in circles
        passed.push(levels);
        current = cited_levels(levels);
    }
    positions.extend(passed.into_iter().map(|levels| (levels, position)));
    position
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

/// The keys of the first slots.
static FIRST_KEYS: LazyLock<[Key<'static>; 2]> =
    LazyLock::new(|| [Key::new("m.room.power_levels", ""), Key::new("m.room.join_rules", "")]);

impl<'s, 'r> State<'s, 'r> {
    fn of(room: &'s Room<'r>) -> Self {
        let mut slots = HashMap::with_capacity_and_hasher(room.nodes.len() + 2, Default::default());
        slots.extend(FIRST_KEYS.iter().copied().zip([LEVELS, JOIN_RULES]));
        let mut slot_of = |key| {
            let next = slots.len();
            *slots.entry(key).or_insert(next)
        };
        let mut own = Vec::with_capacity(room.nodes.len());
        for node in room.nodes {
            own.push((node.event.hashed_key().map_or(NOWHERE, &mut slot_of), NOWHERE));
        }
        for number in &room.conflicted {
            if let (Some((own, of_sender)), Some(event)) = (own.get_mut(*number), room.event(*number)) {
                *of_sender = if event.is_of_sender { *own } else { slot_of(event.sender_key()) };
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
            ("m.room.member", user_id) if is_sender(event, user_id) => self.own.get(number).map(|own| own.1),
            ("m.room.member", user_id) if is_target(event, user_id) => Some(self.own_slot(number)),
            (kind, state_key) => self.slots.get(&Key::new(kind, state_key)).copied(),
        }
    }

    fn cited(&self, node: &Node<'r>, slot: usize) -> Option<&'r AuthEvent<'r>> {
        let cited = node.auth.iter().rev().filter(|number| self.own_slot(**number) == slot);
        cited.filter_map(|number| self.room.event(*number)).find(|cited| !cited.rejected)
    }
}

/// Mostly it is the sender's own name, and the text need not be looked at.
fn is_sender(event: &AuthEvent<'_>, user_id: &str) -> bool {
    std::ptr::eq(user_id, event.sender.as_ref()) || user_id == event.sender
}

/// Likewise; whoever is named elsewhere is looked up.
fn is_target(event: &AuthEvent<'_>, user_id: &str) -> bool {
    let is_same = |state_key: &str| std::ptr::eq(user_id, state_key);
    event.kind == "m.room.member" && event.state_key.as_deref().is_some_and(is_same)
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
