//! `GET /v1/retention`: how many visitors return in each period after their first.

mod by_scan;
mod by_sql;

use millimetric_core::query::{Cohort, NewVisitors, RetentionQuery, RetentionResponse};
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::StoreError;

use super::count::calendar;
use super::scan::Reader;
use super::scan::resolve::resolve;
use super::scan::row::instant;

/// Runs the query.
pub(super) async fn retention(
    reader: &Reader<'_>,
    query: &RetentionQuery,
) -> Result<RetentionResponse, StoreError> {
    let since = match query.new {
        NewVisitors::Ever => Timestamp::MIN,
        NewVisitors::Range => query.range.from(),
    };
    let range = TimeRange::new(since, query.range.to()).unwrap_or(query.range);
    let mut query = query.clone();
    resolve(reader, range, &mut query.events, &mut query.filters).await?;
    let selected = query.events.and(&query.filters);
    let mut table = Table::new(&query);
    if !by_sql::count(reader, range, &selected, &mut table).await? {
        by_scan::count(reader, range, &selected, &mut table).await?;
    }
    Ok(table.response())
}

/// Numbers of visitors by cohort and period.
struct Table<'a> {
    query: &'a RetentionQuery,
    /// The start of each period that the range overlaps, in milliseconds since 1970, ascending.
    starts: Vec<i64>,
    visitors: Vec<u64>,
    /// By cohort, then by period.
    returned: Vec<Vec<u64>>,
}

impl<'a> Table<'a> {
    fn new(query: &'a RetentionQuery) -> Self {
        let starts = calendar::starts(query.periods, query.range, usize::MAX).unwrap_or_default();
        let count = starts.len();
        Self { query, starts, visitors: vec![0; count], returned: vec![vec![0; count]; count] }
    }

    /// The index of the period of a time in the range.
    fn period(&self, at: i64) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
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
