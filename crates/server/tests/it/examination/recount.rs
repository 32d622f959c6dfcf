//! A naive recount: from exported events, as the contract defines each figure, in the plainest way.

use std::collections::{BTreeMap, BTreeSet};

use millimetric_core::classify::is_explicit_tag;
use millimetric_core::time::Timestamp;
use serde_json::Value;

/// A pause that ends a session, in milliseconds.
const PAUSE: i64 = 30 * 60 * 1000;
pub(super) const DAY: i64 = 24 * 60 * 60 * 1000;

/// An exported event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) visitor: String,
    columns: Value,
    pub(super) properties: Value,
}

impl Event {
    fn of(mut columns: Value) -> Self {
        let text = |name: &str| columns[name].as_str().unwrap_or_default().to_owned();
        let (at, name, id, visitor) =
            (text("timestamp"), text("event_name"), text("event_id"), text("anonymous_id"));
        let properties = match columns["properties"].take() {
            Value::String(text) => serde_json::from_str(&text).unwrap(),
            properties => properties,
        };
        Self { at: Timestamp::parse(&at).unwrap().millis(), name, id, visitor, columns, properties }
    }

    /// The text of a column; empty if there is none.
    pub(super) fn text(&self, column: &str) -> &str {
        self.columns[column].as_str().unwrap_or_default()
    }

    pub(super) fn is_view(&self) -> bool {
        self.name == "$pageview"
    }

    /// The id of the session that a client sent.
    fn sent_session(&self) -> Option<&str> {
        let id = self.text("session_id");
        let derived = format!("{}-{}", self.visitor, self.at.div_euclid(PAUSE));
        (!id.is_empty() && id != derived).then_some(id)
    }
}

/// A session of one visitor, with its events in order.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) visitor: String,
    pub(super) events: Vec<Event>,
}

impl Session {
    pub(super) fn begin(&self) -> i64 {
        self.events[0].at
    }

    pub(super) fn views(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.is_view())
    }

    pub(super) fn is_bounce(&self) -> bool {
        self.views().count() == 1 && self.events.iter().all(|event| event.name.starts_with('$'))
    }

    pub(super) fn entry(&self) -> &str {
        self.views().next().map(|view| view.text("path")).unwrap_or_default()
    }

    /// The event whose source is the session's; `None` if that is direct.
    fn credited(&self) -> Option<&Event> {
        let is_plain = |event: &&Event| matches!(event.text("source"), "direct" | "internal");
        let is_tagged = |event: &&Event| is_explicit_tag(event.text("source_rule_id"));
        Some(&self.events[0]).filter(|first| !is_plain(first)).or_else(|| self.events.iter().find(is_tagged))
    }

    pub(super) fn source(&self) -> String {
        self.credited().map_or("direct", |event| event.text("source")).to_owned()
    }

    pub(super) fn campaign(&self) -> String {
        self.credited().map_or("", |event| event.text("campaign")).to_owned()
    }

    pub(super) fn medium(&self) -> String {
        self.credited().map_or("direct", |event| event.text("medium")).to_owned()
    }
}

/// Everything that a project has stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) events: Vec<Event>,
    pub(super) sessions: Vec<Session>,
    /// Midnight of today.
    pub(super) today: i64,
}

impl Stored {
    /// From the lines of an export.
    pub(super) fn of(lines: &str, today: i64) -> Self {
        let mut events: Vec<Event> =
            lines.lines().map(|line| Event::of(serde_json::from_str(line).unwrap())).collect();
        events.sort_by(|one, two| (one.at, &one.id).cmp(&(two.at, &two.id)));
        let sessions = sessions(&events);
        Self { events, sessions, today }
    }

    /// The events of so many days up to midnight today.
    pub(super) fn last_days(&self, days: i64) -> Vec<&Event> {
        self.between(self.today - days * DAY, self.today)
    }

    pub(super) fn between(&self, from: i64, to: i64) -> Vec<&Event> {
        self.events.iter().filter(|event| (from..to).contains(&event.at)).collect()
    }

    /// The sessions with a page view that begin in so many days up to midnight today.
    pub(super) fn sessions_of_last(&self, days: i64) -> Vec<&Session> {
        self.sessions_between(self.today - days * DAY, self.today)
    }

    pub(super) fn sessions_between(&self, from: i64, to: i64) -> Vec<&Session> {
        let begins = |session: &&Session| (from..to).contains(&session.begin());
        self.sessions.iter().filter(begins).filter(|session| session.views().next().is_some()).collect()
    }

    /// The session that an event belongs to.
    pub(super) fn session_of(&self, event: &Event) -> &Session {
        let of_visitor = self.sessions.iter().filter(|session| session.visitor == event.visitor);
        of_visitor.into_iter().find(|session| session.events.iter().any(|one| one.id == event.id)).unwrap()
    }
}

impl Stored {
    /// What a column of an event or of its session holds; empty if there is nothing.
    pub(super) fn value(&self, event: &Event, column: &str) -> String {
        match column {
            "session_source" => self.session_of(event).source(),
            "session_medium" => self.session_of(event).medium(),
            "session_campaign" => self.session_of(event).campaign(),
            "entry_path" => self.session_of(event).entry().to_owned(),
            _ => event.text(column).to_owned(),
        }
    }
}

fn sessions(events: &[Event]) -> Vec<Session> {
    let mut by_visitor: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_visitor.entry(&event.visitor).or_default().push(event);
    }
    let mut sessions: Vec<Session> = Vec::new();
    for (visitor, events) in by_visitor {
        let mut sent: BTreeMap<&str, usize> = BTreeMap::new();
        // When the last event was, and in which session.
        let mut last: Option<(i64, usize)> = None;
        for event in events {
            let known = match event.sent_session() {
                Some(id) => sent.get(id).copied(),
                None => last.filter(|(at, _)| event.at - at <= PAUSE).map(|(_, session)| session),
            };
            let session = known.unwrap_or_else(|| {
                sessions.push(Session { visitor: visitor.to_owned(), events: Vec::new() });
                sessions.len() - 1
            });
            if let Some(id) = event.sent_session() {
                sent.insert(id, session);
            }
            sessions[session].events.push(event.clone());
            last = Some((event.at, session));
        }
    }
    sessions
}

/// The number of distinct visitors.
pub(super) fn visitors<'a>(events: impl IntoIterator<Item = &'a Event>) -> u64 {
    events.into_iter().map(|event| &event.visitor).collect::<BTreeSet<_>>().len() as u64
}

/// The events of this name.
pub(super) fn named<'a>(events: &[&'a Event], name: &str) -> Vec<&'a Event> {
    events.iter().copied().filter(|event| event.name == name).collect()
}

/// The numbers in a property.
pub(super) fn numbers(events: &[&Event], property: &str) -> Vec<f64> {
    let mut numbers: Vec<f64> =
        events.iter().filter_map(|event| event.properties[property].as_f64()).collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// How often each key occurs, most frequent first, ties by key.
pub(super) fn counts<K: Ord + Clone>(keys: impl IntoIterator<Item = K>) -> Vec<(K, u64)> {
    let mut counts: BTreeMap<K, u64> = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(key, count), (other_key, other)| (other, key).cmp(&(count, other_key)));
    counts
}
