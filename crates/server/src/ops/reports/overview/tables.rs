//! The tables of a report: which queries each is made of.
//!
//! Rows come in the order of the API's responses, with the API's numbers.

use std::collections::HashMap;

use millimetric_core::query::{
    Attribution, Dimension, EventSelector, Metric, PagesQuery, PagesResponse, PagesRow, PagesSort, RowLimit,
    SessionColumn, SessionsRow, SourcesQuery, StatsQuery, StatsResponse, StatsRow,
};

use super::{Slice, whole};
use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::ops::read;
use crate::state::App;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Table {
    /// Source and medium of sessions; visitors, events, and how many of these are attributed with high, medium
    /// and low confidence.
    Sources,
    /// Path; views, visitors, entries, exits, bounces.
    Pages(PagesSort),
    /// The values of a column; visitors.
    Values(Dimension),
    /// The values of a column; events.
    Shares(Dimension),
    /// The values of a column or property; events, visitors.
    Counts(Dimension),
}

/// A table's rows.
#[derive(Debug, Clone, Default)]
pub struct TableResponse {
    /// The rows.
    pub rows: Vec<TableRow>,
    /// Rows were cut at the limit.
    pub truncated: bool,
    /// Visitors are estimated.
    pub approximate: bool,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// What it is about; `None` where events carry no value.
    pub labels: Vec<Option<String>>,
    /// Its numbers, in the order that the table documents; `None` if one is not known.
    pub numbers: Vec<Option<u64>>,
}

/// Asks for several tables. Pages are asked for once, however they are ordered, where every path
/// fits into one response; that response also has the sessions of all pages together.
pub(super) async fn tables(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    all: &[Table],
    limit: RowLimit,
) -> OpsResult<(Vec<TableResponse>, Option<SessionsRow>)> {
    let paths = if all.iter().any(|what| matches!(what, Table::Pages(_))) {
        Some(ask_pages(app, by, slice, PagesSort::Views, RowLimit::MOST).await?)
    } else {
        None
    };
    let mut responses = Vec::with_capacity(all.len());
    for what in all {
        responses.push(match (what, &paths) {
            (Table::Pages(sort), Some(paths)) if !paths.truncated => pages_by(paths.clone(), *sort, limit),
            _ => table(app, by, slice, what, limit).await?,
        });
    }
    let sessions = paths.map(|paths| SessionsRow {
        sessions: paths.sessions,
        bounces: paths.bounces,
        ..SessionsRow::default()
    });
    Ok((responses, sessions))
}

/// Asks for a table.
pub async fn table(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    table: &Table,
    limit: RowLimit,
) -> OpsResult<TableResponse> {
    match table {
        Table::Sources => sources(app, by, slice, limit).await,
        Table::Pages(sort) => pages(app, by, slice, *sort, limit).await,
        Table::Values(column) => values(app, by, slice, Metric::Uniques, column, limit).await,
        Table::Shares(column) => values(app, by, slice, Metric::Count, column, limit).await,
        Table::Counts(dimension) => counts(app, by, slice, dimension, limit).await,
    }
}

async fn values(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    metric: Metric,
    column: &Dimension,
    limit: RowLimit,
) -> OpsResult<TableResponse> {
    let query = grouped(slice, metric, vec![column.clone()], limit);
    let StatsResponse { rows, truncated, approximate, .. } = read::run(app, by, query).await?;
    let row = |row: StatsRow| TableRow { numbers: vec![Some(whole(row.value))], labels: row.keys };
    Ok(TableResponse { rows: rows.into_iter().map(row).collect(), truncated, approximate })
}

async fn sources(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    limit: RowLimit,
) -> OpsResult<TableResponse> {
    let Slice { range, filters } = slice.clone();
    let (events, attribution) = (EventSelector::Any, Attribution::Session);
    let query = SourcesQuery { range, events, filters, by_medium: true, attribution, limit };
    let columns =
        [SessionColumn::Source, SessionColumn::Medium, SessionColumn::Confidence].map(Dimension::Session);
    let sure = grouped(slice, Metric::Count, columns.to_vec(), RowLimit::MOST);
    let response = read::run(app, by, query).await?;
    let sure = by_keys(read::run(app, by, sure).await?);
    let rows = response.rows.into_iter().map(|row| {
        let labels = vec![Some(row.source), Some(row.medium.unwrap_or_default())];
        let so_sure = ["high", "medium", "low"].map(|word| {
            let key = [labels.clone(), vec![Some(word.to_owned())]].concat();
            Some(sure.get(&key).copied().unwrap_or_default())
        });
        TableRow { labels, numbers: [&[Some(row.uniques), Some(row.events)], &so_sure[..]].concat() }
    });
    Ok(TableResponse {
        rows: rows.collect(),
        truncated: response.truncated,
        approximate: response.approximate,
    })
}

async fn pages(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    sort: PagesSort,
    limit: RowLimit,
) -> OpsResult<TableResponse> {
    Ok(pages_by(ask_pages(app, by, slice, sort, limit).await?, sort, limit))
}

async fn ask_pages(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    sort: PagesSort,
    limit: RowLimit,
) -> OpsResult<PagesResponse> {
    let Slice { range, filters } = slice.of_sessions();
    read::run(app, by, PagesQuery { range, filters, sort, limit }).await
}

/// The first rows of a response in an order, which is that of the query.
fn pages_by(mut response: PagesResponse, sort: PagesSort, limit: RowLimit) -> TableResponse {
    let number = |row: &PagesRow| match sort {
        PagesSort::Views => row.views,
        PagesSort::Entries => row.entries,
        PagesSort::Exits => row.exits,
    };
    response.rows.sort_by(|a, b| number(b).cmp(&number(a)).then_with(|| a.path.cmp(&b.path)));
    let truncated = response.truncated || response.rows.len() > limit.get();
    response.rows.truncate(limit.get());
    // Where the order is by entries, a page on which no session begins is no row.
    let rows = response.rows.into_iter().filter(|row| number(row) > 0).map(|row| TableRow {
        numbers: [row.views, row.uniques, row.entries, row.exits, row.bounces].map(Some).to_vec(),
        labels: vec![row.path],
    });
    TableResponse { rows: rows.collect(), truncated, approximate: false }
}

async fn counts(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    dimension: &Dimension,
    limit: RowLimit,
) -> OpsResult<TableResponse> {
    let ask = |metric, limit| read::run(app, by, grouped(slice, metric, vec![dimension.clone()], limit));
    let (events, visitors) = (ask(Metric::Count, limit).await?, ask(Metric::Uniques, RowLimit::MOST).await?);
    let (truncated, approximate) = (events.truncated, visitors.approximate);
    let visitors = by_keys(visitors);
    let row = |row: StatsRow| TableRow {
        numbers: vec![Some(whole(row.value)), visitors.get(&row.keys).copied()],
        labels: row.keys,
    };
    Ok(TableResponse { rows: events.rows.into_iter().map(row).collect(), truncated, approximate })
}

fn grouped(slice: &Slice, metric: Metric, group_by: Vec<Dimension>, limit: RowLimit) -> StatsQuery {
    let Slice { range, filters } = slice.clone();
    let (events, limit) = (EventSelector::Any, limit.into());
    StatsQuery { range, events, filters, metric, group_by, buckets: None, labels: false, limit }
}

fn by_keys(response: StatsResponse) -> HashMap<Vec<Option<String>>, u64> {
    response.rows.into_iter().map(|row| (row.keys, whole(row.value))).collect()
}
