//! The reference implementation of journeys: walks along each session from its start, event by event, following
//! the definition of [`JourneysQuery`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use millimetric_core::event::Event;
use millimetric_core::query::{
    JourneyDirection, JourneyStart, JourneysQuery, JourneysResponse, JourneysRow, PAGE_VIEW,
};

use super::sessions::{Session, sessions_of};
use super::{Chosen, passes};

/// Whether paths begin or end with an event.
fn is_start(event: &Chosen<'_>, query: &JourneysQuery) -> bool {
    let is_selected = match &query.start {
        JourneyStart::Event(name) => event.event_name == *name,
        JourneyStart::Page(pattern) => {
            event.event_name == PAGE_VIEW && event.path.as_deref().is_some_and(|path| pattern.matches(path))
        }
    };
    is_selected && query.range.contains(event.timestamp) && passes(event, &query.filters)
}

fn is_step(event: &Event, query: &JourneysQuery) -> bool {
    if event.event_name == PAGE_VIEW { query.page_views } else { !event.event_name.starts_with('$') }
}

fn text(event: &Event) -> String {
    match (event.event_name.as_str(), &event.path) {
        (PAGE_VIEW, Some(path)) => path.clone(),
        (name, _) => name.to_owned(),
    }
}

/// The path of a session; `None` without a start.
fn path(session: &Rc<Session<'_>>, query: &JourneysQuery) -> Option<Vec<String>> {
    let mut events: Vec<Chosen<'_>> =
        session.events().iter().map(|event| Chosen { event, session: Rc::clone(session) }).collect();
    let is_backwards = query.direction == JourneyDirection::Backwards;
    if is_backwards {
        events.reverse();
    }
    let start = events.iter().position(|event| is_start(event, query))?;
    let steps = events[start + 1..].iter().filter(|event| is_step(event, query));
    let mut path: Vec<String> = [&events[start]].into_iter().chain(steps).map(|event| text(event)).collect();
    path.dedup();
    path.truncate(query.steps.get());
    if is_backwards {
        path.reverse();
    }
    Some(path)
}

pub(super) fn journeys(events: &[Event], query: &JourneysQuery) -> JourneysResponse {
    let mut paths: BTreeMap<Vec<String>, (u64, BTreeSet<&str>)> = BTreeMap::new();
    for session in sessions_of(events, query.range) {
        if let Some(path) = path(&session, query) {
            let (sessions, visitors) = paths.entry(path).or_default();
            *sessions += 1;
            visitors.insert(&session.first().anonymous_id);
        }
    }
    // The map is sorted by path.
    let mut rows: Vec<JourneysRow> = paths
        .into_iter()
        .map(|(path, (sessions, visitors))| JourneysRow { path, sessions, visitors: visitors.len() as u64 })
        .collect();
    rows.sort_by_key(|row| Reverse(row.sessions));
    let other = rows.split_off(query.limit.get().min(rows.len()));
    let sum = |rows: &[JourneysRow]| rows.iter().map(|row| row.sessions).sum::<u64>();
    JourneysResponse { sessions: sum(&rows) + sum(&other), other: sum(&other), rows }
}
