//! The tables of a report: which questions each is made of.
//!
//! Rows come in the order of the API's answers, with the API's numbers.

use std::collections::HashMap;

use millimetric_core::query::{
    Column, Dimension, Metric, PagesAnswer, PagesQuestion, PagesRow, PagesSort, RowLimit, SessionsRow,
    SourcesQuestion, StatsAnswer, StatsQuestion, StatsRow,
};

use super::{Slice, whole};
use crate::app::App;
use crate::auth::{Authorized, Read};
use crate::error::ApiResult;
use crate::ops::read;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Table {
    /// Source and medium; visitors, events, and how many of these are attributed with high, medium
    /// and low confidence.
    Sources,
    /// Path; views, visitors, entries, exits, bounces.
    Pages(PagesSort),
    /// The values of a column; visitors.
    Values(Column),
    /// The values of a column; events.
    Shares(Column),
    /// The values of a column or property; events, visitors.
    Counts(Dimension),
}

/// A table's rows.
#[derive(Debug, Clone, Default)]
pub struct TableAnswer {
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
    /// Its numbers, in the order that the table tells; `None` where one was not told.
    pub numbers: Vec<Option<u64>>,
}

/// Asks for several tables. Pages are asked for once, however they are ordered, where every path
/// fits into one answer; that answer also tells the sessions of all pages together.
pub(super) async fn tables(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    all: &[Table],
    limit: RowLimit,
) -> ApiResult<(Vec<TableAnswer>, Option<SessionsRow>)> {
    let paths = if all.iter().any(|what| matches!(what, Table::Pages(_))) {
        Some(ask_pages(app, by, slice, PagesSort::Views, RowLimit::MOST).await?)
    } else {
        None
    };
    let mut answers = Vec::with_capacity(all.len());
    for what in all {
        answers.push(match (what, &paths) {
            (Table::Pages(sort), Some(paths)) if !paths.truncated => pages_by(paths.clone(), *sort, limit),
            _ => table(app, by, slice, what, limit).await?,
        });
    }
    let sessions =
        paths.map(|paths| SessionsRow { bucket: None, sessions: paths.sessions, bounces: paths.bounces });
    Ok((answers, sessions))
}

/// Asks for a table.
pub async fn table(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    table: &Table,
    limit: RowLimit,
) -> ApiResult<TableAnswer> {
    match table {
        Table::Sources => sources(app, by, slice, limit).await,
        Table::Pages(sort) => pages(app, by, slice, *sort, limit).await,
        Table::Values(column) => values(app, by, slice, Metric::Uniques, *column, limit).await,
        Table::Shares(column) => values(app, by, slice, Metric::Count, *column, limit).await,
        Table::Counts(dimension) => counts(app, by, slice, dimension, limit).await,
    }
}

async fn values(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    metric: Metric,
    column: Column,
    limit: RowLimit,
) -> ApiResult<TableAnswer> {
    let question = grouped(slice, metric, vec![Dimension::Column(column)], limit);
    let StatsAnswer { rows, truncated, approximate, .. } = read::stats(app, by, question).await?;
    let row = |row: StatsRow| TableRow { numbers: vec![Some(whole(row.value))], labels: row.keys };
    Ok(TableAnswer { rows: rows.into_iter().map(row).collect(), truncated, approximate })
}

async fn sources(app: &App, by: &Authorized<Read>, slice: &Slice, limit: RowLimit) -> ApiResult<TableAnswer> {
    let Slice { range, filters } = slice.clone();
    let question = SourcesQuestion { range, filters, by_medium: true, limit };
    let columns = [Column::Source, Column::Medium, Column::SourceConfidence].map(Dimension::Column);
    let sure = grouped(slice, Metric::Count, columns.to_vec(), RowLimit::MOST);
    let answer = read::sources(app, by, question).await?;
    let sure = by_keys(read::stats(app, by, sure).await?);
    let rows = answer.rows.into_iter().map(|row| {
        let labels = vec![Some(row.source), Some(row.medium.unwrap_or_default())];
        let so_sure = ["high", "medium", "low"].map(|word| {
            let key = [labels.clone(), vec![Some(word.to_owned())]].concat();
            Some(sure.get(&key).copied().unwrap_or_default())
        });
        TableRow { labels, numbers: [&[Some(row.uniques), Some(row.events)], &so_sure[..]].concat() }
    });
    Ok(TableAnswer { rows: rows.collect(), truncated: answer.truncated, approximate: answer.approximate })
}

async fn pages(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    sort: PagesSort,
    limit: RowLimit,
) -> ApiResult<TableAnswer> {
    Ok(pages_by(ask_pages(app, by, slice, sort, limit).await?, sort, limit))
}

async fn ask_pages(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    sort: PagesSort,
    limit: RowLimit,
) -> ApiResult<PagesAnswer> {
    let Slice { range, filters } = slice.of_sessions();
    read::pages(app, by, PagesQuestion { range, filters, sort, limit }).await
}

/// The first rows of an answer in an order, which is that of the question.
fn pages_by(mut answer: PagesAnswer, sort: PagesSort, limit: RowLimit) -> TableAnswer {
    let number = |row: &PagesRow| match sort {
        PagesSort::Views => row.views,
        PagesSort::Entries => row.entries,
        PagesSort::Exits => row.exits,
    };
    answer.rows.sort_by(|a, b| number(b).cmp(&number(a)).then_with(|| a.path.cmp(&b.path)));
    let truncated = answer.truncated || answer.rows.len() > limit.get();
    answer.rows.truncate(limit.get());
    // Where the order is by entries, a page on which no session begins is no row.
    let rows = answer.rows.into_iter().filter(|row| number(row) > 0).map(|row| TableRow {
        numbers: [row.views, row.uniques, row.entries, row.exits, row.bounces].map(Some).to_vec(),
        labels: vec![row.path],
    });
    TableAnswer { rows: rows.collect(), truncated, approximate: false }
}

async fn counts(
    app: &App,
    by: &Authorized<Read>,
    slice: &Slice,
    dimension: &Dimension,
    limit: RowLimit,
) -> ApiResult<TableAnswer> {
    let ask = |metric, limit| read::stats(app, by, grouped(slice, metric, vec![dimension.clone()], limit));
    let (events, visitors) = (ask(Metric::Count, limit).await?, ask(Metric::Uniques, RowLimit::MOST).await?);
    let (truncated, approximate) = (events.truncated, visitors.approximate);
    let visitors = by_keys(visitors);
    let row = |row: StatsRow| TableRow {
        numbers: vec![Some(whole(row.value)), visitors.get(&row.keys).copied()],
        labels: row.keys,
    };
    Ok(TableAnswer { rows: events.rows.into_iter().map(row).collect(), truncated, approximate })
}

fn grouped(slice: &Slice, metric: Metric, group_by: Vec<Dimension>, limit: RowLimit) -> StatsQuestion {
    let Slice { range, filters } = slice.clone();
    StatsQuestion { range, filters, metric, group_by, buckets: None, limit }
}

fn by_keys(answer: StatsAnswer) -> HashMap<Vec<Option<String>>, u64> {
    answer.rows.into_iter().map(|row| (row.keys, whole(row.value))).collect()
}
