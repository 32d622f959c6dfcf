//! `/projects/{project}`: the project at a glance, and its tables as pages and files of their own.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use millimetric_core::query::{Column, Interval, NamesQuestion, PropertyName, RowLimit};
use millimetric_core::time::Timestamp;

use super::bar::{Bar, Parts, day};
use super::chart::{self, Chart, Until};
use super::csv::{self, File};
use super::number::{Change, brief, change, grouped, percent, share, width};
use super::panel::{Kind, Panel};
use super::text::Shown;
use super::view::{FIGURES, View};
use super::{Of, place};
use crate::app::App;
use crate::auth::sessions::{InProject, Refusal, Viewer};
use crate::auth::{Authorized, Read};
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::PageResult;
use crate::ops::overview::{Figure, Figures, Overview, OverviewQuestion, Point, Table, overview, table};
use crate::ops::{read, schema};

/// Rows of each table on the overview.
const ROWS: u64 = 10;
/// The name of the file of the chart.
const TIME: &str = "time";
/// Labels below the chart.
const LABELS: usize = 6;
/// Media that have a colour of their own.
const MEDIA: [&str; 7] = ["paid", "organic", "social", "direct", "referral", "email", "ai_assistant"];

#[derive(Debug, Template)]
#[template(path = "reports/overview.html")]
struct OverviewPage {
    frame: Frame,
    bar: Bar,
    tiles: Vec<Tile>,
    graph: Graph,
    media: Vec<Part>,
    sure: Vec<Part>,
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
    /// What it was before, in words.
    before: String,
    /// Whether more is better.
    good: &'static str,
    href: String,
    current: bool,
}

/// The chart with what is read beside it.
#[derive(Debug)]
struct Graph {
    title: String,
    chart: Chart,
    marks: Vec<String>,
    labels: Vec<(String, String)>,
    description: String,
    rows: Vec<GraphRow>,
    compared: bool,
    csv: String,
}

#[derive(Debug)]
struct GraphRow {
    time: String,
    value: String,
    before: Option<String>,
}

/// A part of a whole.
#[derive(Debug)]
struct Part {
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

/// The page, of whoever may read the project.
pub(super) async fn draw(
    app: &App,
    by: &Authorized<Read>,
    view: View,
    frame: Frame,
    shared: bool,
) -> PageResult<Response> {
    let now = app.now();
    let mut kinds = Kind::all(&view);
    let mut tables: Vec<Table> = kinds.iter().map(|kind| kind.table.clone()).collect();
    tables.extend([Table::Shares(Column::Medium), Table::Shares(Column::SourceConfidence)]);
    let question = asked(&view, now, tables);
    let mut told = overview(app, by, &question).await?;
    let properties = if shared { None } else { properties(app, by, &view, now).await? };
    let found = match told.figures.events {
        0 if view.filters.is_empty() && schema::last_seen(app, by, None).await?.is_none() => "never",
        0 => "nothing",
        _ => "events",
    };
    let sure = parts(&told.tables.pop().unwrap_or_default(), &view, Column::SourceConfidence);
    let media = parts(&told.tables.pop().unwrap_or_default(), &view, Column::Medium);
    let answers = std::mem::take(&mut told.tables);
    let panels = kinds.drain(..).zip(answers).map(|(kind, answer)| {
        let mut panel = kind.panel(answer, &view, ROWS as usize);
        if shared {
            (panel.more, panel.csv) = (None, None);
        }
        panel
    });
    let (property, panels): (Vec<Panel>, Vec<Panel>) = panels.partition(|panel| panel.name == "property");
    let mut bar = Bar::new(&view, now, Parts { time: true, envs: !shared });
    bar.share = (!shared).then(|| format!("{}/share", view.path));
    page(&OverviewPage {
        frame,
        bar,
        tiles: tiles(&view, &told),
        graph: graph(&view, &told, question.buckets.interval, now),
        media,
        sure,
        panels,
        property: property.into_iter().next(),
        properties,
        found,
        event_on: view.filter(Column::EventName).is_some(),
        shared,
    })
}

fn asked(view: &View, now: Timestamp, tables: Vec<Table>) -> OverviewQuestion {
    OverviewQuestion {
        slice: view.slice(now),
        figure: view.figure,
        buckets: view.steps(now),
        compare: view.compare,
        tables,
        // One more than is shown tells that there are more; of campaigns one says "none".
        limit: RowLimit::new(ROWS + 2).unwrap_or(RowLimit::MOST),
    }
}

fn tiles(view: &View, told: &Overview) -> Vec<Tile> {
    FIGURES.iter().map(|(figure, _)| tile(view, told, *figure)).collect()
}

fn tile(view: &View, told: &Overview, figure: Figure) -> Tile {
    let number = |figures: &Figures| match figure {
        Figure::Visitors => figures.visitors as f64,
        Figure::Events => figures.events as f64,
        Figure::Sessions => figures.sessions as f64,
        Figure::Bounces => share(figures.bounces, figures.sessions),
    };
    let (now, before) = (number(&told.figures), told.before.as_ref().map(number));
    let about = if figure == Figure::Visitors && told.figures.approximate { "≈" } else { "" };
    Tile {
        title: title(figure),
        value: format!("{about}{}", written(figure, now)),
        change: before.and_then(|before| change(before, now)),
        before: before.map(|before| format!("before: {}", written(figure, before))).unwrap_or_default(),
        good: if figure == Figure::Bounces { "down" } else { "up" },
        href: view.link(|view| view.figure = figure),
        current: view.figure == figure,
    }
}

const fn title(figure: Figure) -> &'static str {
    match figure {
        Figure::Visitors => "Visitors",
        Figure::Events => "Events",
        Figure::Sessions => "Sessions",
        Figure::Bounces => "Bounce rate",
    }
}

