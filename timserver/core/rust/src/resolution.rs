//! State resolution v2 and v2.1; the text is `timserver/core/definition/state_resolution_v2.py`.
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use crate::auth::{self, Facts, Level, Levels, Rules};
use crate::auth_event::AuthEvent;

/// State key -> number of the event.
pub type State<'r> = HashMap<(&'r str, &'r str), usize>;

/// All that is needed: events by number, the create event and the full conflicted set among them.
pub struct Room<'r> {
    pub rules: Rules,
    pub events: &'r [AuthEvent<'r>],
    pub create: &'r AuthEvent<'r>,
    pub conflicted: BTreeSet<usize>,
}

const NOWHERE: usize = usize::MAX;

/// What the conflicted events become; the unconflicted state is laid over it by the caller.
pub fn resolve<'r>(room: &Room<'r>, unconflicted: State<'r>) -> State<'r> {
    let power_events = room.power_events();
    let mut state = if room.rules.has(Rules::FROM_NOTHING) { State::new() } else { unconflicted };
    room.apply(&mut state, &room.power_ordering(&power_events));
    let others: Vec<usize> = room.conflicted.difference(&power_events).copied().collect();
    let others = room.mainline_ordering(&state, others);
    room.apply(&mut state, &others);
    state
}

impl<'r> Room<'r> {
    fn power_events(&self) -> BTreeSet<usize> {
        let is_power = |number: &usize| self.events.get(*number).is_some_and(is_power_event);
        let mut chosen: BTreeSet<usize> = self.conflicted.iter().copied().filter(is_power).collect();
        let mut pending: Vec<usize> = chosen.iter().copied().collect();
        while let Some(number) = pending.pop() {
            for cited in self.auth_of(number) {
                if self.conflicted.contains(cited) && chosen.insert(*cited) {
                    pending.push(*cited);
                }
            }
        }
        chosen
    }

    fn auth_of(&self, number: usize) -> &'r [usize] {
        self.events.get(number).map_or(&[], |event| event.auth)
    }

    fn power_ordering(&self, numbers: &BTreeSet<usize>) -> Vec<usize> {
        let mut waiting_for: HashMap<usize, usize> = HashMap::new();
        let mut cited_by: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut ready = BinaryHeap::new();
        for number in numbers {
            let cited: BTreeSet<usize> =
                self.auth_of(*number).iter().copied().filter(|cited| numbers.contains(cited)).collect();
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
        let Some(event) = self.events.get(number) else {
            return Reverse((Reverse(Level::Finite(0)), 0, "", number));
        };
        let cited = self.cited_power_levels(number).and_then(|cited| self.events.get(cited));
        let levels = Levels::new(self.rules, cited.map(|event| &event.content), self.create);
        Reverse((Reverse(levels.of_user(&event.sender)), event.origin_server_ts, event.id, number))
    }

    fn cited_power_levels(&self, number: usize) -> Option<usize> {
        let is_levels = |cited: &usize| {
            self.events.get(*cited).is_some_and(|event| event.is_state("m.room.power_levels"))
        };
        self.auth_of(number).iter().copied().find(is_levels)
    }

    fn mainline_ordering(&self, state: &State<'r>, numbers: Vec<usize>) -> Vec<usize> {
        let mut positions: HashMap<usize, usize> = HashMap::new();
        let mut current = at(state, "m.room.power_levels", "");
        while let Some(number) = current {
            if positions.insert(number, positions.len()).is_some() {
                break; // no event can cite itself; but never run in circles
            }
            current = self.cited_power_levels(number);
        }
        let mut ranked: Vec<_> = numbers
            .into_iter()
            .filter_map(|number| {
                let position = self.mainline_position(&mut positions, number);
                let event = self.events.get(number)?;
                Some((Reverse(position), event.origin_server_ts, event.id, number))
            })
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(.., number)| number).collect()
    }

    fn mainline_position(&self, positions: &mut HashMap<usize, usize>, number: usize) -> usize {
        let mut passed = Vec::new();
        let mut current = self.cited_power_levels(number);
        let mut position = NOWHERE;
        while let Some(levels) = current {
            if let Some(known) = positions.get(&levels) {
                position = *known;
                break;
            }
            positions.insert(levels, NOWHERE); // never run in circles
            passed.push(levels);
            current = self.cited_power_levels(levels);
        }
        positions.extend(passed.into_iter().map(|levels| (levels, position)));
        position
    }

    fn apply(&self, state: &mut State<'r>, numbers: &[usize]) {
        for number in numbers {
            let Some(event) = self.events.get(*number) else { continue };
            let Some(key) = event.key() else { continue };
            if event.rejected || event.kind == "m.room.create" {
                continue; // the create event is never in conflict
            }
            if self.is_allowed(state, event) {
                state.insert(key, *number);
            }
        }
    }

    fn is_allowed(&self, state: &State<'r>, event: &'r AuthEvent<'r>) -> bool {
        let lookup = |kind: &str, state_key: &str| -> Option<&'r AuthEvent<'r>> {
            match at(state, kind, state_key) {
                Some(number) => self.events.get(number),
                None => self.cited(event, kind, state_key),
            }
        };
        auth::check(&Facts::new(self.rules, event, self.create, &lookup)).is_ok()
    }

    fn cited(&self, event: &AuthEvent<'r>, kind: &str, state_key: &str) -> Option<&'r AuthEvent<'r>> {
        let cited = event.auth.iter().rev().filter_map(|number| self.events.get(*number));
        cited.filter(|cited| !cited.rejected).find(|cited| cited.key() == Some((kind, state_key)))
    }
}

/// The state's event for a key.
pub fn at<'k>(state: &State<'k>, kind: &'k str, state_key: &'k str) -> Option<usize> {
    state.get(&(kind, state_key)).copied()
}

fn is_power_event(event: &AuthEvent<'_>) -> bool {
    if event.is_state("m.room.power_levels") || event.is_state("m.room.join_rules") {
        return true;
    }
    event.kind == "m.room.member"
        && event.state_key.as_deref().is_some_and(|target| target != event.sender)
        && matches!(event.content.text("membership"), Some("leave" | "ban"))
}
