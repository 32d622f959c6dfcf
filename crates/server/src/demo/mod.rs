//! Seeded demo traffic: what the browsers of a busy web shop would have sent, in order of time.
//!
//! Pure: the same seed, size and end give the same events on any machine (whole numbers only, no
//! clock, no system generator). Knows no store, key or project: the raw inputs go through the same
//! pipeline as anybody's ([`finished`]).

mod catalogue;
mod crowd;
mod finish;
mod random;
mod rhythm;
mod session;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use millimetric_core::event::Country;
use millimetric_core::time::Timestamp;

pub use self::finish::finished;

use self::crowd::Crowd;
use self::random::Random;
use self::rhythm::Rhythm;

/// One event as a browser would have sent it, before any rule of the product touched it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DemoEvent {
    /// When it happened.
    pub timestamp: Timestamp,
    /// `evt_<uuid v7>` made of the timestamp and the seed; never twice.
    pub event_id: String,
    /// `$pageview`, `$identify`, `signup`, `add_to_cart`, `purchase`, …
    pub event: &'static str,
    /// The visitor.
    pub anonymous_id: String,
    /// Set on everything that follows a visitor's sign-up.
    pub user_id: Option<String>,
    /// The page, campaign parameters included.
    pub url: String,
    /// The page before it.
    pub referrer: Option<String>,
    /// The visitor's browser; it never changes.
    pub user_agent: &'static str,
    /// The visitor's country; it never changes.
    pub country: Country,
    /// A JSON object as compact text.
    pub properties: String,
}

/// The events in order of time (ties by `event_id`): visitors who come back, sessions with a
/// course, nights, weekends and growth.
#[derive(Debug)]
pub struct DemoTraffic {
    random: Random,
    rhythm: Rhythm,
    crowd: Crowd,
    /// Events to make altogether.
    wanted: u64,
    /// Events of the sessions begun so far.
    planned: u64,
    /// When the next session begins; every waiting event before it is due.
    next_session: Timestamp,
    waiting: BinaryHeap<Reverse<DemoEvent>>,
}

impl DemoTraffic {
    /// Exactly `events` events within the `days` days (0 counts as 1) before `end`.
    pub fn new(seed: u64, events: u64, days: u32, end: Timestamp) -> Self {
        let rhythm = Rhythm::new(seed, days.max(1), end);
        Self {
            random: Random::new(seed),
            crowd: Crowd::new(seed),
            wanted: events,
            planned: 0,
            next_session: rhythm.timestamp(0, 1),
            rhythm,
            waiting: BinaryHeap::new(),
        }
    }

    /// Plans the next session. Sessions begin where their share of all events falls in the
    /// rhythm, so that busy hours need no second bookkeeping and the total comes out exactly.
    fn begin_session(&mut self) {
        let begin = self.next_session;
        let visitor = self.crowd.visit(begin, &mut self.random);
        let mut session = session::play(&visitor, begin, self.rhythm.end(), &mut self.random);
        session.truncate(usize::try_from(self.wanted - self.planned).unwrap_or(usize::MAX));
        let made_account = session.iter().any(|event| event.event == "signup");
        let left_at = session.last().map_or(begin, |event| event.timestamp);
        self.crowd.leave(&visitor, left_at, made_account);
        self.planned += session.len() as u64;
        self.next_session = self.rhythm.timestamp(self.planned, self.wanted);
        self.waiting.extend(session.into_iter().map(Reverse));
    }
}

impl Iterator for DemoTraffic {
    type Item = DemoEvent;

    fn next(&mut self) -> Option<DemoEvent> {
        while self.planned < self.wanted
            && self.waiting.peek().is_none_or(|Reverse(event)| event.timestamp >= self.next_session)
        {
            self.begin_session();
        }
        self.waiting.pop().map(|Reverse(event)| event)
    }
}

#[cfg(test)]
mod tests;
