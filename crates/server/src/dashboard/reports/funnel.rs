//! `/projects/{project}/funnels`: how many visitors complete a series of events. The URL contains the funnel.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use millimetric_core::query::{
    Dimension, FunnelGroup, FunnelQuery, FunnelResponse, FunnelSteps, FunnelWindow, GroupAt, RowLimit,
    StepOrder,
};

use super::place;
use super::view::View;
use super::widgets::bar::{Bar, BarOptions};
use super::widgets::csv::{self, File};
use super::widgets::event_select::{self, Pick};
use super::widgets::number::{NO_VALUE, duration, rate, share, width};
use super::widgets::text::Shown;
use crate::auth::sessions::{InProject, Viewer};
use crate::auth::{Authorized, Read};
use crate::dashboard::format::{grouped, percent};
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::{PageError, PageResult};
use crate::error::ApiResult;
use crate::ops::read;
use crate::ops::reports::overview::Slice;
use crate::state::App;

/// The most groups shown.
const GROUPS: u64 = 20;
/// The fewest fields for steps.
const FIELDS: usize = 3;
const WINDOWS: [(&str, &str); 6] = [
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("1d", "1 day"),
    ("7d", "7 days"),
    ("30d", "30 days"),
    ("90d", "90 days"),
];
const USUAL_WINDOW: &str = "7d";
const GROUP_BY: [(&str, &str); 8] = [
    ("source", "Source"),
    ("medium", "Medium"),
    ("campaign", "Campaign"),
    ("country", "Country"),
    ("device_type", "Device"),
    ("browser", "Browser"),
    ("os", "System"),
    ("path", "Page"),
];

#[derive(Debug, Template)]
#[template(path = "reports/funnel.html")]
struct FunnelPage {
    frame: Frame,
    bar: Bar,
    form: Form,
    /// What is wrong with the steps; empty when nothing is.
    problem: &'static str,
    steps: Vec<Step>,
    groups: Vec<Group>,
    group_title: &'static str,
    /// `12 of 80 visitors completed the funnel: 15.0%`
    summary: String,
    csv: String,
    any_order: bool,
}

