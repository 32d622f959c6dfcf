//! `/projects/{project}`: the project at a glance.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use millimetric_core::query::{Column, NamesQuery, PropertyName, RowLimit, SessionColumn};
use millimetric_core::time::Timestamp;

use super::place;
use super::view::{FIGURES, View};
use super::widgets::bar::{Bar, BarOptions};
use super::widgets::graph::{Graph, formatted, graph, title};
use super::widgets::number::{Change, change, rate, rate_change, share, width};
use super::widgets::panel::{Panel, TableKind};
use super::widgets::text::Shown;
use crate::auth::sessions::{InProject, Viewer};
use crate::auth::{Authorized, Read};
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::PageResult;
use crate::ops::read;
use crate::ops::reports::overview::{
    Figure, Figures, Overview, OverviewQuery, Table, TableResponse, TableRow, overview,
};
use crate::ops::reports::schema;
use crate::state::App;

/// Rows of each table on the overview.
const ROWS: u64 = 10;
/// Media that have a colour of their own.
const MEDIA: [&str; 7] = ["paid", "organic", "social", "direct", "referral", "email", "ai_assistant"];

#[derive(Debug, Template)]
#[template(path = "reports/overview.html")]
struct OverviewPage {
    frame: Frame,
    bar: Bar,
    tiles: Vec<Tile>,
    graph: Graph,
    media: Vec<Segment>,
    confidence: Vec<Segment>,
    panels: Vec<Panel>,
    properties: Option<Properties>,
    /// The values of one of them.
    property: Option<Panel>,
    /// `events`, `nothing` in the range, or `never` any at all.
    found: &'static str,
    /// Sessions and pages are not narrowed to an event.
    event_on: bool,
    /// Anybody reads it by a link: there is nothing else to go to.
    shared: bool,
}

/// A figure, with its change.
#[derive(Debug)]
struct Tile {
    title: &'static str,
    value: String,
    change: Option<Change>,
    /// The value of the previous period, like `vs 14,710`; empty without a comparison.
    previous: String,
    /// Whether more is better.
    good: &'static str,
    href: String,
    current: bool,
}

/// A part of a whole.
#[derive(Debug)]
struct Segment {
    name: Shown,
    class: &'static str,
    /// Where it begins in the bar, and how wide it is there.
    from: String,
    width: String,
    share: String,
    href: String,
}

/// The properties of the event that the page is narrowed to.
#[derive(Debug)]
struct Properties {
    event: Shown,
    names: Vec<(Shown, String, bool)>,
}

/// The page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    RawQuery(query): RawQuery,
) -> PageResult<Response> {
    let view = View::read(place(&member, ""), member.project.timezone, query.as_deref());
    let frame = Frame::of_project(&member, Tab::Overview)?;
    draw(&app, &member.reader(view.env), view, frame, false).await
}

/// The page, for who may read the project.
pub(super) async fn draw(
    app: &App,
    by: &Authorized<Read>,
    view: View,
    frame: Frame,
    shared: bool,
) -> PageResult<Response> {
    let now = app.now();
    let mut kinds = TableKind::all(&view);
    let mut tables: Vec<Table> = kinds.iter().map(|kind| kind.table.clone()).collect();
    tables.extend([
        Table::Shares(SessionColumn::Medium.into()),
        Table::Shares(SessionColumn::Confidence.into()),
    ]);
    let query = asked(&view, now, tables);
    let mut report = overview(app, by, &query).await?;
    let properties = if shared { None } else { properties(app, by, &view, now).await? };
    let found = match report.figures.events {
        0 if view.filters.is_empty() && schema::last_seen(app, by, None).await?.is_none() => "never",
        0 => "nothing",
        _ => "events",
    };
    let confidence = parts(&report.tables.pop().unwrap_or_default(), &view, SessionColumn::Confidence);
    let media = parts(&report.tables.pop().unwrap_or_default(), &view, SessionColumn::Medium);
    let responses = std::mem::take(&mut report.tables);
    let panels = kinds.drain(..).zip(responses).map(|(kind, response)| {
        let mut panel = kind.panel(response, &view, ROWS as usize);
        if shared {
            (panel.more, panel.csv) = (None, None);
        }
        panel
    });
    let (property, panels): (Vec<Panel>, Vec<Panel>) = panels.partition(|panel| panel.name == "property");
    let mut bar = Bar::new(&view, now, BarOptions { time: true, envs: !shared });
    bar.share = (!shared).then(|| format!("{}/share", view.path));
    page(&OverviewPage {
        frame,
        bar,
        tiles: tiles(&view, &report),
        graph: graph(&view, &report, query.buckets.interval, now),
        media,
        confidence,
        panels,
        property: property.into_iter().next(),
        properties,
        found,
        event_on: view.filter(Column::EventName).is_some(),
        shared,
    })
}

