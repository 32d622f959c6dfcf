//! `/projects/{project}/retention`: for each cohort of visitors, how many returned in each later period.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use chrono::NaiveDate;
use chrono_tz::Tz;
use millimetric_core::query::{Cohort, Interval, NewVisitors, RetentionQuery};
use millimetric_core::time::Timestamp;

use super::place;
use super::view::View;
use super::widgets::bar::{Bar, BarOptions, Choice, day};
use super::widgets::csv::{self, File};
use super::widgets::event_select::{self, Pick};
use super::widgets::number::{rate, share};
use crate::auth::sessions::{InProject, Viewer};
use crate::dashboard::format::grouped;
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::PageResult;
use crate::ops::read;
use crate::ops::reports::overview::buckets;
use crate::state::App;

/// The most columns that are usual; more are there when they are asked for.
const USUAL_PERIODS: usize = 31;
/// The most columns.
const MOST_PERIODS: usize = RetentionQuery::MOST_PERIODS as usize;
/// The label of no event.
const ANY: &str = "Any event";
/// Steps of colour above none.
const HEAT: f64 = 8.0;

#[derive(Debug, Template)]
#[template(path = "reports/retention.html")]
struct RetentionPage {
    frame: Frame,
    bar: Bar,
    action: String,
    kept: Vec<(&'static str, String)>,
    begin: Vec<Pick>,
    back: Vec<Pick>,
    unit: &'static str,
    columns: Vec<usize>,
    rows: Vec<Row>,
    csv: String,
}

#[derive(Debug)]
struct Row {
    period: String,
    visitors: String,
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    text: String,
    /// `h0` to `h8`
    heat: String,
    visitors: String,
}

/// The parameters of the page, as its address gives them.
struct RetentionParams {
    view: View,
    event: Option<String>,
    back: Option<String>,
}

impl RetentionParams {
    fn read(member: &InProject<Viewer>, query: Option<&str>) -> Self {
        let mut view = View::read(place(member, "/retention"), member.project.timezone, query);
        let (mut event, mut back) = (None, None);
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let known = (1..=128).contains(&value.chars().count());
            match &*name {
                "begin" if known => event = Some(value.into_owned()),
                "back" if known => back = Some(value.into_owned()),
                _ => {}
            }
        }
        view.more.extend(event.iter().map(|name| ("begin", name.clone())));
        view.more.extend(back.iter().map(|name| ("back", name.clone())));
        Self { view, event, back }
    }

    /// Those with which the range has few enough periods, the finest first.
    fn intervals(&self, now: Timestamp, most: usize) -> impl Iterator<Item = Interval> + '_ {
        let range = self.view.range(now);
        let fits = move |interval: &Interval| {
            let length = range.to().millis() - range.from().millis();
            buckets(range, self.view.buckets(*interval)).len() <= most
                && length <= RetentionQuery::longest(*interval)
        };
        [Interval::Day, Interval::Week, Interval::Month].into_iter().filter(fits)
    }

    fn interval(&self, now: Timestamp) -> Interval {
        let chosen = self.intervals(now, MOST_PERIODS).find(|interval| Some(*interval) == self.view.interval);
        chosen.or_else(|| self.intervals(now, USUAL_PERIODS).next()).unwrap_or(Interval::Month)
    }

    fn query(&self, now: Timestamp) -> RetentionQuery {
        let slice = self.view.slice(now).of_sessions();
        let periods = self.view.buckets(self.interval(now));
        let (events, return_event) = (self.event.clone().into(), self.back.clone());
        let mut range = slice.range;
        let longest = RetentionQuery::longest(periods.interval);
        if range.to().millis() - range.from().millis() > longest {
            let from = range.to().plus_millis(-longest);
            range = millimetric_core::time::TimeRange::new(from, range.to()).unwrap_or(range);
        }
        let (new, filters) = (NewVisitors::Ever, slice.filters);
        RetentionQuery { range, events, new, filters, return_event, periods }
    }

    fn bar(&self, now: Timestamp) -> Bar {
        let mut bar = Bar::new(&self.view, now, BarOptions { time: false, envs: true });
        let current = self.interval(now);
        let choice = |interval: Interval| Choice {
            title: interval.as_str().to_owned(),
            href: self.view.link(|view| view.interval = Some(interval)),
            current: interval == current,
            key: "",
        };
        bar.intervals = self.intervals(now, MOST_PERIODS).map(choice).collect();
        bar
    }
}

/// The page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    RawQuery(query): RawQuery,
) -> PageResult<Response> {
    let params = RetentionParams::read(&member, query.as_deref());
    let (by, now) = (member.reader(params.view.env), app.now());
    let query = params.query(now);
    let names = event_select::event_names(&app, &by, query.range).await?;
    let interval = query.periods.interval;
    let zone = params.view.zone;
    let today = now.to_utc().with_timezone(&zone).date_naive();
    let cohorts = read::run(&app, &by, query).await?.cohorts;
    let periods = cohorts.iter().map(|cohort| cohort.returned.len()).max().unwrap_or_default();
    page(&RetentionPage {
        frame: Frame::of_project(&member, Tab::Retention)?,
        bar: params.bar(now),
        action: params.view.path.clone(),
        kept: params.view.with(|view| view.more.clear()).pairs(),
        begin: event_select::events(&names, params.event.as_ref(), ANY),
        back: event_select::events(&names, params.back.as_ref(), ANY),
        unit: interval.as_str(),
        columns: (0..periods).collect(),
        rows: cohorts.iter().map(|cohort| row(cohort, interval, (zone, today))).collect(),
        csv: params.view.link(|view| view.path = place(&member, "/retention/csv")),
    })
}

fn row(cohort: &Cohort, interval: Interval, (zone, today): (Tz, NaiveDate)) -> Row {
    let date = cohort.start.to_utc().with_timezone(&zone);
    let cell = |returned: &u64| {
        let part = share(*returned, cohort.visitors).unwrap_or_default();
        let heat = if *returned == 0 { 0.0 } else { (part * HEAT).ceil() };
        Cell {
            text: rate(*returned, cohort.visitors),
            heat: format!("h{heat:.0}"),
            visitors: grouped(*returned),
        }
    };
    Row {
        period: match interval {
            Interval::Month => date.format("%b %Y").to_string(),
            _ => day(date.date_naive(), today),
        },
        visitors: grouped(cohort.visitors),
        cells: cohort.returned.iter().map(cell).collect(),
    }
}

/// The grid as a file.
pub(super) async fn download(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    RawQuery(query): RawQuery,
) -> PageResult<Response> {
    let params = RetentionParams::read(&member, query.as_deref());
    let now = app.now();
    let query = params.query(now);
    let cohorts = read::run(&app, &member.reader(params.view.env), query).await?.cohorts;
    let mut file = File::new(&["cohort", "visitors", "period", "returned"]);
    for cohort in cohorts {
        for (period, returned) in cohort.returned.iter().enumerate() {
            let start = cohort.start.to_utc().with_timezone(&params.view.zone).date_naive().to_string();
            file.row([start, cohort.visitors.to_string(), period.to_string(), returned.to_string()]);
        }
    }
    Ok(csv::response(file, &format!("{}-retention", member.project.slug), &params.view, now))
}
