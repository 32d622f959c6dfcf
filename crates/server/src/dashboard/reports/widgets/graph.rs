//! The chart of the overview with what is read beside it: its marks, its labels, its numbers as a
//! table and as a file.
//!
//! The drawing itself is in `chart`.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use millimetric_core::query::Interval;
use millimetric_core::time::Timestamp;

use super::bar::day;
use super::chart::{self, Chart, Until};
use super::csv::File;
use super::number::{brief, grouped, percent, width};
use crate::dashboard::reports::view::{FIGURES, View};
use crate::ops::reports::overview::{Figure, Overview, Point};

/// The name of the chart's file.
pub(in crate::dashboard::reports) const TIME: &str = "time";
/// Labels below the chart.
const LABELS: usize = 6;

/// The chart with what is read beside it.
#[derive(Debug)]
pub(in crate::dashboard::reports) struct Graph {
    pub(in crate::dashboard::reports) title: String,
    pub(in crate::dashboard::reports) chart: Chart,
    pub(in crate::dashboard::reports) marks: Vec<String>,
    pub(in crate::dashboard::reports) labels: Vec<(String, String)>,
    pub(in crate::dashboard::reports) description: String,
    pub(in crate::dashboard::reports) rows: Vec<GraphRow>,
    pub(in crate::dashboard::reports) compared: bool,
    pub(in crate::dashboard::reports) csv: String,
}

#[derive(Debug)]
pub(in crate::dashboard::reports) struct GraphRow {
    pub(in crate::dashboard::reports) time: String,
    pub(in crate::dashboard::reports) value: String,
    pub(in crate::dashboard::reports) before: Option<String>,
}

/// The chart of the view's figure.
pub(in crate::dashboard::reports) fn graph(
    view: &View,
    overview: &Overview,
    interval: Interval,
    now: Timestamp,
) -> Graph {
    let figure = view.figure;
    let (points, before) = (&overview.series, overview.series_before.as_deref());
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

/// What a figure is called.
pub(in crate::dashboard::reports) const fn title(figure: Figure) -> &'static str {
    match figure {
        Figure::Visitors => "Visitors",
        Figure::Events => "Events",
        Figure::Sessions => "Sessions",
        Figure::Bounces => "Bounce rate",
    }
}

/// A figure's value as people read it.
pub(in crate::dashboard::reports) fn written(figure: Figure, value: f64) -> String {
    // With a decimal, so that a small change is seen in the figure too.
    if figure == Figure::Bounces { format!("{:.1}%", value * 100.0) } else { grouped(value as u64) }
}

/// The chart as a file; the period before stands beside the range, step by step.
pub(in crate::dashboard::reports) fn over_time(overview: &Overview, figure: Figure) -> File {
    let name = FIGURES.iter().find(|(known, _)| *known == figure).map_or("value", |(_, name)| name);
    let mut file = File::new(&["time", name, "before"]);
    for (at, point) in overview.series.iter().enumerate() {
        let before = overview.series_before.as_ref().and_then(|before| before.get(at));
        let before = before.map(|point| point.value.to_string()).unwrap_or_default();
        file.row([point.bucket.to_rfc3339_seconds(), point.value.to_string(), before]);
    }
    file
}
