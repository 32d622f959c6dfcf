//! The projects of an account, side by side.
//!
//! Each is asked like any other project, through a proof that the account's key opens it.

use std::cmp::Ordering;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use millimetric_control::Project;
use millimetric_core::query::{EventSelector, Metric, Number, StatsQuery, StatsResponse};
use millimetric_core::time::{DAY_MILLIS, TimeRange, Timestamp};

use super::schema;
use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::ops::read;
use crate::state::App;

/// The week that the figures of a project are of, in milliseconds.
const WEEK_MILLIS: i64 = 7 * DAY_MILLIS;
/// The most projects that one call asks at once: the others' queries shall find cores too.
const AT_ONCE: usize = 4;

/// A project and how lively it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectSummary {
    /// The project.
    pub project: Project,
    /// When its newest event happened.
    pub last_event_at: Option<Timestamp>,
    /// Events of the last seven days.
    pub events_7d: u64,
    /// Visitors of the last seven days.
    pub uniques_7d: u64,
}

/// A figure of every project.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// By currency, unknown ones last; then the highest figure first, ties by slug.
    pub rows: Vec<Compared>,
    /// Amounts have a currency: a project has a row for each.
    pub by_currency: bool,
}

/// A figure of a project beside those of the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The project.
    pub project: Project,
    /// The currency of the amounts, if it is known.
    pub currency: Option<String>,
    /// From 1, among the figures in the same currency.
    pub rank: usize,
    /// The figure; `None` if there is nothing to compute it of.
    pub value: Option<Number>,
    /// Its share of all figures in the same currency, 0 to 100; `None` if they do not add up, or one is negative.
    pub share_pct: Option<f64>,
}

/// Asks every project, a few at once. The responses come in the order of the projects.
pub async fn of_each<'a, T, E, A: Future<Output = Result<T, E>>>(
    of: &'a [Authorized<Read>],
    ask: impl Fn(&'a Authorized<Read>) -> A,
) -> Result<Vec<T>, E> {
    // Collected first: a stream that held the closure would want it for references of any life.
    let asked: Vec<A> = of.iter().map(ask).collect();
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}

/// The projects whose name or slug holds the text, oldest first.
pub async fn list(
    app: &App,
    of: &[Authorized<Read>],
    search: Option<&str>,
) -> OpsResult<Vec<ProjectSummary>> {
    let search = search.map(str::to_lowercase).unwrap_or_default();
    let now = app.now();
    let week = TimeRange::new(now.plus_millis(-WEEK_MILLIS), now.plus_millis(1)).unwrap_or(TimeRange::LAST);
    let holds = |project: &Project| {
        project.name.as_str().to_lowercase().contains(&search) || project.slug.as_str().contains(&search)
    };
    let found: Vec<_> = of.iter().filter(|by| holds(by.project())).cloned().collect();
    of_each(&found, |by| summary(app, by, week)).await
}

async fn summary(app: &App, by: &Authorized<Read>, week: TimeRange) -> OpsResult<ProjectSummary> {
    Ok(ProjectSummary {
        project: by.project().clone(),
        last_event_at: schema::last_seen(app, by, None).await?,
        events_7d: total(app, by, whole(week, Metric::Count)).await?,
        uniques_7d: total(app, by, whole(week, Metric::Uniques)).await?,
    })
}

/// Ranks the projects by their responses to a query without groups of its own and without buckets, which come in the
/// order of the projects. A project whose response has no row counts as one of no events.
pub fn compare(of: &[Authorized<Read>], metric: &Metric, responses: &[StatsResponse]) -> Comparison {
    let mut rows = Vec::new();
    let mut by_currency = false;
    for (by, response) in of.iter().zip(responses) {
        let unranked = |currency, value| Compared {
            project: by.project().clone(),
            currency,
            rank: 0,
            value,
            share_pct: None,
        };
        if response.rows.is_empty() {
            rows.push(unranked(None, metric.of_nothing()));
        }
        for row in &response.rows {
            by_currency |= !row.keys.is_empty();
            rows.push(unranked(row.keys.first().cloned().flatten(), row.value));
        }
    }
    rows.sort_by(order);
    for rows in rows.chunk_by_mut(|one, other| one.currency == other.currency) {
        let sum = sum(rows).filter(|_| metric.adds_up());
        for (index, row) in rows.iter_mut().enumerate() {
            row.rank = index + 1;
            row.share_pct = sum.map(|sum| percent(float(row.value).unwrap_or_default(), sum));
        }
    }
    Comparison { rows, by_currency }
}

fn order(one: &Compared, other: &Compared) -> Ordering {
    let currency = |row: &Compared| (row.currency.is_none(), row.currency.clone());
    let value = |row: &Compared| float(row.value).unwrap_or(f64::NEG_INFINITY);
    let by_currency = currency(one).cmp(&currency(other));
    let by_value = by_currency.then_with(|| value(other).total_cmp(&value(one)));
    by_value.then_with(|| one.project.slug.as_str().cmp(other.project.slug.as_str()))
}

/// The sum of the figures, if each can be a share of it.
fn sum(rows: &[Compared]) -> Option<f64> {
    let values = || rows.iter().filter_map(|row| float(row.value));
    let sum: f64 = values().sum();
    (sum.is_finite() && values().all(|value| value >= 0.0)).then_some(sum)
}

/// With two decimals; 0 of nothing.
fn percent(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { (part * 10_000.0 / whole).round() / 100.0 }
}

fn float(number: Option<Number>) -> Option<f64> {
    match number? {
        Number::Integer(count) => Some(count as f64),
        Number::Float(value) => Some(value),
    }
}

fn whole(range: TimeRange, metric: Metric) -> StatsQuery {
    let limit = millimetric_core::query::RowLimit::ONE.into();
    let (events, filters, group_by) = (EventSelector::Any, Vec::new(), Vec::new());
    StatsQuery { range, events, filters, metric, group_by, buckets: None, labels: false, limit }
}

async fn total(app: &App, by: &Authorized<Read>, query: StatsQuery) -> OpsResult<u64> {
    let response = read::run(app, by, query).await?;
    Ok(match response.rows.first().and_then(|row| row.value) {
        Some(Number::Integer(value)) => value,
        _ => 0,
    })
}
