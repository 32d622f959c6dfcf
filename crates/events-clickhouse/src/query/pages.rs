//! `GET /v1/pages`: which pages are viewed, and where sessions begin and end.

mod by_scan;
mod by_sql;

use std::cmp::Reverse;

use millimetric_core::query::{EventSelector, PagesQuery, PagesResponse, PagesRow, PagesSort};
use millimetric_core::session;
use millimetric_events::StoreError;

use super::scan::Reader;
use super::scan::resolve::resolve;

/// Runs the query.
pub(super) async fn pages(reader: &Reader<'_>, query: &PagesQuery) -> Result<PagesResponse, StoreError> {
    let mut query = query.clone();
    // The entry of a session can lie before the range.
    let range = super::before(query.range, session::LOOKBACK);
    resolve(reader, range, &mut EventSelector::Any, &mut query.filters).await?;
    let mut rows = match by_sql::count(reader, &query).await? {
        Some(rows) => rows,
        None => by_scan::count(reader, &query).await?,
    };
    let sum = |of: fn(&PagesRow) -> u64| rows.iter().map(of).sum();
    // Each session has one entry.
    let (sessions, bounces) = (sum(|row| row.entries), sum(|row| row.bounces));
    let rank = |row: &PagesRow| match query.sort {
        PagesSort::Views => row.views,
        PagesSort::Entries => row.entries,
        PagesSort::Exits => row.exits,
    };
    rows.sort_by(|a, b| (Reverse(rank(a)), &a.path).cmp(&(Reverse(rank(b)), &b.path)));
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    Ok(PagesResponse { rows, sessions, bounces, truncated, other: 0 })
}
