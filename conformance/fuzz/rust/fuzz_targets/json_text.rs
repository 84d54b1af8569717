#![no_main]
//! The strict reader and canonical JSON: what one accepts the other does, and canonical JSON is its own.
use engine_parts::{in_time, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    in_time(|| {
        let loosely = json::check::check(data, 254, false);
        assert!(json::tree::parse_loose_object(data).is_err() || loosely.is_ok());
        let checked = json::check::check(data, 254, true);
        let parsed = json::tree::parse(data);
        assert_eq!(checked.is_ok(), parsed.is_ok());
        if let Ok(value) = parsed {
            let mut once = Vec::new();
            json::tree::write(&value, &mut once);
            let mut twice = Vec::new();
            json::tree::write(&json::tree::parse(&once).expect("canonical JSON is JSON"), &mut twice);
            assert_eq!(once, twice);
        }
    });
});
