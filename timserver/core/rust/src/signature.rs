//! ed25519, with the strictness of libsodium.
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{SecretKey, Signature, VerifyingKey};
use sha2::Sha512;

/// Keys that a thread keeps ready.
const KEPT_MAX: usize = 1_000;

type Kept = HashMap<(SecretKey, [u8; 32]), Rc<KeyPair>>;

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// What a seed was made into, and the public key that was made of it: making it again would take as long as signing does.
pub struct KeyPair {
    secret_key: ExpandedSecretKey,
    public_key: VerifyingKey,
}

impl KeyPair {
    /// None when the public key is none. That it belongs to the seed is the caller's word.
    pub fn of(seed: &[u8], public_key: &[u8]) -> Option<Rc<Self>> {
        let names = (seed.try_into().ok()?, public_key.try_into().ok()?);
        if let Some(kept) = KEPT.with_borrow(|kept| kept.get(&names).cloned()) {
            return Some(kept);
        }
        let key = Rc::new(KeyPair {
            secret_key: ExpandedSecretKey::from(&names.0),
            public_key: VerifyingKey::from_bytes(&names.1).ok()?,
        });
        KEPT.with_borrow_mut(|kept| {
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            kept.insert(names, Rc::clone(&key));
        });
        Some(key)
    }

    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        raw_sign::<Sha512>(&self.secret_key, message, &self.public_key).to_bytes()
    }
}

/// Whether the signature is right. Keys and signatures of a wrong size or form are not.
pub fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(public_key), Ok(signature)) = (public_key.try_into(), signature.try_into()) else {
        return false;
    };
    if !is_canonical(public_key) {
        return false;
    }
    VerifyingKey::from_bytes(public_key)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

/// Whether the key's coordinate is below 2^255 - 19, as libsodium demands.
fn is_canonical(public_key: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = public_key;
    *low < 0xED || high & 0x7F != 0x7F || middle.iter().any(|byte| *byte != 0xFF)
}
