//! ed25519, with the strictness of libsodium.
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use ed25519_dalek::{SecretKey, Signature, VerifyingKey};
use sha2::Sha512;

/// A seed and the public key that was made of it: making it again would take as long as signing does.
pub struct KeyPair {
    seed: SecretKey,
    public_key: VerifyingKey,
}

impl KeyPair {
    /// None when the public key is none. That it belongs to the seed is the caller's word.
    pub fn new(seed: SecretKey, public_key: &[u8; 32]) -> Option<Self> {
        Some(KeyPair { seed, public_key: VerifyingKey::from_bytes(public_key).ok()? })
    }

    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        raw_sign::<Sha512>(&ExpandedSecretKey::from(&self.seed), message, &self.public_key).to_bytes()
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
