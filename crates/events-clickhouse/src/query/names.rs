//! `GET /v1/events`: which event names occur, and which properties their events have.

mod by_scan;
mod by_sql;

use std::cmp::Reverse;
use std::collections::HashMap;

use millimetric_core::query::{
    Column, EventSelector, Filter, NamesQuery, NamesResponse, NamesRow, PropertyName, PropertySeen, Test,
};
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::StoreError;

use super::scan::resolve::resolve;
use super::scan::row::instant;
use super::scan::{Reader, pushdown};

/// Most bytes of event names that a statement names.
const MOST_UNREAD: usize = 32 << 10;

/// Runs the query.
pub(super) async fn names(reader: &Reader<'_>, query: &NamesQuery) -> Result<NamesResponse, StoreError> {
    let mut query = query.clone();
    resolve(reader, ever(), &mut EventSelector::Any, &mut query.filters).await?;
    let query = &query;
    let is_exact = pushdown::decides(&query.filters);
    let (names, seen) = if is_exact {
        (read_names(reader, query).await?, by_sql::seen(reader, query).await?)
    } else {
        (by_scan::names(reader, query).await?, by_scan::seen(reader, query).await?)
    };
    let mut rows: Vec<NamesRow> = names.into_iter().map(|name| name.row(&seen)).collect();
    rows.sort_by(|a, b| (Reverse(a.count), &a.event_name).cmp(&(Reverse(b.count), &b.event_name)));
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    Ok(NamesResponse { rows, truncated, ..NamesResponse::default() })
}

/// The names of the range, by filters that SQL decides.
async fn read_names(reader: &Reader<'_>, query: &NamesQuery) -> Result<Vec<CountedName>, StoreError> {
    let (mut names, unread) = by_sql::names(reader, query).await?;
    if unread.iter().map(String::len).sum::<usize>() > MOST_UNREAD {
        return by_scan::names(reader, query).await;
    }
    if !unread.is_empty() {
        names.retain(|name| !unread.contains(&name.name));
        let mut query = query.clone();
        query.filters.push(Filter::of(Column::EventName, Test::OneOf(unread)));
        names.extend(by_scan::names(reader, &query).await?);
    }
    Ok(names)
}

/// When the events of each name were first and last seen, in milliseconds since 1970.
type Seen = HashMap<String, (i64, i64)>;

/// What is counted of an event name in the range.
struct CountedName {
    name: String,
    count: u64,
    uniques: u64,
    first: i64,
    last: i64,
    /// Properties, each with the number of events that have it.
    properties: Vec<(String, u64)>,
    /// How often events have a property that is not among `properties`.
    other_properties: u64,
}

impl CountedName {
    fn row(self, seen: &Seen) -> NamesRow {
        let (first, last) = seen.get(&self.name).copied().unwrap_or((self.first, self.last));
        let (mut properties, unnamed): (Vec<_>, Vec<_>) =
            self.properties.into_iter().partition(|(name, _)| PropertyName::new(name).is_some());
        properties.sort_by(|(a, count), (b, other)| (Reverse(count), a).cmp(&(Reverse(other), b)));
        let cut = properties.split_off(properties.len().min(NamesRow::MAX_PROPERTIES));
        let others: u64 = cut.iter().chain(&unnamed).map(|(_, count)| count).sum();
        let seen = |(name, count)| PropertySeen { name, count };
        NamesRow {
            event_name: self.name,
            count: self.count,
            uniques: self.uniques,
            first_seen: instant(first.min(self.first)),
            last_seen: instant(last.max(self.last)),
            properties: properties.into_iter().map(seen).collect(),
            other_properties: self.other_properties + others,
        }
    }
}

/// All times.
fn ever() -> TimeRange {
    TimeRange::new(Timestamp::MIN, Timestamp::MAX).unwrap_or(TimeRange::LAST)
}