/// The form that makes a funnel.
#[derive(Debug)]
struct Form {
    action: String,
    kept: Vec<(&'static str, String)>,
    /// The fields of the steps, each with its choices.
    fields: Vec<Vec<Pick>>,
    windows: Vec<Pick>,
    orders: Vec<Pick>,
    group_by: Vec<Pick>,
}

#[derive(Debug)]
struct Step {
    name: Shown,
    visitors: String,
    bar: String,
    /// Visitors of this step in percent of the first.
    of_start: String,
    /// In percent of the previous step; empty at the first.
    of_previous: String,
    /// Visitors of the previous step who did not get here; empty at the first.
    lost: String,
    time: String,
}

#[derive(Debug)]
struct Group {
    label: Shown,
    bar: String,
    cells: Vec<String>,
}

/// A funnel as an address gives it.
#[derive(Debug)]
struct FunnelParams {
    view: View,
    names: Vec<String>,
    window: String,
    any_order: bool,
    group_by: Option<&'static str>,
}

impl FunnelParams {
    fn read(member: &InProject<Viewer>, query: Option<&str>) -> Self {
        let mut view = View::read(place(member, "/funnels"), member.project.timezone, query);
        let (mut names, mut window, mut any_order, mut group_by) =
            (Vec::new(), USUAL_WINDOW.to_owned(), false, None);
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "step" if !value.is_empty() && names.len() < FunnelSteps::MOST => {
                    names.push(value.into_owned());
                }
                "window" if value.parse::<FunnelWindow>().is_ok() => window = value.into_owned(),
                "order" => any_order = value == StepOrder::Any.as_str(),
                "group_by" => {
                    group_by = GROUP_BY.iter().map(|(known, _)| *known).find(|known| *known == value);
                }
                _ => {}
            }
        }
        view.more = names.iter().map(|name| ("step", name.clone())).collect();
        if window != USUAL_WINDOW {
            view.more.push(("window", window.clone()));
        }
        if any_order {
            view.more.push(("order", StepOrder::Any.as_str().to_owned()));
        }
        view.more.extend(group_by.map(|column| ("group_by", column.to_owned())));
        Self { view, names, window, any_order, group_by }
    }

    fn query(&self, slice: Slice, grouped: bool) -> Option<FunnelQuery> {
        // A step is an event already: the filters are about where its visitors come from.
        let Slice { range, filters } = slice.of_sessions();
        let group_by = self.group_by.filter(|_| grouped).and_then(|name| name.parse::<Dimension>().ok());
        Some(FunnelQuery {
            range,
            filters,
            steps: FunnelSteps::new(self.names.clone())?,
            window: self.window.parse().unwrap_or(FunnelWindow::WEEK),
            order: if self.any_order { StepOrder::Any } else { StepOrder::Strict },
            group_by: group_by.into_iter().collect(),
            group_at: GroupAt::First,
            limit: RowLimit::new(GROUPS).unwrap_or(RowLimit::MOST),
        })
    }

    async fn ask(
        &self,
        app: &App,
        by: &Authorized<Read>,
        grouped: bool,
    ) -> ApiResult<Option<FunnelResponse>> {
        match self.query(self.view.slice(app.now()), grouped) {
            Some(query) => Ok(Some(read::run(app, by, query).await?)),
            None => Ok(None),
        }
    }

    fn form(&self, known: &[String]) -> Form {
        let count = (self.names.len() + 1).clamp(FIELDS, FunnelSteps::MOST);
        let field = |at: usize| {
            event_select::events(known, self.names.get(at), if at < 2 { "Select event" } else { "Add step" })
        };
        let listed = |all: &[(&str, &str)], now: &str| -> Vec<Pick> {
            all.iter().map(|(value, title)| Pick::new(value, Shown::ours(title), *value == now)).collect()
        };
        let mut windows = listed(&WINDOWS, &self.window);
        if windows.iter().all(|window| !window.chosen) {
            windows.push(Pick::new(&self.window, Shown::new(&self.window), true));
        }
        let orders = [("strict", "In this order"), ("any", "In any order")];
        let no_group = [Pick::new("", Shown::ours("No breakdown"), self.group_by.is_none())];
        Form {
            action: self.view.path.clone(),
            kept: self.view.with(|view| view.more.clear()).pairs(),
            fields: (0..count).map(field).collect(),
            windows,
            orders: listed(&orders, if self.any_order { "any" } else { "strict" }),
            group_by: no_group
                .into_iter()
                .chain(listed(&GROUP_BY, self.group_by.unwrap_or_default()))
                .collect(),
        }
    }

    fn steps(&self, group: &FunnelGroup) -> Vec<Step> {
        let start = group.steps.first().map_or(0, |step| step.visitors);
        let step = |(at, step): (usize, &millimetric_core::query::FunnelStep)| {
            let previous = if at == 0 { step.visitors } else { group.steps[at - 1].visitors };
            let counted = match (at, self.any_order) {
                (_, false) => Shown::new(self.names.get(at).map_or("", String::as_str)),
                (0, true) => Shown::ours("Any 1 step"),
                (_, true) => Shown::ours(&format!("Any {} steps", at + 1)),
            };
            Step {
                name: counted,
                visitors: grouped(step.visitors),
                bar: width(step.visitors as f64, start as f64),
                of_start: rate(step.visitors, start),
                of_previous: if at == 0 { String::new() } else { rate(step.visitors, previous) },
                lost: if at == 0 { String::new() } else { grouped(previous.saturating_sub(step.visitors)) },
                time: step.median_millis.map(duration).unwrap_or_default(),
            }
        };
        group.steps.iter().enumerate().map(step).collect()
    }
}

