//! State resolution of room version 1; the text is `timserver/core/definition/state_resolution_v1.py`.
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use sha1::{Digest, Sha1};

use crate::auth::{self, Facts};
use crate::auth_event::AuthEvent;
use crate::resolution::Room;

const AUTH_TYPES: [&str; 3] = ["m.room.power_levels", "m.room.join_rules", "m.room.member"];

/// State key -> number of the event.
type State<'r> = HashMap<(&'r str, &'r str), usize>;

type Conflicts<'r> = BTreeMap<(&'r str, &'r str), Vec<usize>>;

/// The numbers of the events that the conflicted ones become, and of the unconflicted state. All of the former are
/// candidates for a key that has several.
pub fn resolve(room: &Room<'_>, unconflicted: &[usize]) -> Vec<usize> {
    let mut conflicts = Conflicts::new();
    for number in &room.conflicted {
        if let Some(event) = room.event(*number).filter(|event| !event.rejected)
            && let Some(key) = event.key()
        {
            conflicts.entry(key).or_default().push(*number);
        }
    }
    for found in conflicts.values_mut() {
        found.sort_by_cached_key(|number| rank(room.event(*number)));
    }
    let key_of = |number: &usize| Some((room.event(*number)?.key()?, *number));
    let mut state: State<'_> = unconflicted.iter().filter_map(key_of).collect();
    for kind in AUTH_TYPES {
        let of_kind = conflicts.iter().filter(|((found, _), _)| *found == kind);
        let winners: State<'_> =
            of_kind.filter_map(|(key, found)| Some((*key, last_allowed(room, &state, found)?))).collect();
        state.extend(winners);
    }
    let others = conflicts.iter().filter(|((kind, _), _)| !AUTH_TYPES.contains(kind));
    let winners: State<'_> =
        others.filter_map(|(key, found)| Some((*key, deepest_allowed(room, &state, found)?))).collect();
    state.extend(winners);
    state.into_values().collect()
}

fn rank(event: Option<&AuthEvent<'_>>) -> (i64, Reverse<[u8; 20]>) {
    let (depth, id) = event.map_or((0, ""), |event| (event.depth, event.id.as_ref()));
    (depth, Reverse(Sha1::digest(id).into()))
}

fn last_allowed<'r>(room: &Room<'r>, state: &State<'r>, ordered: &[usize]) -> Option<usize> {
    let (first, others) = ordered.split_first()?;
    let mut winner = *first;
    for number in others {
        if !is_allowed(room, state, *number, Some(winner)) {
            break;
        }
        winner = *number;
    }
    Some(winner)
}

fn deepest_allowed<'r>(room: &Room<'r>, state: &State<'r>, ordered: &[usize]) -> Option<usize> {
    let allowed = ordered.iter().rev().find(|number| is_allowed(room, state, **number, None));
    allowed.or(ordered.first()).copied()
}

/// By the state, in which `winner` has its key.
fn is_allowed<'r>(room: &Room<'r>, state: &State<'r>, number: usize, winner: Option<usize>) -> bool {
    let Some(node) = room.nodes.get(number) else { return false };
    let winner = winner.and_then(|number| room.event(number));
    let lookup = |kind: &str, state_key: &str| -> Option<&'r AuthEvent<'r>> {
        match winner {
            Some(winner) if winner.key() == Some((kind, state_key)) => Some(winner),
            _ => room.event(state.get(&(kind, state_key)).copied()?),
        }
    };
    auth::check(&Facts::new(room.rules, node, room.create, &lookup)).is_ok()
}
