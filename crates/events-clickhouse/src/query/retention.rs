//! `GET /v1/retention`: how many visitors return in each period after their first.

use millimetric_core::query::{Cohort, Column, Filter, NewVisitors, RetentionQuery, RetentionResponse};
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::StoreError;

use super::count::calendar;
use super::scan::needs::Needs;
use super::scan::row::instant;
use super::scan::visitor::Visitor;
use super::scan::visitors::Unit;
use super::scan::{Reader, Scan};

/// Runs the query.
pub(super) async fn retention(
    reader: &Reader<'_>,
    query: &RetentionQuery,
) -> Result<RetentionResponse, StoreError> {
    let selected = query.events.and(&query.filters);
    let starts = calendar::starts(query.periods, query.range, usize::MAX).unwrap_or_default();
    let since = match query.new {
        NewVisitors::Ever => Timestamp::MIN,
        NewVisitors::Range => query.range.from(),
    };
    let range = TimeRange::new(since, query.range.to()).unwrap_or(query.range);
    let needs = Needs::of([Column::EventName, Column::AnonymousId]).with_filters(&selected);
    let scan = Scan { needs, range, filters: &selected, unit: Unit::Visitors };
    let mut visitors = reader.visitors(&scan);
    let mut table = Table::new(query, &selected, starts);
    while let Some(visitor) = visitors.next().await? {
        table.add(&visitor, range);
    }
    Ok(table.response())
}

/// Numbers of visitors by cohort and period.
struct Table<'a> {
    query: &'a RetentionQuery,
    /// What a visitor's first event must pass.
    selected: &'a [Filter],
    /// The start of each period that the range overlaps, in milliseconds since 1970, ascending.
    starts: Vec<i64>,
    visitors: Vec<u64>,
    /// By cohort, then by period.
    returned: Vec<Vec<u64>>,
}

impl<'a> Table<'a> {
    fn new(query: &'a RetentionQuery, selected: &'a [Filter], starts: Vec<i64>) -> Self {
        let count = starts.len();
        Self { query, selected, starts, visitors: vec![0; count], returned: vec![vec![0; count]; count] }
    }

    /// The index of the period of a time in the range.
    fn period(&self, at: i64) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    fn add(&mut self, visitor: &Visitor, range: TimeRange) {
        let first = visitor.events_in(range).find(|event| visitor.passes(*event, self.selected));
        let Some(first) = first.map(|event| visitor.events[event].at) else { return };
        if first < self.query.range.from().millis() {
            return;
        }
        let cohort = self.period(first);
        self.visitors[cohort] += 1;
        let mut last = None;
        for event in visitor.events_in(self.query.range) {
            let row = &visitor.events[event];
            let name = self.query.return_event.as_deref();
            if name.is_some_and(|name| name != row.required(Column::EventName)) {
                continue;
            }
            let period = self.period(row.at);
            if period >= cohort && last != Some(period) {
                self.returned[cohort][period] += 1;
                last = Some(period);
            }
        }
    }

    fn response(self) -> RetentionResponse {
        let cohorts = self.visitors.into_iter().zip(self.returned).zip(&self.starts).enumerate();
        let cohort = |(index, ((visitors, returned), start)): (usize, ((u64, Vec<u64>), &i64))| Cohort {
            start: instant(*start),
            visitors,
            returned: returned[index..].to_vec(),
        };
        RetentionResponse { cohorts: cohorts.map(cohort).filter(|cohort| cohort.visitors > 0).collect() }
    }
}
