#![no_main]
//! State resolution: what is in every state is unconflicted, all else conflicted; the outcome has one event per key.
use std::collections::BTreeSet;

use engine_parts::auth::Rules;
use engine_parts::resolution::{Room, resolve};
use engine_parts::{in_time, resolution_v1, room};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let raw = room::read(data);
    in_time(|| {
        let Ok(events) = raw.events.iter().map(room::RawEvent::read).collect::<Result<Vec<_>, _>>() else {
            return;
        };
        let states: Vec<BTreeSet<usize>> =
            raw.states.iter().map(|state| state.iter().copied().collect()).collect();
        let all: BTreeSet<usize> = states.iter().flatten().copied().collect();
        let is_common = |number: &usize| states.iter().all(|state| state.contains(number));
        let (common, conflicted): (Vec<usize>, Vec<usize>) = all.into_iter().partition(is_common);
        let unconflicted: Vec<usize> = std::iter::once(0).chain(common).collect();
        let read = (0..).zip(raw.events.iter().zip(&events));
        let nodes: Vec<_> = read.map(|(number, (raw, event))| raw.node(number, event, &events[0])).collect();
        let rules = Rules(raw.rules);
        let room = Room { rules, nodes: &nodes, create: &events[0], conflicted, older_levels: &|_| None };
        let resolved = if room.rules.has(Rules::V1) {
            resolution_v1::resolve(&room, &unconflicted)
        } else {
            resolve(&room, &unconflicted)
        };
        let keys: BTreeSet<_> = resolved.iter().map(|number| events[*number].key()).collect();
        assert!(keys.len() == resolved.len() && !keys.contains(&None));
        let mut taken = resolved.iter().filter(|number| room.conflicted.contains(number));
        assert!(taken.all(|number| !events[*number].rejected));
    });
});
