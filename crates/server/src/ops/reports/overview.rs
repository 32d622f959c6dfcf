//! The overview of a project: its figures, compared with the previous period; one of them over time; and the
//! tables. The queries run one after the other: each uses all cores, and memory of its own.
//!
//! Runs the typed queries of the API and counts nothing itself, so its numbers are those of the API.

mod calendar;
mod tables;

use std::collections::BTreeMap;

use millimetric_core::query::{
    Buckets, Column, EventSelector, Filter, Metric, Number, RowLimit, SessionsQuery, SessionsRow,
    StatsBuckets, StatsQuery,
};
use millimetric_core::time::{TimeRange, Timestamp};

use self::calendar::Shift;
pub use self::calendar::{buckets, finest};
pub use self::tables::{Table, TableResponse, TableRow, table};
use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::ops::read;
use crate::state::App;

/// The events that a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Events by their `timestamp`.
    pub range: TimeRange,
    /// All must hold.
    pub filters: Vec<Filter>,
}

impl Slice {
    /// The same for queries about sessions, without the filter by event: their filters apply to page views.
    #[must_use]
    pub fn of_sessions(&self) -> Self {
        let filters = self.filters.iter().filter(|filter| !filter.is_on(Column::EventName));
        Self { range: self.range, filters: filters.cloned().collect() }
    }
}

/// One of the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Figure {
    /// Distinct visitors.
    #[default]
    Visitors,
    /// Events.
    Events,
    /// Sessions that begin.
    Sessions,
    /// The share of them that bounce.
    Bounces,
}

/// What the overview shows.
#[derive(Debug, Clone)]
pub struct OverviewQuery {
    /// The events.
    pub slice: Slice,
    /// The figure of the series.
    pub figure: Figure,
    /// The steps of time.
    pub buckets: Buckets,
    /// Whether the previous period is included.
    pub compare: bool,
    /// The tables.
    pub tables: Vec<Table>,
    /// Rows of each table.
    pub limit: RowLimit,
}

/// The figures of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Distinct visitors.
    pub visitors: u64,
    /// Events.
    pub events: u64,
    /// Sessions that begin.
    pub sessions: u64,
    /// How many of them bounce.
    pub bounces: u64,
    /// Visitors are estimated.
    pub approximate: bool,
}

impl Figures {
    fn with(self, SessionsRow { sessions, bounces, .. }: SessionsRow) -> Self {
        Self { sessions, bounces, ..self }
    }
}

/// A figure in one bucket; of bounces the bounce rate, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The first instant of the bucket.
    pub bucket: Timestamp,
    /// The figure; `None` for the bounce rate of a bucket without sessions.
    pub value: Option<f64>,
}

/// What was found.
#[derive(Debug)]
pub struct Overview {
    /// The figures of the range.
    pub figures: Figures,
    /// Those of the previous period, up to the same point in time within it, if requested.
    pub before: Option<Figures>,
    /// The whole previous period, if requested.
    pub range_before: Option<TimeRange>,
    /// The figure over time, also where it is 0.
    pub series: Vec<Point>,
    /// The same for the whole previous period.
    pub series_before: Option<Vec<Point>>,
    /// In the order of the query.
    pub tables: Vec<TableResponse>,
}

/// A project at a glance.
pub async fn overview(app: &App, by: &Authorized<Read>, query: &OverviewQuery) -> OpsResult<Overview> {
    let by = &read::in_one_slot(app, by).await?;
    let slice = &query.slice;
    let shift = Shift::of(slice.range, query.buckets.timezone);
    let period_before = query.compare.then(|| Slice { range: shift.whole(slice.range), ..slice.clone() });
    let elapsed = query.compare.then(|| shift.elapsed(slice.range, app.now()));
    let elapsed = elapsed.map(|range| Slice { range, ..slice.clone() });
    let (tables, sessions) = tables::tables(app, by, slice, &query.tables, query.limit).await?;
    let sessions = match sessions {
        Some(sessions) => sessions,
        None => begun_in(app, by, slice).await?,
    };
    let before = match &elapsed {
        Some(slice) => Some(counts(app, by, slice).await?.with(begun_in(app, by, slice).await?)),
        None => None,
    };
    let series_before = match &period_before {
        Some(slice) => Some(series(app, by, slice, query).await?),
        None => None,
    };
    Ok(Overview {
        figures: counts(app, by, slice).await?.with(sessions),
        before,
        range_before: period_before.map(|slice| slice.range),
        series: series(app, by, slice, query).await?,
        series_before,
        tables,
    })
}

