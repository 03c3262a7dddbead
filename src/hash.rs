//! How maps hash: the one place where they get it from.
//!
//! Clients choose the keys of our maps, and origins the tags. So every map hashes
//! with a key of its own, drawn at random: nobody outside can make entries meet. If
//! they do meet, whole keys are compared, and nothing is taken for another; to show
//! that, the crate can be built with `--cfg floodwall_one_hash`, under which all keys
//! of all maps have the same hash (`scripts/one-hash`).

// The alias below is what the rest of the crate has to use.
#![allow(clippy::disallowed_types)]

/// A map whose keys others choose.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, Hashing>;

/// How such a map hashes.
#[cfg(not(floodwall_one_hash))]
pub(crate) type Hashing = std::hash::RandomState;

#[cfg(floodwall_one_hash)]
pub(crate) use one::Hashing;

#[cfg(floodwall_one_hash)]
mod one {
    use std::hash::{BuildHasher, Hasher};

    /// The same hash for every key.
    #[derive(Clone, Copy, Debug, Default)]
    pub(crate) struct Hashing;

    impl BuildHasher for Hashing {
        type Hasher = Self;

        fn build_hasher(&self) -> Self {
            *self
        }
    }

    impl Hasher for Hashing {
        fn write(&mut self, _key: &[u8]) {}

        fn finish(&self) -> u64 {
            0x00F1_00D0
        }
    }
}
