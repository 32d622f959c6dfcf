//! Keyed hashes of identifiers. Without the store's key nobody can craft a collision, and a stored hash
//! reveals nothing about the identifier.

use std::hash::Hasher as _;

use millimetric_events::HashKey;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// The kind of an identifier, which is hashed too, so that equal texts of two kinds have different hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum IdKind {
    Event = 1,
    Visitor = 2,
    User = 3,
    Session = 4,
}

/// SipHash-1-3 with 128 bits of output (Aumasson and Bernstein, 2012), under the store's random key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedHash([u8; 16]);

impl KeyedHash {
    pub(crate) const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// The key.
    pub(crate) const fn key(self) -> HashKey {
        HashKey(self.0)
    }

    /// The hash of an identifier.
    pub(crate) fn of(&self, kind: IdKind, text: impl AsRef<[u8]>) -> u128 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(&[kind as u8]);
        hasher.write(text.as_ref());
        hasher.finish128().as_u128()
    }
}
