#![no_main]
//! Packed state maps.
use engine_parts::{in_time, state_pack};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    in_time(|| {
        let Ok(pairs) = state_pack::unpack(data) else { return };
        assert!(pairs.is_sorted_by(|one, next| one.0 < next.0));
        let packed = state_pack::pack(&pairs);
        assert!(packed.len() <= data.len());
        assert_eq!(state_pack::unpack(&packed), Ok(pairs));
    });
});
