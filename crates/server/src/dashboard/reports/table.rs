//! A table of the overview by itself: with all of its rows, and as a file.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use millimetric_core::query::RowLimit;

use super::overview::asked;
use super::view::View;
use super::widgets::bar::{Bar, BarOptions};
use super::widgets::csv::{self, File};
use super::widgets::graph::{TIME, over_time};
use super::widgets::panel::{Panel, TableKind};
use super::{TableName, place};
use crate::auth::sessions::{InProject, Viewer};
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::{PageError, PageResult};
use crate::ops::reports::overview::{overview, table};
use crate::state::App;

#[derive(Debug, Template)]
#[template(path = "reports/table.html")]
struct TablePage {
    frame: Frame,
    bar: Bar,
    panel: Panel,
    back: String,
}

/// A table with every row that a response can hold.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    Path(TableName { name, .. }): Path<TableName>,
    RawQuery(query): RawQuery,
) -> PageResult<Response> {
    let (view, now) = (View::read(place(&member, ""), member.project.timezone, query.as_deref()), app.now());
    let kind = TableKind::named(&name, &view).ok_or(PageError::NotFound)?;
    let by = member.reader(view.env);
    let response = table(&app, &by, &view.slice(now), &kind.table, RowLimit::MOST).await?;
    // The links of the rows go to the overview, those of the bar stay here.
    let here = view.with(|view| view.path = format!("{}/tables/{name}", view.path));
    page(&TablePage {
        frame: Frame::of_project(&member, Tab::Overview)?,
        bar: Bar::new(&here, now, BarOptions { time: false, envs: true }),
        panel: kind.panel(response, &view, RowLimit::MOST.get()),
        back: view.address(),
    })
}

/// A table as a file.
pub(super) async fn download(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    Path(TableName { name, .. }): Path<TableName>,
    RawQuery(query): RawQuery,
) -> PageResult<Response> {
    let (view, now) = (View::read(place(&member, ""), member.project.timezone, query.as_deref()), app.now());
    let by = member.reader(view.env);
    let named = format!("{}-{name}", member.project.slug);
    if name == TIME {
        let file = over_time(&overview(&app, &by, &asked(&view, now, Vec::new())).await?, view.figure);
        return Ok(csv::response(file, &named, &view, now));
    }
    let kind = TableKind::named(&name, &view).ok_or(PageError::NotFound)?;
    let response = table(&app, &by, &view.slice(now), &kind.table, RowLimit::MOST).await?;
    let mut file = File::new(&kind.columns());
    for row in response.rows {
        let labels = row.labels.into_iter().map(Option::unwrap_or_default);
        let numbers =
            row.numbers.into_iter().map(|number| number.map_or_else(String::new, |n| n.to_string()));
        file.row(labels.chain(numbers));
    }
    Ok(csv::response(file, &named, &view, now))
}
