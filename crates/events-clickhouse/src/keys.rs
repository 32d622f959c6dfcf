//! Keyed hashes of people's ids. They find a person's events without the id, which would otherwise stay readable in
//! the text of a mutation.

use std::hash::Hasher as _;

use millimetric_core::event::Event;
use millimetric_events::HashKey;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// A keyed hash of an id.
pub(crate) type Key = [u8; 16];

/// The kind of an id, which is hashed too, so that equal texts of two kinds have different hashes. The numbers are
/// those of the embedded engine, so that erasures can be moved from one to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum IdKind {
    /// An `anonymous_id`.
    Visitor = 2,
    /// A `user_id`.
    User = 3,
}

/// SipHash-1-3 with 128 bits of output (Aumasson and Bernstein, 2012), under the random key of the database.
#[derive(Clone, Copy)]
pub(crate) struct KeyedHash([u8; 16]);

impl KeyedHash {
    pub(crate) const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// The key.
    pub(crate) const fn key(self) -> HashKey {
        HashKey(self.0)
    }

    /// The hash of an id.
    pub(crate) fn of(self, kind: IdKind, id: &str) -> Key {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(&[kind as u8]);
        hasher.write(id.as_bytes());
        hasher.finish128().as_bytes()
    }

    /// The hashes of an event's user and visitor; zeros if there is no user.
    pub(crate) fn of_event(self, event: &Event) -> (Key, Key) {
        let user = event.user_id.as_deref().map(|user| self.of(IdKind::User, user));
        (user.unwrap_or_default(), self.of(IdKind::Visitor, &event.anonymous_id))
    }
}

/// The hash of its form in hexadecimal digits; `None` if it is none.
pub(crate) fn from_hex(text: &str) -> Option<Key> {
    let mut key = Key::default();
    hex::decode_to_slice(text, &mut key).ok().map(|()| key)
}
