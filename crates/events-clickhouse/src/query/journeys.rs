//! `GET /v1/journeys`: what visitors do after, or before, a page or an event.

mod by_scan;
mod by_sql;

use std::cmp::Reverse;

use millimetric_core::query::{JourneysQuery, JourneysResponse, JourneysRow};
use millimetric_events::StoreError;

use super::scan::{Reader, pushdown};

/// Runs the query.
pub(super) async fn journeys(
    reader: &Reader<'_>,
    query: &JourneysQuery,
) -> Result<JourneysResponse, StoreError> {
    let starts = query.conditions();
    let mut rows = if pushdown::decides(&starts) {
        by_sql::count(reader, query, &starts).await?
    } else {
        by_scan::count(reader, query, &starts).await?
    };
    rows.sort_unstable_by(|a, b| (Reverse(a.sessions), &a.path).cmp(&(Reverse(b.sessions), &b.path)));
    let cut = rows.split_off(query.limit.get().min(rows.len()));
    let sum = |rows: &[JourneysRow]| rows.iter().map(|row| row.sessions).sum::<u64>();
    Ok(JourneysResponse { sessions: sum(&rows) + sum(&cut), other: sum(&cut), rows })
}
