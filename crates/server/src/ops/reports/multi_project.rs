//! The projects of an account, side by side.
//!
//! Each is asked like any other project, through a proof that the account's key opens it.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use millimetric_control::Project;
use millimetric_core::ids::ProjectId;
use millimetric_core::query::{EventSelector, Metric, Number, StatsQuery};
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

/// A project's part of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The project.
    pub project: Project,
    /// Its figure.
    pub value: u64,
    /// Its share of all figures together, 0 to 100.
    pub share_pct: f64,
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

/// One figure of each project that has a query, the highest first, ties by slug.
pub async fn compare(
    app: &App,
    of: &[Authorized<Read>],
    queries: &BTreeMap<ProjectId, StatsQuery>,
) -> OpsResult<Vec<Compared>> {
    let figure = async |by: &Authorized<Read>| {
        let value = match queries.get(&by.project().id) {
            Some(query) => total(app, by, query.clone()).await?,
            None => 0,
        };
        OpsResult::Ok((by.project().clone(), value))
    };
    let mut figures = of_each(of, figure).await?;
    let all: u64 = figures.iter().map(|(_, value)| value).sum();
    figures.sort_by(|(a, more), (b, less)| (less, a.slug.as_str()).cmp(&(more, b.slug.as_str())));
    let share =
        |value: u64| if all == 0 { 0.0 } else { (value as f64 * 10_000.0 / all as f64).round() / 100.0 };
    let compared = |(project, value)| Compared { project, value, share_pct: share(value) };
    Ok(figures.into_iter().map(compared).collect())
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
