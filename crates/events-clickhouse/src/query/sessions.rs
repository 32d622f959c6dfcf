//! `GET /v1/sessions`: the number of sessions and bounces, by group and over time.

mod by_scan;
mod by_sql;

use std::cmp::Reverse;
use std::collections::HashMap;

use millimetric_core::query::{
    Column, EventSelector, Filter, PAGE_VIEW, SessionsQuery, SessionsResponse, SessionsRow,
};
use millimetric_events::StoreError;

use super::count::groups::{Group, Texts};
use super::count::series;
use super::scan::Reader;
use super::scan::resolve::resolve;
use super::scan::row::instant;

/// What is counted of the sessions of a group.
#[derive(Debug, Clone, Default)]
struct Counts {
    sessions: u64,
    bounces: u64,
    views: u64,
    /// The median of their durations.
    median_millis: Option<f64>,
}

/// Runs the query.
pub(super) async fn sessions(
    reader: &Reader<'_>,
    query: &SessionsQuery,
) -> Result<SessionsResponse, StoreError> {
    let mut query = query.clone();
    resolve(reader, query.range, &mut EventSelector::Any, &mut query.filters).await?;
    // A session that begins in the range has its entry there.
    let mut filters = vec![Filter::new(Column::EventName, PAGE_VIEW)];
    filters.extend_from_slice(&query.filters);
    let groups = match by_sql::count(reader, &query).await? {
        Some(groups) => groups,
        None => by_scan::count(reader, &query, &filters).await?,
    };
    Ok(response(&query, groups))
}

/// The response, from groups in their order.
fn response(query: &SessionsQuery, mut groups: Vec<(Group, Counts)>) -> SessionsResponse {
    if groups.is_empty() && query.buckets.is_none() && query.group_by.is_empty() {
        groups.push((Group { bucket: None, texts: Vec::new() }, Counts::default()));
    }
    let row = |(group, counts): (Group, Counts)| SessionsRow {
        bucket: group.bucket.map(instant),
        keys: group.texts,
        sessions: counts.sessions,
        bounces: counts.bounces,
        views: counts.views,
        median_millis: counts.median_millis,
    };
    let mut rows: Vec<SessionsRow> = groups.into_iter().map(row).collect();
    rows.sort_by_key(|row| (row.bucket, Reverse(row.sessions)));
    let ranked = ranked(&rows);
    let truncated = series::cut(&mut rows, query.limit, |row| &row.keys, || ranked);
    SessionsResponse { rows, truncated, other: 0 }
}

/// The groups in the order that they have without buckets.
fn ranked(rows: &[SessionsRow]) -> Vec<Texts> {
    let mut sessions: HashMap<&Texts, u64> = HashMap::new();
    for row in rows {
        *sessions.entry(&row.keys).or_default() += row.sessions;
    }
    let mut ranked: Vec<(&Texts, u64)> = sessions.into_iter().collect();
    ranked.sort_unstable_by_key(|(keys, sessions)| (Reverse(*sessions), *keys));
    ranked.into_iter().map(|(keys, _)| keys.clone()).collect()
}