/// The figures without sessions.
async fn counts(app: &App, by: &Authorized<Read>, slice: &Slice) -> OpsResult<Figures> {
    let total = |metric| read::run(app, by, counted(slice, metric, None));
    let (visitors, events) = (total(Metric::Uniques).await?, total(Metric::Count).await?);
    let approximate = visitors.approximate;
    let first = |response: millimetric_core::query::StatsResponse| {
        response.rows.first().map_or(0, |row| whole(row.value))
    };
    Ok(Figures { visitors: first(visitors), events: first(events), approximate, ..Figures::default() })
}

async fn begun_in(app: &App, by: &Authorized<Read>, slice: &Slice) -> OpsResult<SessionsRow> {
    let response = read::run(app, by, begun(slice, None)).await?;
    Ok(response.rows.into_iter().next().unwrap_or_default())
}

async fn series(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    query: &OverviewQuery,
) -> OpsResult<Vec<Point>> {
    let width = Some(query.buckets);
    let found: Vec<(Option<Timestamp>, Option<f64>)> = match query.figure {
        Figure::Visitors | Figure::Events => {
            let metric = if query.figure == Figure::Events { Metric::Count } else { Metric::Uniques };
            let response = read::run(app, by, counted(slice, metric, width)).await?;
            response.rows.iter().map(|row| (row.bucket, Some(whole(row.value) as f64))).collect()
        }
        Figure::Sessions | Figure::Bounces => {
            let response = read::run(app, by, begun(slice, width)).await?;
            let value = |row: &SessionsRow| match query.figure {
                Figure::Bounces => (row.sessions > 0).then(|| row.bounces as f64 / row.sessions as f64),
                _ => Some(row.sessions as f64),
            };
            response.rows.iter().map(|row| (row.bucket, value(row))).collect()
        }
    };
    let empty = (query.figure != Figure::Bounces).then_some(0.0);
    Ok(filled(slice.range, query.buckets, &found, empty))
}

/// Every bucket of the range; those of which nothing was found have the value `empty`.
fn filled(
    range: TimeRange,
    of: Buckets,
    found: &[(Option<Timestamp>, Option<f64>)],
    empty: Option<f64>,
) -> Vec<Point> {
    let mut values: BTreeMap<Timestamp, Option<f64>> =
        buckets(range, of).into_iter().map(|bucket| (bucket, empty)).collect();
    values.extend(found.iter().filter_map(|(bucket, value)| Some(((*bucket)?, *value))));
    values.into_iter().map(|(bucket, value)| Point { bucket, value }).collect()
}

fn counted(slice: &Slice, metric: Metric, buckets: Option<Buckets>) -> StatsQuery {
    let Slice { range, filters } = slice.clone();
    let (events, group_by) = (EventSelector::Any, Vec::new());
    let (buckets, limit) = (buckets.map(StatsBuckets::Spans), RowLimit::MOST.into());
    StatsQuery { range, events, filters, metric, group_by, buckets, labels: false, limit }
}

fn begun(slice: &Slice, buckets: Option<Buckets>) -> SessionsQuery {
    let Slice { range, filters } = slice.of_sessions();
    let limit = RowLimit::MOST.into();
    SessionsQuery { range, filters, group_by: Vec::new(), buckets, labels: false, limit }
}

fn whole(value: Option<Number>) -> u64 {
    match value {
        Some(Number::Integer(value)) => value,
        _ => 0,
    }
}
