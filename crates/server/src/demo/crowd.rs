//! The visitors: who they are for good, who of them comes now, and who has signed up.
//!
//! A visitor is a number; everything lasting about one follows from the seed and that number, so
//! that millions of them take sixteen bytes each.

use millimetric_core::event::Country;
use millimetric_core::time::Timestamp;

use super::catalogue::{AGENTS, COUNTRIES};
use super::random::Random;

/// Visits of a thousand that are somebody's first.
const FIRST_VISITS: u64 = 420;

/// Return visits of a thousand that are of the faithful, who were there early and stay.
const FAITHFUL_VISITS: u64 = 300;

/// How long nobody comes back after a visit.
const REST_MILLIS: i64 = 2_400_000;

/// Everybody who was there so far.
#[derive(Debug)]
pub(super) struct Crowd {
    seed: u64,
    /// By the visitor's number.
    known: Vec<Known>,
}

/// What changes about a visitor.
#[derive(Debug)]
struct Known {
    has_account: bool,
    last_seen: Timestamp,
}

/// Somebody who comes now.
#[derive(Debug)]
pub(super) struct Visitor {
    number: usize,
    pub(super) anonymous_id: String,
    /// The name after a sign-up.
    pub(super) user_id: String,
    pub(super) signed_up: bool,
    pub(super) first_visit: bool,
    pub(super) user_agent: &'static str,
    pub(super) country: Country,
}

impl Crowd {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, known: Vec::new() }
    }

    /// A new visitor, or one who was there before: mostly somebody who first came lately, at times
    /// one of the few who have come for long. Nobody is there twice at once.
    pub(super) fn visit(&mut self, now: Timestamp, random: &mut Random) -> Visitor {
        let count = self.known.len();
        let rank = random.skewed(count as u64) as usize;
        let number = if random.chance(FAITHFUL_VISITS) { rank } else { count.saturating_sub(1 + rank) };
        let rested = |known: &Known| known.last_seen.plus_millis(REST_MILLIS) < now;
        if random.chance(FIRST_VISITS) || !self.known.get(number).is_some_and(rested) {
            self.known.push(Known { has_account: false, last_seen: now });
            return self.visitor(count, true);
        }
        self.visitor(number, false)
    }

    /// Ends the visit: when it did, and whether an account was made in it.
    pub(super) fn leave(&mut self, visitor: &Visitor, at: Timestamp, made_account: bool) {
        let known = &mut self.known[visitor.number];
        known.last_seen = at;
        known.has_account |= made_account;
    }

    fn visitor(&self, number: usize, first_visit: bool) -> Visitor {
        let mut own = Random::of_member(self.seed, number as u64);
        Visitor {
            number,
            anonymous_id: format!("anon_{:016x}", own.next()),
            user_id: format!("user_{:08}", own.below(90_000_000) + 10_000_000),
            signed_up: self.known[number].has_account,
            first_visit,
            user_agent: own.weighted(AGENTS, |(weight, _)| *weight).1,
            country: own.weighted(COUNTRIES, |(weight, _)| *weight).1.parse().unwrap_or_default(),
        }
    }
}
