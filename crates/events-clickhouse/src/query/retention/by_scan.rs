//! Retention by filters that need more than SQL.

use millimetric_core::query::{Column, Filter};
use millimetric_core::time::TimeRange;
use millimetric_events::StoreError;

use super::Table;
use crate::query::scan::needs::Needs;
use crate::query::scan::visitor::Visitor;
use crate::query::scan::visitors::Unit;
use crate::query::scan::{Reader, Scan};

/// Counts the visitors. Earlier events than those of the range decide who is new.
pub(super) async fn count(
    reader: &Reader<'_>,
    range: TimeRange,
    selected: &[Filter],
    table: &mut Table<'_>,
) -> Result<(), StoreError> {
    let needs = Needs::of([Column::EventName, Column::AnonymousId]).with_filters(selected);
    let scan = Scan { needs, range, filters: selected, unit: Unit::Visitors };
    let mut visitors = reader.visitors(&scan);
    while let Some(visitor) = visitors.next().await? {
        add(table, &visitor, range, selected);
    }
    Ok(())
}

fn add(table: &mut Table<'_>, visitor: &Visitor, range: TimeRange, selected: &[Filter]) {
    let first = visitor.events_in(range).find(|event| visitor.passes(*event, selected));
    let Some(first) = first.map(|event| visitor.events[event].at) else { return };
    if first < table.query.range.from().millis() {
        return;
    }
    let cohort = table.period(first);
    table.visitors[cohort] += 1;
    let mut last = None;
    for event in visitor.events_in(table.query.range) {
        let row = &visitor.events[event];
        let name = table.query.return_event.as_deref();
        if name.is_some_and(|name| name != row.required(Column::EventName)) {
            continue;
        }
        let period = table.period(row.at);
        if period >= cohort && last != Some(period) {
            table.returned[cohort][period] += 1;
            last = Some(period);
        }
    }
}
