//! Paths from starts that need more than SQL.

use std::borrow::Cow;

use millimetric_core::query::{
    Column, Filter, JourneyDirection, JourneyStep, JourneysQuery, JourneysRow, PAGE_VIEW,
};
use millimetric_events::StoreError;

use crate::query::count::groups::{Distinct, Group, Groups};
use crate::query::scan::needs::Needs;
use crate::query::scan::visitor::Visitor;
use crate::query::scan::visitors::Unit;
use crate::query::scan::{Reader, Scan};

/// What is counted of a path.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    sessions: u64,
    visitors: Distinct,
}

/// Counts the paths, in no order.
pub(super) async fn count(
    reader: &Reader<'_>,
    query: &JourneysQuery,
    starts: &[Filter],
) -> Result<Vec<JourneysRow>, StoreError> {
    let needs = Needs::default().with_sessions().with_filters(starts);
    let scan = Scan { needs, range: query.range, filters: starts, unit: Unit::Sessions };
    let mut visitors = reader.visitors(&scan);
    let mut groups: Groups<Counts> = Groups::new(reader.max_bytes());
    while let Some(visitor) = visitors.next().await? {
        for path in paths(&visitor, query, starts) {
            let counts = groups.of(None, &path, Counts::default)?;
            counts.sessions += 1;
            counts.visitors.add(visitor.number);
        }
    }
    let row = |(group, counts): (Group, Counts)| JourneysRow {
        path: group.texts.into_iter().flatten().collect(),
        sessions: counts.sessions,
        visitors: counts.visitors.count,
    };
    Ok(groups.sorted().into_iter().map(row).collect())
}

/// The path of each session of a visitor that has a start.
fn paths<'a>(
    visitor: &'a Visitor,
    query: &JourneysQuery,
    starts: &[Filter],
) -> Vec<Vec<Option<Cow<'a, str>>>> {
    let is_backwards = query.direction == JourneyDirection::Backwards;
    let mut paths: Vec<Vec<Option<Cow<'_, str>>>> = vec![Vec::new(); visitor.sessions.len()];
    let events = 0..visitor.events.len();
    let events: Vec<usize> = if is_backwards { events.rev().collect() } else { events.collect() };
    for event in events {
        let path = &mut paths[visitor.session_of(event)];
        if path.len() == query.steps.get() {
            continue;
        }
        let row = &visitor.events[event];
        let begins = || query.range.contains(row.timestamp()) && visitor.passes(event, starts);
        let is_taken =
            if path.is_empty() { begins() } else { is_step(row.required(Column::EventName), query) };
        if is_taken {
            let step = JourneyStep::of(row.required(Column::EventName), row.text(Column::Path)).text();
            if path.last().is_none_or(|last| last.as_deref() != Some(&*step)) {
                path.push(Some(step));
            }
        }
    }
    paths.retain(|path| !path.is_empty());
    if is_backwards {
        for path in &mut paths {
            path.reverse();
        }
    }
    paths
}

/// Whether an event of this name is a step after the start.
fn is_step(event_name: &str, query: &JourneysQuery) -> bool {
    if event_name == PAGE_VIEW { query.page_views } else { !event_name.starts_with('$') }
}
