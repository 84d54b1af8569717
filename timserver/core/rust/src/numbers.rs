//! Maps by numbers that the store has given, and by hashes: nobody else can choose them, so that a cheap hash will do.
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

pub type NumberMap<V> = HashMap<u64, V, BuildHasherDefault<NumberHasher>>;

/// Chains and positions.
pub type PlaceSet = HashSet<(u64, u64), BuildHasherDefault<NumberHasher>>;
pub type NumberSet = HashSet<u64, BuildHasherDefault<NumberHasher>>;

/// An empty map with room for so many.
pub fn map_for<V>(count: usize) -> NumberMap<V> {
    NumberMap::with_capacity_and_hasher(count, Default::default())
}

#[derive(Default)]
pub struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
