//! The reference implementation of sessions: assigns each visitor's events one by one, following the contract
//! (4.1).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use millimetric_core::classify::is_explicit_tag;
use millimetric_core::event::Event;
use millimetric_core::query::{
    Buckets, Filter, PAGE_VIEW, PagesQuery, PagesResponse, PagesRow, PagesSort, SessionColumn, SessionsQuery,
    SessionsResponse, SessionsRow,
};
use millimetric_core::time::{TimeRange, Timestamp};

use super::{Chosen, bucket, cut, key, passes};

const HALF_HOUR: i64 = 1_800_000;
const DAY: i64 = 86_400_000;

/// The events of a session, in order of time, then id.
pub(super) struct Session<'a>(Vec<&'a Event>);

impl<'a> Session<'a> {
    pub(super) fn first(&self) -> &'a Event {
        self.0[0]
    }

    pub(super) fn events(&self) -> &[&'a Event] {
        &self.0
    }

    /// The page views, in order of time, then path.
    fn views(&self) -> Vec<&'a Event> {
        let mut views: Vec<&Event> =
            self.0.iter().copied().filter(|event| event.event_name == PAGE_VIEW).collect();
        views.sort_by_key(|view| (view.timestamp, view.path.as_deref()));
        views
    }

    /// The event that the session is credited to.
    fn source(&self) -> Option<&'a Event> {
        let is_known = |event: &Event| {
            event.source != "internal" && (event.source != "direct" || is_explicit_tag(&event.source_rule_id))
        };
        let is_tagged = |event: &Event| is_known(event) && is_explicit_tag(&event.source_rule_id);
        if is_known(self.0[0]) {
            Some(self.0[0])
        } else {
            self.0.iter().copied().find(|event| is_tagged(event))
        }
    }

    pub(super) fn value(&self, column: SessionColumn) -> Option<String> {
        let (views, source) = (self.views(), self.source());
        let (event, otherwise) = match column {
            SessionColumn::EntryPath => (views.first().copied(), None),
            SessionColumn::ExitPath => (views.last().copied(), None),
            SessionColumn::Campaign => (Some(source.unwrap_or(self.0[0])), None),
            SessionColumn::Confidence => (source, Some("high")),
            SessionColumn::Source | SessionColumn::Medium | SessionColumn::RuleId => (source, Some("direct")),
        };
        event.map_or(otherwise, |event| event.text(column.column())).map(str::to_owned)
    }
}

/// All sessions of the events up to the end of the range, from a day before its start.
pub(super) fn sessions_of(events: &[Event], range: TimeRange) -> Vec<Rc<Session<'_>>> {
    let read = range.from().millis() - DAY..range.to().millis();
    let mut visitors: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events.iter().filter(|event| read.contains(&event.timestamp.millis())) {
        visitors.entry(&event.anonymous_id).or_default().push(event);
    }
    let mut all = Vec::new();
    for events in visitors.values_mut() {
        events.sort_by_key(|event| (event.timestamp, &event.event_id));
        let mut sessions: Vec<(Option<&str>, Vec<&Event>)> = Vec::new();
        let mut latest: Option<(Timestamp, usize)> = None;
        for event in events {
            let window = event.timestamp.millis().div_euclid(HALF_HOUR);
            let derived = format!("{}-{window}", event.anonymous_id);
            let sent = (event.session_id != derived).then_some(event.session_id.as_str());
            let known = match (sent, latest) {
                (Some(_), _) => sessions.iter().position(|(id, _)| *id == sent),
                (None, Some((at, session))) if event.timestamp.millis() - at.millis() <= HALF_HOUR => {
                    Some(session)
                }
                (None, _) => None,
            };
            let session = known.unwrap_or_else(|| {
                sessions.push((sent, Vec::new()));
                sessions.len() - 1
            });
            sessions[session].1.push(event);
            latest = Some((event.timestamp, session));
        }
        all.extend(sessions.into_iter().map(|(_, events)| Rc::new(Session(events))));
    }
    all
}

/// The events from a day before the range to its end, each with its session.
pub(super) fn of_events(events: &[Event], range: TimeRange) -> Vec<Chosen<'_>> {
    let mut all = Vec::new();
    for session in sessions_of(events, range) {
        all.extend(session.0.iter().map(|event| Chosen { event, session: Rc::clone(&session) }));
    }
    all
}

/// The entry of a session, with its session's columns.
fn entry<'a>(session: &Rc<Session<'a>>) -> Option<Chosen<'a>> {
    let event = *session.views().first()?;
    Some(Chosen { event, session: Rc::clone(session) })
}