fn written(figure: Figure, value: f64) -> String {
    // With a decimal, so that a small change is seen in the figure too.
    if figure == Figure::Bounces { format!("{:.1}%", value * 100.0) } else { grouped(value as u64) }
}

fn graph(view: &View, told: &Overview, interval: Interval, now: Timestamp) -> Graph {
    let figure = view.figure;
    let (points, before) = (&told.series, told.series_before.as_deref());
    let begun = points.iter().take_while(|point| point.bucket <= now).count();
    // The last step that has begun goes on, unless the next one has begun too.
    let over = if view.range(now).to() > now { begun.saturating_sub(1) } else { begun };
    let chart = chart::draw(points, before, Until { over, begun }, figure != Figure::Bounces);
    let mark = |mark: &f64| if figure == Figure::Bounces { percent(*mark) } else { brief(*mark) };
    let zone = view.zone;
    let today = now.to_utc().with_timezone(&zone).date_naive();
    let time = |point: &Point| moment(point.bucket.to_utc().with_timezone(&zone), interval, today);
    let row = |(at, point): (usize, &Point)| GraphRow {
        time: time(point),
        value: if at < begun { written(figure, point.value) } else { "–".to_owned() },
        before: before.map(|before| {
            before.get(at).map_or_else(|| "–".to_owned(), |point| written(figure, point.value))
        }),
    };
    let most = points.iter().max_by(|a, b| a.value.total_cmp(&b.value));
    let description = most.filter(|most| most.value > 0.0).map_or_else(
        || "Nothing in this range.".to_owned(),
        |most| {
            format!(
                "Highest: {}, {}. The table below has every number.",
                written(figure, most.value),
                time(most)
            )
        },
    );
    Graph {
        title: format!("{} by {}", title(figure), interval.as_str()),
        marks: chart.marks.iter().map(mark).collect(),
        labels: chart::labels(points.len(), LABELS)
            .map(|(at, place)| {
                (
                    width(place, 1.0),
                    short_moment(points[at].bucket.to_utc().with_timezone(&zone), interval, today),
                )
            })
            .collect(),
        description,
        rows: points.iter().enumerate().map(row).collect(),
        compared: before.is_some(),
        csv: view.link(|view| view.path = format!("{}/csv/{TIME}", view.path)),
        chart,
    }
}

fn moment(time: DateTime<Tz>, interval: Interval, today: NaiveDate) -> String {
    match interval {
        Interval::Hour => format!("{}, {}", day(time.date_naive(), today), time.format("%H:%M")),
        Interval::Day => time.format("%a, %-d %b %Y").to_string(),
        Interval::Week => format!("week of {}", day(time.date_naive(), today)),
        Interval::Month => time.format("%B %Y").to_string(),
    }
}

fn short_moment(time: DateTime<Tz>, interval: Interval, today: NaiveDate) -> String {
    match interval {
        Interval::Hour if time.format("%H").to_string() != "00" => time.format("%H:%M").to_string(),
        Interval::Month => time.format("%b %Y").to_string(),
        _ => day(time.date_naive(), today),
    }
}

