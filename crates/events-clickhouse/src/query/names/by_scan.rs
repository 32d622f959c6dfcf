//! Names and properties by filters that need more than SQL.

use std::borrow::Cow;
use std::collections::HashMap;

use millimetric_core::query::{Column, NamesQuery};
use millimetric_core::time::TimeRange;
use millimetric_events::StoreError;

use super::{CountedName, Seen, ever};
use crate::query::count::groups::{Distinct, Group, Groups};
use crate::query::scan::needs::Needs;
use crate::query::scan::visitors::Unit;
use crate::query::scan::{Reader, Scan, properties};

/// What is counted of a name.
#[derive(Default)]
struct Counts {
    events: u64,
    visitors: Distinct,
    first: i64,
    last: i64,
    properties: HashMap<String, u64>,
}

impl Counts {
    /// Adds an event at this time.
    fn add(&mut self, at: i64, visitor: u64) {
        (self.first, self.last) = match self.events {
            0 => (at, at),
            _ => (self.first.min(at), self.last.max(at)),
        };
        self.events += 1;
        self.visitors.add(visitor);
    }
}

/// The names of the range.
pub(super) async fn names(reader: &Reader<'_>, query: &NamesQuery) -> Result<Vec<CountedName>, StoreError> {
    let counts = count(reader, query, query.range, true).await?;
    let of_name = |(name, counts): (String, Counts)| CountedName {
        name,
        count: counts.events,
        uniques: counts.visitors.count,
        first: counts.first,
        last: counts.last,
        properties: counts.properties.into_iter().collect(),
        other_properties: 0,
    };
    Ok(counts.map(of_name).collect())
}

/// When the events of each name were first and last seen, in the range or not.
pub(super) async fn seen(reader: &Reader<'_>, query: &NamesQuery) -> Result<Seen, StoreError> {
    let counts = count(reader, query, ever(), false).await?;
    Ok(counts.map(|(event_name, counts)| (event_name, (counts.first, counts.last))).collect())
}

async fn count(
    reader: &Reader<'_>,
    query: &NamesQuery,
    range: TimeRange,
    with_properties: bool,
) -> Result<impl Iterator<Item = (String, Counts)>, StoreError> {
    let columns = [Column::EventName, Column::AnonymousId, Column::Properties];
    let columns = columns.into_iter().filter(|column| with_properties || *column != Column::Properties);
    let needs = Needs::of(columns).with_filters(&query.filters);
    let scan = Scan { needs, range, filters: &query.filters, unit: Unit::Parts };
    let mut visitors = reader.visitors(&scan);
    let mut groups: Groups<Counts> = Groups::new(reader.max_bytes());
    while let Some(visitor) = visitors.next().await? {
        for event in visitor.events_in(range).filter(|event| visitor.passes(*event, &query.filters)) {
            let row = &visitor.events[event];
            let name = [Some(Cow::Borrowed(row.required(Column::EventName)))];
            let counts = groups.of(None, &name, Counts::default)?;
            counts.add(row.at, visitor.number);
            if with_properties {
                let mut bytes = 0;
                for property in properties::members(row.required(Column::Properties)).into_keys() {
                    let length = property.len();
                    let count = counts.properties.entry(property).or_default();
                    // The table has room for up to twice as many.
                    bytes += if *count == 0 { length + 2 * size_of::<(String, u64)>() } else { 0 };
                    *count += 1;
                }
                groups.reserve(bytes)?;
            }
        }
    }
    let named = |(group, counts): (Group, Counts)| {
        (group.texts.into_iter().next().flatten().unwrap_or_default(), counts)
    };
    Ok(groups.sorted().into_iter().map(named))
}
