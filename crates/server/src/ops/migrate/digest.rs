//! What two stores compare instead of events: for each day their number, and a checksum that does not depend on their
//! order.

use std::collections::BTreeMap;
use std::hash::Hasher as _;

use millimetric_core::column::Column;
use millimetric_core::event::Event;
use millimetric_core::time::{DAY_MILLIS, Timestamp};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// Number and checksum of some events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Digest {
    /// How many there are.
    pub(super) events: u64,
    /// The sum of their hashes, modulo 2^128.
    sum: u128,
}

impl Digest {
    /// Adds others.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self { events: self.events + other.events, sum: self.sum.wrapping_add(other.sum) }
    }
}

/// A day in UTC, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

impl Day {
    pub(super) fn of(at: Timestamp) -> Self {
        Self(at.millis().div_euclid(DAY_MILLIS))
    }

    /// The times of its beginning and of its end.
    pub(super) fn bounds(self) -> (Timestamp, Timestamp) {
        let at = |day: i64| Timestamp::MIN.plus_millis(day * DAY_MILLIS - Timestamp::MIN.millis());
        (at(self.0), at(self.0 + 1))
    }
}

/// The digest of each day that has events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Days(BTreeMap<Day, Digest>);

impl Days {
    /// Adds an event.
    pub(super) fn add(&mut self, event: &Event) {
        let day = self.0.entry(Day::of(event.timestamp)).or_default();
        *day = day.and(Digest { events: 1, sum: hash(event) });
    }

    /// The digest of a day.
    pub(super) fn get(&self, day: Day) -> Digest {
        self.0.get(&day).copied().unwrap_or_default()
    }

    /// Replaces the digest of a day.
    pub(super) fn set(&mut self, day: Day, digest: Digest) {
        self.0.insert(day, digest);
    }

    /// The days that differ.
    pub(super) fn differing(&self, other: &Self) -> Vec<Day> {
        let all = self.0.keys().chain(other.0.keys().filter(|day| !self.0.contains_key(day)));
        all.copied().filter(|day| self.get(*day) != other.get(*day)).collect()
    }

    /// The digest of all days.
    pub(super) fn total(&self) -> Digest {
        self.0.values().fold(Digest::default(), |sum, day| sum.and(*day))
    }
}

/// The hash of everything that is stored of an event.
fn hash(event: &Event) -> u128 {
    let mut hasher = SipHasher13::new();
    hasher.write_i64(event.timestamp.millis());
    hasher.write_i64(event.received_at.millis());
    for column in Column::ALL {
        match event.text(column) {
            Some(text) => {
                hasher.write_u64(text.len() as u64 + 1);
                hasher.write(text.as_bytes());
            }
            None => hasher.write_u64(0),
        }
    }
    hasher.finish128().as_u128()
}

/// The hash of what identifies an event: its id and its time.
pub(super) fn identity(event: &Event) -> u128 {
    let mut hasher = SipHasher13::new();
    hasher.write_i64(event.timestamp.millis());
    hasher.write(event.event_id.as_bytes());
    hasher.finish128().as_u128()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, user: Option<&str>, at: i64) -> Event {
        let at = Timestamp::from_millis(at).unwrap();
        Event::from_texts(at, at, |column| match column {
            Column::EventId => Some(id),
            Column::UserId => user,
            _ => None,
        })
    }

    fn days(events: &[Event]) -> Days {
        let mut days = Days::default();
        for event in events {
            days.add(event);
        }
        days
    }

    #[test]
    fn the_order_of_events_does_not_matter_and_every_value_does() {
        let [one, two] = [event("a", None, 5), event("b", Some("u"), DAY_MILLIS)];
        let both = days(&[one.clone(), two.clone()]);
        assert_eq!(both, days(&[two.clone(), one.clone()]));
        assert_eq!(both.total().events, 2);
        for other in [event("a", Some(""), 5), event("a", None, 6), event("c", None, 5)] {
            assert_eq!(both.differing(&days(&[other, two.clone()])), [Day(0)]);
        }
        assert_eq!(both.differing(&days(&[one])), [Day(1)]);
    }

    #[test]
    fn a_day_before_1970_has_its_bounds_too() {
        let at = Timestamp::from_millis(-1).unwrap();
        let (from, to) = Day::of(at).bounds();
        assert_eq!((from.millis(), to.millis()), (-DAY_MILLIS, 0));
        assert_eq!(Day::of(Timestamp::MIN).bounds().0, Timestamp::MIN);
    }
}
