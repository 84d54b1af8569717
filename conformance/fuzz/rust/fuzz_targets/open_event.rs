#![no_main]
//! Opening and sealing of whatever PDU; the first byte is the room version, as in `targets.open_pdu`.
use ed25519_dalek::SigningKey;
use engine_parts::{event, in_time, signature::KeyPair};
use libfuzzer_sys::fuzz_target;

const SEED: [u8; 32] = [7; 32];

/// `core.sealing.rules` of room versions 1 to 12; a test compares.
const RULES: [u8; 12] = [1, 1, 17, 49, 49, 48, 48, 50, 54, 54, 62, 62];

fuzz_target!(|data: &[u8]| {
    let (first, data) = data.split_first().unwrap_or((&0, &[]));
    let rules = event::Rules::from_bits(RULES[usize::from(*first) % RULES.len()]);
    in_time(|| {
        let Ok(opened) = event::open(data, rules) else { return };
        let again = event::open(&opened.pdu, rules).expect("what was opened opens again");
        assert_eq!(
            (&opened.event_id, &opened.pdu, &opened.signed),
            (&again.event_id, &again.pdu, &again.signed)
        );
        assert_eq!(opened.hash_matches, again.hash_matches);
        let public_key = SigningKey::from_bytes(&SEED).verifying_key().to_bytes();
        let key = KeyPair::of(&SEED, &public_key).expect("a key");
        let sealed = event::seal(data, rules, "a.example", "ed25519:1", &key).expect("it is JSON");
        assert!(event::open(&sealed.pdu, rules).expect("what is sealed opens").hash_matches);
    });
});