/// The shares of a column's values, the greatest first; small ones are one part at the end.
fn parts(answer: &crate::ops::overview::TableAnswer, view: &View, column: Column) -> Vec<Part> {
    let number =
        |row: &crate::ops::overview::TableRow| row.numbers.first().copied().flatten().unwrap_or_default();
    let whole: u64 = answer.rows.iter().map(number).sum();
    let mut from = 0;
    let part = |row: &crate::ops::overview::TableRow| {
        let (value, count) = (row.labels.first().cloned().flatten().unwrap_or_default(), number(row));
        let known = MEDIA.iter().chain(&["high", "medium", "low"]).find(|word| **word == value);
        let part = Part {
            class: known.copied().unwrap_or("other"),
            from: width(from as f64, whole as f64),
            width: width(count as f64, whole as f64),
            share: percent(share(count, whole)),
            href: view.link(|view| view.set(column, &value)),
            name: Shown::or(Some(&value.replace('_', " ")), "unknown"),
        };
        from += count;
        part
    };
    answer.rows.iter().map(part).collect()
}

async fn properties(
    app: &App,
    by: &Authorized<Read>,
    view: &View,
    now: Timestamp,
) -> PageResult<Option<Properties>> {
    let Some(event) = view.filter(Column::EventName) else { return Ok(None) };
    let names = read::names(app, by, NamesQuestion { range: view.range(now), limit: RowLimit::MOST }).await?;
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

#[derive(Debug, Template)]
#[template(path = "reports/table.html")]
struct TablePage {
    frame: Frame,
    bar: Bar,
    panel: Panel,
    back: String,
}

/// A table with every row that an answer can hold.
pub(super) async fn show_table(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    Path(Of { name, .. }): Path<Of>,
    RawQuery(query): RawQuery,
) -> PageResult<Response> {
    let (view, now) = (View::read(place(&member, ""), member.project.timezone, query.as_deref()), app.now());
    let kind = Kind::named(&name, &view).ok_or(Refusal::NotFound)?;
    let by = member.reader(view.env);
    let answer = table(&app, &by, &view.slice(now), &kind.table, RowLimit::MOST).await?;
    // The links of the rows go to the overview, those of the bar stay here.
    let here = view.with(|view| view.path = format!("{}/tables/{name}", view.path));
    page(&TablePage {
        frame: Frame::of_project(&member, Tab::Overview)?,
        bar: Bar::new(&here, now, Parts { time: false, envs: true }),
        panel: kind.panel(answer, &view, RowLimit::MOST.get()),
        back: view.address(),
    })
}

/// A table as a file.
pub(super) async fn download(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    Path(Of { name, .. }): Path<Of>,
    RawQuery(query): RawQuery,
) -> PageResult<Response> {
    let (view, now) = (View::read(place(&member, ""), member.project.timezone, query.as_deref()), app.now());
    let by = member.reader(view.env);
    let named = format!("{}-{name}", member.project.slug);
    if name == TIME {
        let file = over_time(&overview(&app, &by, &asked(&view, now, Vec::new())).await?, view.figure);
        return Ok(csv::response(file, &named, &view, now));
    }
    let kind = Kind::named(&name, &view).ok_or(Refusal::NotFound)?;
    let answer = table(&app, &by, &view.slice(now), &kind.table, RowLimit::MOST).await?;
    let mut file = File::new(&kind.columns());
    for row in answer.rows {
        let labels = row.labels.into_iter().map(Option::unwrap_or_default);
        let numbers =
            row.numbers.into_iter().map(|number| number.map_or_else(String::new, |n| n.to_string()));
        file.row(labels.chain(numbers));
    }
    Ok(csv::response(file, &named, &view, now))
}

/// The chart as a file; the period before stands beside the range, step by step.
fn over_time(told: &Overview, figure: Figure) -> File {
    let name = FIGURES.iter().find(|(known, _)| *known == figure).map_or("value", |(_, name)| name);
    let mut file = File::new(&["time", name, "before"]);
    for (at, point) in told.series.iter().enumerate() {
        let before = told.series_before.as_ref().and_then(|before| before.get(at));
        let before = before.map(|point| point.value.to_string()).unwrap_or_default();
        file.row([point.bucket.to_rfc3339_seconds(), point.value.to_string(), before]);
    }
    file
}