/// The sessions that begin in the range and whose entry passes the filters, with their entry.
fn counted<'a>(events: &'a [Event], range: TimeRange, filters: &[Filter]) -> Vec<Chosen<'a>> {
    let begins = |session: &Rc<Session<'_>>| range.contains(session.0[0].timestamp);
    let sessions = sessions_of(events, range).into_iter().filter(begins);
    sessions.filter_map(|session| entry(&session)).filter(|entry| passes(entry, filters)).collect()
}

fn is_bounce(session: &Session<'_>) -> bool {
    session.views().len() == 1 && session.0.iter().all(|event| event.event_name.starts_with('$'))
}

/// A bucket, and the values of the groups.
type Group = (Option<Timestamp>, Vec<Option<String>>);

pub(super) fn sessions(events: &[Event], query: &SessionsQuery) -> SessionsResponse {
    let counted = counted(events, query.range, &query.filters);
    let mut rows = rows(&counted, query, query.buckets);
    let first = || self::rows(&counted, query, None).into_iter().map(|row| row.keys).collect();
    let truncated = cut(&mut rows, query.limit, |row| (row.bucket, row.keys.clone()), first);
    SessionsResponse { rows, truncated, other: 0 }
}

/// All rows, in their order.
fn rows(entries: &[Chosen<'_>], query: &SessionsQuery, buckets: Option<Buckets>) -> Vec<SessionsRow> {
    let mut groups: BTreeMap<Group, Vec<Rc<Session<'_>>>> = BTreeMap::new();
    if buckets.is_none() && query.group_by.is_empty() {
        groups.insert((None, Vec::new()), Vec::new());
    }
    for entry in entries {
        let start = buckets.map(|buckets| bucket(buckets, entry.session.0[0].timestamp));
        let keys = query.group_by.iter().map(|dimension| key(entry, dimension)).collect();
        groups.entry((start, keys)).or_default().push(Rc::clone(&entry.session));
    }
    let row = |((bucket, keys), sessions): (Group, Vec<Rc<Session<'_>>>)| {
        let duration = |session: &Rc<Session<'_>>| {
            let [first, .., last] = session.0[..] else { return 0 };
            last.timestamp.millis() - first.timestamp.millis()
        };
        let mut durations: Vec<i64> = sessions.iter().map(duration).collect();
        durations.sort_unstable();
        let middle = |index: usize| durations[index] as f64;
        let count = sessions.len();
        SessionsRow {
            bucket,
            keys,
            sessions: count as u64,
            bounces: sessions.iter().filter(|session| is_bounce(session)).count() as u64,
            views: sessions.iter().map(|session| session.views().len() as u64).sum(),
            median_millis: (count > 0).then(|| f64::midpoint(middle((count - 1) / 2), middle(count / 2))),
        }
    };
    // The map is sorted by bucket and keys.
    let mut rows: Vec<SessionsRow> = groups.into_iter().map(row).collect();
    rows.sort_by_key(|row| (row.bucket, Reverse(row.sessions)));
    rows
}

pub(super) fn pages(events: &[Event], query: &PagesQuery) -> PagesResponse {
    let mut rows: BTreeMap<Option<&str>, (PagesRow, BTreeSet<&str>)> = BTreeMap::new();
    let mut response = PagesResponse::default();
    for session in sessions_of(events, query.range) {
        if entry(&session).is_some_and(|entry| passes(&entry, &query.filters)) {
            for view in session.views().into_iter().filter(|view| query.range.contains(view.timestamp)) {
                let (row, visitors) = rows.entry(view.path.as_deref()).or_default();
                row.views += 1;
                visitors.insert(&view.anonymous_id);
            }
        }
    }
    for entry in counted(events, query.range, &query.filters) {
        let bounce = u64::from(is_bounce(&entry.session));
        response.sessions += 1;
        response.bounces += bounce;
        if let Some(exit) = entry.session.views().last() {
            rows.entry(exit.path.as_deref()).or_default().0.exits += 1;
        }
        let (row, _) = rows.entry(entry.event.path.as_deref()).or_default();
        row.entries += 1;
        row.bounces += bounce;
    }
    response.rows = rows
        .into_iter()
        .map(|(path, (row, visitors))| PagesRow {
            path: path.map(str::to_owned),
            uniques: visitors.len() as u64,
            ..row
        })
        .collect();
    response.rows.sort_by_key(|row| {
        Reverse(match query.sort {
            PagesSort::Views => row.views,
            PagesSort::Entries => row.entries,
            PagesSort::Exits => row.exits,
        })
    });
    response.truncated = response.rows.len() > query.limit.get();
    response.rows.truncate(query.limit.get());
    response
}
