#![no_main]
//! Authorization of each event against each state.
use engine_parts::auth::{Facts, Rules, check};
use engine_parts::{in_time, room};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let raw = room::read(data);
    in_time(|| {
        let Ok(events) = raw.events.iter().map(room::RawEvent::read).collect::<Result<Vec<_>, _>>() else {
            return;
        };
        for state in &raw.states {
            let lookup = |kind: &str, key: &str| {
                let found = |number: &&usize| events[**number].key() == Some((kind, key));
                state.iter().rev().find(found).map(|number| &events[*number])
            };
            for (raw_event, event) in raw.events.iter().zip(&events).skip(1) {
                let node = raw_event.node(0, event, &events[0]);
                let _ = check(&Facts::new(Rules(raw.rules), &node, &events[0], &lookup));
            }
        }
    });
});