/// What a view asks for, with these tables.
pub(super) fn asked(view: &View, now: Timestamp, tables: Vec<Table>) -> OverviewQuery {
    OverviewQuery {
        slice: view.slice(now),
        figure: view.figure,
        buckets: view.steps(now),
        compare: view.compare,
        tables,
        // One more than is shown, to know whether there are more; of campaigns one says "none".
        limit: RowLimit::new(ROWS + 2).unwrap_or(RowLimit::MOST),
    }
}

fn tiles(view: &View, report: &Overview) -> Vec<Tile> {
    FIGURES.iter().map(|(figure, _)| tile(view, report, *figure)).collect()
}

fn tile(view: &View, report: &Overview, figure: Figure) -> Tile {
    let number = |figures: &Figures| match figure {
        Figure::Visitors => Some(figures.visitors as f64),
        Figure::Events => Some(figures.events as f64),
        Figure::Sessions => Some(figures.sessions as f64),
        Figure::Bounces => share(figures.bounces, figures.sessions),
    };
    let (now, before) = (number(&report.figures), report.before.as_ref().map(number));
    let about = if figure == Figure::Visitors && report.figures.approximate { "≈" } else { "" };
    Tile {
        title: title(figure),
        value: format!("{about}{}", formatted(figure, now)),
        change: before.flatten().zip(now).and_then(|(before, now)| match figure {
            Figure::Bounces => Some(rate_change(before, now)),
            _ => change(before, now),
        }),
        previous: before.map(|before| format!("vs {}", formatted(figure, before))).unwrap_or_default(),
        good: if figure == Figure::Bounces { "down" } else { "up" },
        href: view.link(|view| view.figure = figure),
        current: view.figure == figure,
    }
}

/// The shares of a column's values, the greatest first; small ones are one part at the end.
fn parts(response: &TableResponse, view: &View, column: SessionColumn) -> Vec<Segment> {
    let number = |row: &TableRow| row.numbers.first().copied().flatten().unwrap_or_default();
    let whole: u64 = response.rows.iter().map(number).sum();
    let mut from = 0;
    let part = |row: &TableRow| {
        let (value, count) = (row.labels.first().cloned().flatten().unwrap_or_default(), number(row));
        let known = MEDIA.iter().chain(&["high", "medium", "low"]).find(|word| **word == value);
        let part = Segment {
            class: known.copied().unwrap_or("other"),
            from: width(from as f64, whole as f64),
            width: width(count as f64, whole as f64),
            share: rate(count, whole),
            href: view.link(|view| view.set(column, &value)),
            name: Shown::or(Some(&value.replace('_', " ")), "unknown"),
        };
        from += count;
        part
    };
    response.rows.iter().map(part).collect()
}

async fn properties(
    app: &App,
    by: &Authorized<Read>,
    view: &View,
    now: Timestamp,
) -> PageResult<Option<Properties>> {
    let Some(event) = view.filter(Column::EventName) else { return Ok(None) };
    let names = NamesQuery { range: view.range(now), filters: Vec::new(), limit: RowLimit::MOST };
    let names = read::run(app, by, names).await?;
    let found = names.rows.into_iter().find(|row| row.event_name == event);
    let properties = found.map(|row| row.properties).unwrap_or_default();
    let names = properties.into_iter().filter_map(|seen| {
        let name = PropertyName::new(&seen.name)?;
        let current = view.property.as_ref() == Some(&name);
        let shown = Shown::new(name.as_str());
        Some((shown, view.link(|view| view.property = Some(name)), current))
    });
    Ok(Some(Properties { event: Shown::new(event), names: names.collect() }))
}
