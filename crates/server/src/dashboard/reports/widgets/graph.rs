//! The chart of the overview with its axis labels, its values as a table, and as a CSV file.
//!
//! The drawing itself is in `chart`.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use millimetric_core::query::Interval;
use millimetric_core::time::{TimeRange, Timestamp};

use super::bar::day;
use super::chart::{self, Chart, Until};
use super::csv::File;
use super::number::{NO_VALUE, brief, width};
use crate::dashboard::format::{grouped, percent};
use crate::dashboard::reports::view::{FIGURES, View};
use crate::ops::reports::overview::{Figure, Overview, Point};

/// The name of the chart's file.
pub(in crate::dashboard::reports) const TIME: &str = "time";
/// Labels below the chart.
const LABELS: usize = 6;

/// The chart with its labels and values.
#[derive(Debug)]
pub(in crate::dashboard::reports) struct Graph {
    pub(in crate::dashboard::reports) title: String,
    pub(in crate::dashboard::reports) chart: Chart,
    pub(in crate::dashboard::reports) marks: Vec<String>,
    pub(in crate::dashboard::reports) labels: Vec<(String, String)>,
    pub(in crate::dashboard::reports) description: String,
    pub(in crate::dashboard::reports) rows: Vec<GraphRow>,
    /// The dates of the range: `Oct 1 – Oct 30`.
    pub(in crate::dashboard::reports) dates: String,
    /// Those of the previous period, if it is shown.
    pub(in crate::dashboard::reports) previous_dates: Option<String>,
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
    let time = |point: &Point| bucket_label(point.bucket.to_utc().with_timezone(&zone), interval, today);
    let row = |(at, point): (usize, &Point)| GraphRow {
        time: time(point),
        value: if at < begun { formatted(figure, point.value) } else { NO_VALUE.to_owned() },
        before: before.map(|before| {
            before.get(at).map_or_else(|| NO_VALUE.to_owned(), |point| formatted(figure, point.value))
        }),
    };
    let value = |point: &Point| point.value.unwrap_or_default();
    let highest = points.iter().max_by(|a, b| value(a).total_cmp(&value(b)));
    let description = highest.filter(|highest| value(highest) > 0.0).map_or_else(
        || "No data in this range.".to_owned(),
        |highest| {
            let (value, time) = (formatted(figure, highest.value), time(highest));
            format!("Highest: {value}, {time}. The table below lists every value.")
        },
    );
    let dates = |range: TimeRange| {
        let date = |at: Timestamp| day(at.to_utc().with_timezone(&zone).date_naive(), today);
        let (first, last) = (date(range.from()), date(range.to().plus_millis(-1)));
        if first == last { first } else { format!("{first} – {last}") }
    };
    Graph {
        title: format!("{} by {}", title(figure), interval.as_str()),
        marks: chart.marks.iter().map(mark).collect(),
        labels: chart::labels(points.len(), LABELS)
            .map(|(at, place)| {
                (
                    width(place, 1.0),
                    axis_label(points[at].bucket.to_utc().with_timezone(&zone), interval, today),
                )
            })
            .collect(),
        description,
        rows: points.iter().enumerate().map(row).collect(),
        dates: dates(view.range(now)),
        previous_dates: overview.range_before.map(dates),
        csv: view.link(|view| view.path = format!("{}/csv/{TIME}", view.path)),
        chart,
    }
}

fn bucket_label(time: DateTime<Tz>, interval: Interval, today: NaiveDate) -> String {
    match interval {
        Interval::Hour => format!("{}, {}", day(time.date_naive(), today), time.format("%H:%M")),
        Interval::Day => time.format("%a, %b %-d, %Y").to_string(),
        Interval::Week => format!("Week of {}", day(time.date_naive(), today)),
        Interval::Month => time.format("%B %Y").to_string(),
    }
}

fn axis_label(time: DateTime<Tz>, interval: Interval, today: NaiveDate) -> String {
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

/// A figure's value as text; `–` if there is none.
pub(in crate::dashboard::reports) fn formatted(figure: Figure, value: Option<f64>) -> String {
    let text = |value| if figure == Figure::Bounces { percent(value) } else { grouped(value as u64) };
    value.map_or_else(|| NO_VALUE.to_owned(), text)
}

/// The chart as a file; each row has the value of the previous period too.
pub(in crate::dashboard::reports) fn over_time(overview: &Overview, figure: Figure) -> File {
    let name = FIGURES.iter().find(|(known, _)| *known == figure).map_or("value", |(_, name)| name);
    let number = |point: &Point| point.value.map(|value| value.to_string()).unwrap_or_default();
    let mut file = File::new(&["time", name, "before"]);
    for (at, point) in overview.series.iter().enumerate() {
        let before = overview.series_before.as_ref().and_then(|before| before.get(at));
        let before = before.map(number).unwrap_or_default();
        file.row([point.bucket.to_rfc3339_seconds(), number(point), before]);
    }
    file
}
