//! Sessions (contract, 4.1): which events of a visitor belong together, and where a session came from.
//!
//! Pure, and generic over how events are referred to, so that an event store runs the same code over its
//! rows. Nothing here is stored: sessions are computed when they are asked for.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use crate::classify::is_explicit_tag;
use crate::time::Timestamp;

/// The longest pause between an event without a session id and the event before it, in milliseconds.
pub const MAX_PAUSE: i64 = 30 * 60 * 1000;

/// How far before its range a query looks for the first event of a session, in milliseconds.
pub const LOOKBACK: i64 = 24 * 60 * 60 * 1000;

/// Length of the windows that derived session ids are made of, in milliseconds.
pub const WINDOW: i64 = 1800 * 1000;

/// The id that is stored with an event for which the client sent none:
/// `{anonymous_id}-{floor(unix_seconds/1800)}` (contract, section 3). No report uses it.
pub fn derived_id(anonymous_id: &str, at: Timestamp) -> String {
    format!("{anonymous_id}-{}", at.millis().div_euclid(WINDOW))
}

/// Whether a session id is the one that [`derived_id`] returns for its event, and so counts as not sent.
pub fn is_derived_id(session_id: &str, anonymous_id: &str, at: Timestamp) -> bool {
    let number = session_id.strip_prefix(anonymous_id).and_then(|rest| rest.strip_prefix('-'));
    let is_plain =
        |number: &&str| !matches!(number.as_bytes(), [b'+', ..] | [b'0', _, ..] | [b'-', b'0', ..]);
    number.filter(is_plain).is_some_and(|number| number.parse() == Ok(at.millis().div_euclid(WINDOW)))
}

/// Assigns events to sessions. Takes the events of any number of visitors; those of each visitor in order of
/// time, then `event_id`.
#[derive(Debug, Default)]
pub struct Sessionizer<V, I, S> {
    /// Time and session of each visitor's latest event.
    latest: HashMap<V, (i64, u32), S>,
    /// The session of each id that a client sent, by visitor.
    sent: HashMap<(V, I), u32, S>,
    sessions: u32,
}

impl<V: Copy + Eq + Hash, I: Eq + Hash, S: BuildHasher> Sessionizer<V, I, S> {
    /// Returns the number of the session that the event belongs to. Sessions are numbered from 0, in order of
    /// their first event. `at` is in milliseconds; `sent` is the session id unless it counts as not sent.
    pub fn session(&mut self, visitor: V, at: i64, sent: Option<I>) -> u32 {
        let next = self.sessions;
        let session = match (sent, self.latest.get(&visitor)) {
            (Some(id), _) => *self.sent.entry((visitor, id)).or_insert(next),
            (None, Some((before, session))) if at - before <= MAX_PAUSE => *session,
            (None, _) => next,
        };
        self.sessions += u32::from(session == next);
        self.latest.insert(visitor, (at, session));
        session
    }
}

/// What the name of an event means for its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// `$pageview`.
    PageView,
    /// Another system event, whose name starts with `$`.
    System,
    /// An event of the site's own.
    Custom,
}

impl EventKind {
    /// The kind of the event with this name.
    pub fn of(event_name: &str) -> Self {
        match event_name {
            crate::event::PAGE_VIEW => Self::PageView,
            name if name.starts_with('$') => Self::System,
            _ => Self::Custom,
        }
    }
}

/// What the classification of an event means for its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It names no source: direct, or from within the site.
    Unknown,
    /// It names a source, by its referrer.
    Referrer,
    /// It names a source, by a click id or a utm parameter, or by a rule of the project.
    Tagged,
}

impl Origin {
    /// The origin of an event with this `source` and `source_rule_id`.
    pub fn of(source: &str, rule_id: &str) -> Self {
        Self::of_source(source, is_explicit_tag(rule_id))
    }

    /// The origin of an event with this `source`, by a rule that reads [explicit tags](is_explicit_tag) or by
    /// another.
    pub fn of_source(source: &str, is_tagged: bool) -> Self {
        match source {
            // A tag may say so too (`utm_source=internal`), and still no session is credited to it.
            "internal" => Self::Unknown,
            _ if is_tagged => Self::Tagged,
            "direct" => Self::Unknown,
            _ => Self::Referrer,
        }
    }
}

/// An event of a session; `R` refers to it.
#[derive(Debug, Clone, Copy)]
pub struct SessionEvent<R> {
    /// The event.
    pub event: R,
    /// Milliseconds since 1970.
    pub at: i64,
    /// What its name means.
    pub kind: EventKind,
    /// What its classification means.
    pub origin: Origin,
}

/// A session, as far as its events were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session<R> {
    /// Its first event.
    pub first: R,
    /// The time of the first event, in milliseconds since 1970.
    pub first_at: i64,
    /// Its last event.
    pub last: R,
    /// The time of the last event.
    pub last_at: i64,
    /// Its page views. Only sessions that have some are counted.
    pub views: Option<PageViews<R>>,
    /// Whether it has an event whose name does not start with `$`.
    pub has_custom_events: bool,
    /// The event whose classification is that of the session; none if the session is direct.
    pub source: Option<R>,
}

/// The page views of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageViews<R> {
    /// The first one; of those at the same time, the one with the lowest path.
    pub entry: R,
    entry_at: i64,
    /// The last one; of those at the same time, the one with the highest path.
    pub exit: R,
    exit_at: i64,
    /// How many there are.
    pub count: u32,
}

impl<R: Copy> Session<R> {
    /// A session with its first event.
    pub fn new(event: SessionEvent<R>) -> Self {
        let SessionEvent { event: first, at, kind, origin } = event;
        let view = PageViews { entry: first, entry_at: at, exit: first, exit_at: at, count: 1 };
        Self {
            first,
            first_at: at,
            last: first,
            last_at: at,
            views: (kind == EventKind::PageView).then_some(view),
            has_custom_events: kind == EventKind::Custom,
            source: (origin != Origin::Unknown).then_some(first),
        }
    }

    /// Adds the next event, in order of time, then `event_id`. `compare_paths` compares the paths of two page
    /// views.
    pub fn add(&mut self, event: SessionEvent<R>, compare_paths: impl Fn(R, R) -> Ordering) {
        let SessionEvent { event, at, kind, origin } = event;
        (self.last, self.last_at) = (event, at);
        match (kind, &mut self.views) {
            (EventKind::Custom, _) => self.has_custom_events = true,
            (EventKind::System, _) => {}
            (EventKind::PageView, None) => {
                let view = PageViews { entry: event, entry_at: at, exit: event, exit_at: at, count: 1 };
                self.views = Some(view);
            }
            (EventKind::PageView, Some(views)) => views.add(event, at, compare_paths),
        }
        // If the first event names a source, that is the one.
        if self.source.is_none() && origin == Origin::Tagged {
            self.source = Some(event);
        }
    }

    /// Whether it has one page view, and no other event than system events.
    pub fn is_bounce(&self) -> bool {
        !self.has_custom_events && self.views.is_some_and(|views| views.count == 1)
    }

    /// The time from its first to its last event, in milliseconds.
    pub const fn duration(&self) -> i64 {
        self.last_at - self.first_at
    }
}

impl<R: Copy> PageViews<R> {
    fn add(&mut self, event: R, at: i64, compare_paths: impl Fn(R, R) -> Ordering) {
        self.count += 1;
        if at == self.entry_at && compare_paths(event, self.entry).is_lt() {
            self.entry = event;
        }
        if at > self.exit_at || compare_paths(event, self.exit).is_ge() {
            (self.exit, self.exit_at) = (event, at);
        }
    }
}
