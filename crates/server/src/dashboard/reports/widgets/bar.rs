//! The controls above every report: range, interval, comparison, live or test, and the active filters, each a
//! link that changes one of them.

use chrono::{Datelike as _, NaiveDate};
use millimetric_core::column::{Column, FilterInfo};
use millimetric_core::key::Env;
use millimetric_core::query::Dimension;
use millimetric_core::time::Timestamp;

use super::country;
use super::text::Shown;
use crate::dashboard::reports::view::{INTERVALS, PERIODS, Span, View, suits};

/// The bar, ready to be drawn.
#[derive(Debug)]
pub(in crate::dashboard::reports) struct Bar {
    pub(in crate::dashboard::reports) periods: Vec<Choice>,
    /// Empty where there is nothing to choose.
    pub(in crate::dashboard::reports) intervals: Vec<Choice>,
    pub(in crate::dashboard::reports) compare: Option<Choice>,
    /// Live and test; empty where only live is shown.
    pub(in crate::dashboard::reports) envs: Vec<Choice>,
    /// Where to share the page, where that can be done.
    pub(in crate::dashboard::reports) share: Option<String>,
    pub(in crate::dashboard::reports) chips: Vec<Chip>,
    /// The address of the form for a custom range.
    pub(in crate::dashboard::reports) action: String,
    /// The hidden fields of that form.
    pub(in crate::dashboard::reports) kept: Vec<(&'static str, String)>,
    pub(in crate::dashboard::reports) first: String,
    pub(in crate::dashboard::reports) last: String,
    /// The time zone of the days.
    pub(in crate::dashboard::reports) zone: &'static str,
    /// The range is one of typed dates.
    pub(in crate::dashboard::reports) custom_range: bool,
}

/// A link that is one of several.
#[derive(Debug)]
pub(in crate::dashboard::reports) struct Choice {
    pub(in crate::dashboard::reports) title: String,
    pub(in crate::dashboard::reports) href: String,
    pub(in crate::dashboard::reports) current: bool,
    /// The key that follows it.
    pub(in crate::dashboard::reports) key: &'static str,
}

/// An active filter.
#[derive(Debug)]
pub(in crate::dashboard::reports) struct Chip {
    pub(in crate::dashboard::reports) name: &'static str,
    pub(in crate::dashboard::reports) value: Shown,
    /// The page without it.
    pub(in crate::dashboard::reports) href: String,
}

/// Which controls the bar of a report has.
#[derive(Debug, Clone, Copy)]
pub(in crate::dashboard::reports) struct BarOptions {
    pub(in crate::dashboard::reports) time: bool,
    pub(in crate::dashboard::reports) envs: bool,
}

impl Bar {
    /// Of a view.
    pub(in crate::dashboard::reports) fn new(view: &View, now: Timestamp, options: BarOptions) -> Self {
        let range = view.range(now);
        let day = |at: Timestamp| at.to_utc().with_timezone(&view.zone).date_naive().to_string();
        let (first, last) = (day(range.from()), day(range.to().plus_millis(-1)));
        let kept = view.with(|view| view.span = Span::Named(PERIODS[3].0)).pairs();
        Self {
            periods: periods(view),
            intervals: if options.time { intervals(view, now) } else { Vec::new() },
            compare: options.time.then(|| compare(view)),
            envs: if options.envs { envs(view) } else { Vec::new() },
            share: None,
            chips: chips(view),
            action: view.path.clone(),
            kept,
            first,
            last,
            zone: view.zone.name(),
            custom_range: matches!(view.span, Span::Days(..)),
        }
    }
}

fn periods(view: &View) -> Vec<Choice> {
    let choice = |(word, title, key): &(&'static str, &str, &'static str)| Choice {
        title: (*title).to_owned(),
        href: view.link(|view| view.span = Span::Named(word)),
        current: view.span == Span::Named(word),
        key,
    };
    PERIODS.iter().map(choice).collect()
}

fn intervals(view: &View, now: Timestamp) -> Vec<Choice> {
    let (range, shown) = (view.range(now), view.steps(now).interval);
    let fitting = INTERVALS.into_iter().filter(|interval| suits(range, view.buckets(*interval)));
    let choice = |interval: millimetric_core::query::Interval| Choice {
        title: interval.as_str().to_owned(),
        href: view.link(|view| view.interval = Some(interval)),
        current: interval == shown,
        key: "",
    };
    fitting.map(choice).collect()
}

fn compare(view: &View) -> Choice {
    let href = view.link(|view| view.compare = !view.compare);
    Choice { title: "Compare".to_owned(), href, current: view.compare, key: "c" }
}

fn envs(view: &View) -> Vec<Choice> {
    let choice = |env: Env| Choice {
        title: env.as_str().to_owned(),
        href: view.link(|view| view.env = env),
        current: view.env == env,
        key: "",
    };
    [Env::Live, Env::Test].map(choice).into()
}

fn chips(view: &View) -> Vec<Chip> {
    let chip = |(column, _): (Dimension, FilterInfo)| {
        let value = view.filter(column.clone())?;
        let value = match column {
            Dimension::Column(Column::Country) => country::shown(value),
            _ => Shown::or(Some(value), "unknown"),
        };
        let href = view.link(|view| {
            view.filters.retain(|filter| !filter.is_on(column.clone()));
            view.property = view.property.take().filter(|_| column != Column::EventName.into());
        });
        Some(Chip { name: column.label(), value, href })
    };
    Dimension::filters().filter_map(chip).collect()
}

/// `Oct 1`, or `Oct 1, 2025` in another year than today's.
pub(in crate::dashboard::reports) fn day(date: NaiveDate, today: NaiveDate) -> String {
    let this_year = date.year() == today.year();
    date.format(if this_year { "%b %-d" } else { "%b %-d, %Y" }).to_string()
}