/// The page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    RawQuery(query): RawQuery,
) -> PageResult<Response> {
    let params = FunnelParams::read(&member, query.as_deref());
    let (by, now) = (member.reader(params.view.env), app.now());
    let known = event_select::event_names(&app, &by, params.view.range(now)).await?;
    let response = params.ask(&app, &by, false).await?;
    let whole = response.as_ref().and_then(|response| response.groups.first());
    let grouped_response = if params.group_by.is_some() { params.ask(&app, &by, true).await? } else { None };
    let group_title =
        GROUP_BY.iter().find(|(name, _)| Some(*name) == params.group_by).map_or("", |(_, title)| title);
    page(&FunnelPage {
        frame: Frame::of_project(&member, Tab::Funnels)?,
        bar: Bar::new(&params.view, now, BarOptions { time: false, envs: true }),
        form: params.form(&known),
        problem: match (known.is_empty(), params.names.len()) {
            (true, 0) => "No events in this range. The steps of a funnel are names of events that were sent.",
            (_, 0) => {
                "Select two to eight events in the order in which visitors are expected to do them, for example $pageview, signup, purchase."
            }
            (_, 1) => "Select at least one more event: a funnel has two to eight steps.",
            _ if response.is_none() => "A step must be the name of an event, with at most 128 characters.",
            _ => "",
        },
        steps: whole.map(|group| params.steps(group)).unwrap_or_default(),
        groups: grouped_response.map(|response| groups(&response)).unwrap_or_default(),
        group_title,
        summary: whole.map(summary).unwrap_or_default(),
        csv: params.view.link(|view| view.path = place(&member, "/funnels/csv")),
        any_order: params.any_order,
    })
}

fn summary(group: &FunnelGroup) -> String {
    let first = group.steps.first().map_or(0, |step| step.visitors);
    let last = group.steps.last().map_or(0, |step| step.visitors);
    format!("{} of {} visitors completed the funnel: {}", grouped(last), grouped(first), rate(last, first))
}

fn groups(response: &FunnelResponse) -> Vec<Group> {
    let conversion = |group: &FunnelGroup| {
        share(
            group.steps.last().map_or(0, |step| step.visitors),
            group.steps.first().map_or(0, |step| step.visitors),
        )
    };
    let highest = response.groups.iter().filter_map(conversion).fold(0.0, f64::max);
    let group = |group: &FunnelGroup| {
        let counts = group.steps.iter().map(|step| grouped(step.visitors));
        Group {
            label: Shown::or(group.keys.first().and_then(Option::as_deref), "unknown"),
            bar: width(conversion(group).unwrap_or_default(), highest),
            cells: counts.chain([conversion(group).map_or_else(|| NO_VALUE.to_owned(), percent)]).collect(),
        }
    };
    response.groups.iter().map(group).collect()
}

/// The funnel as a file.
pub(super) async fn download(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    RawQuery(query): RawQuery,
) -> PageResult<Response> {
    let params = FunnelParams::read(&member, query.as_deref());
    let response =
        params.ask(&app, &member.reader(params.view.env), true).await?.ok_or(PageError::NotFound)?;
    let mut columns = vec!["step", "event", "visitors", "median_seconds_from_previous"];
    columns.extend(params.group_by);
    let mut file = File::new(&columns);
    for group in response.groups {
        for (at, step) in group.steps.iter().enumerate() {
            let name = if params.any_order { String::new() } else { params.names[at].clone() };
            let seconds = step.median_millis.map(|millis| (millis / 1000.0).to_string()).unwrap_or_default();
            let keys = group.keys.iter().map(|key| key.clone().unwrap_or_default());
            file.row(
                [(at + 1).to_string(), name, step.visitors.to_string(), seconds].into_iter().chain(keys),
            );
        }
    }
    Ok(csv::response(file, &format!("{}-funnel", member.project.slug), &params.view, app.now()))
}
