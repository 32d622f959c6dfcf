//! `GET /v1/query`: raw events, newest first; and one event by its id.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use millimetric_core::event::Event;
use millimetric_core::query::{Column, Cursor, EventQuery, EventsQuery, EventsResponse, Filter};
use millimetric_events::StoreError;

use super::scan::conditions::Conditions;
use super::scan::needs::Needs;
use super::scan::row::StoredRow;
use super::scan::visitor::Visitor;
use super::scan::visitors::Unit;
use super::scan::{Reader, Scan, pushdown};
use crate::sql;

/// The order of the response.
const NEWEST_FIRST: &str = "ORDER BY timestamp DESC, event_id DESC";

/// Runs the query for an event.
pub(super) async fn event(reader: &Reader<'_>, query: &EventQuery) -> Result<Option<Box<Event>>, StoreError> {
    let filters = [Filter::new(Column::EventId, query.event_id.as_str())];
    let scan = Scan { needs: Needs::everything(), range: query.range, filters: &filters, unit: Unit::Events };
    let found = reader.visitors(&scan).next().await?;
    Ok(found.and_then(|found| found.events.first().map(|row| Box::new(row.to_event()))))
}

/// Runs the query for a page of events.
pub(super) async fn events(reader: &Reader<'_>, query: &EventsQuery) -> Result<EventsResponse, StoreError> {
    let filters = query.events.and(&query.filters);
    let needs = Needs::everything().with_filters(&filters);
    let mut page = Page { most: query.limit.get() + 1, rows: BinaryHeap::new() };
    if needs.sessions {
        let scan = Scan { needs, range: query.range, filters: &filters, unit: Unit::Visitors };
        let mut visitors = reader.visitors(&scan);
        while let Some(visitor) = visitors.next().await? {
            page.add(visitor, query, &filters);
        }
    } else {
        let mut conditions = reader.conditions(query.range);
        continue_after(query.after.as_ref(), &mut conditions);
        let filters = pushdown::add(&filters, &mut conditions);
        let limit = if filters.is_empty() { format!(" LIMIT {}", page.most) } else { String::new() };
        let statement = conditions.select(&needs.columns.results(), &format!("{NEWEST_FIRST}{limit}"));
        let mut visitors = reader.visitors_of(&statement, Unit::Events);
        // The first rows that pass are the newest.
        while page.rows.len() < page.most {
            let Some(visitor) = visitors.next().await? else { break };
            page.add(visitor, query, &filters);
        }
    }
    Ok(page.response(query))
}

/// Adds the condition that an event comes after a row.
fn continue_after(after: Option<&Cursor>, conditions: &mut Conditions) {
    let Some(Cursor { timestamp, event_id }) = after else { return };
    let at = conditions.bind("Int64", timestamp.millis().to_string());
    let id = conditions.bind("String", sql::string(event_id));
    conditions.and(format!("(toUnixTimestamp64Milli(timestamp), event_id) < ({at}, {id})"));
    conditions.and_time("<=", timestamp.millis());
}

/// The newest events of those that were added.
struct Page {
    most: usize,
    rows: BinaryHeap<Reverse<Newest>>,
}

impl Page {
    /// Adds the events that the query selects.
    fn add(&mut self, visitor: Visitor, query: &EventsQuery, filters: &[Filter]) {
        let comes_after = |row: &StoredRow| {
            let position = |after: &Cursor| {
                (row.at, row.required(Column::EventId)) < (after.timestamp.millis(), after.event_id.as_str())
            };
            query.after.as_ref().is_none_or(position)
        };
        let passes = |event: &usize| comes_after(&visitor.events[*event]) && visitor.passes(*event, filters);
        let found: Vec<usize> = visitor.events_in(query.range).filter(passes).collect();
        let mut found = found.into_iter().peekable();
        for (event, row) in visitor.events.into_iter().enumerate() {
            if found.next_if_eq(&event).is_some() {
                self.rows.push(Reverse(Newest(row)));
                if self.rows.len() > self.most {
                    self.rows.pop();
                }
            }
        }
    }

    fn response(self, query: &EventsQuery) -> EventsResponse {
        // The newest is the smallest in the reversed order.
        let rows = self.rows.into_sorted_vec();
        let has_more = rows.len() > query.limit.get();
        let mut rows: Vec<Event> = rows.into_iter().map(|Reverse(Newest(row))| row.to_event()).collect();
        rows.truncate(query.limit.get());
        let cursor = |event: &Event| Cursor { timestamp: event.timestamp, event_id: event.event_id.clone() };
        let next = rows.last().filter(|_| has_more).map(cursor);
        EventsResponse { rows, next }
    }
}

/// A row in order of time, then `event_id`.
struct Newest(StoredRow);

impl Newest {
    fn position(&self) -> (i64, &str) {
        (self.0.at, self.0.required(Column::EventId))
    }
}

impl Ord for Newest {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.position().cmp(&other.position())
    }
}

impl PartialOrd for Newest {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Newest {
    fn eq(&self, other: &Self) -> bool {
        self.position() == other.position()
    }
}

impl Eq for Newest {}
