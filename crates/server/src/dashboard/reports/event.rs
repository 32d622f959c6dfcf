//! A single event as reports show it, and the page that explains its attribution.

use std::borrow::Cow;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use chrono_tz::Tz;
use millimetric_core::classify::RuleSettings;
use millimetric_core::event::Event;
use millimetric_core::key::Env;
use millimetric_core::time::{TimeRange, Timestamp};
use serde::Deserialize;

use super::place;
use super::widgets::country;
use super::widgets::panel::family;
use super::widgets::text::{Shown, SourceLabel, visible};
use crate::auth::sessions::{InProject, Viewer};
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::{PageError, PageResult};
use crate::ops::reports::explain::{ExplainQuery, explain, rule_in_words};
use crate::state::App;

/// An event, ready to be drawn.
#[derive(Debug)]
pub(super) struct EventRow {
    pub(super) id: String,
    /// RFC 3339.
    pub(super) at: String,
    pub(super) day: String,
    pub(super) time: String,
    pub(super) name: Shown,
    pub(super) page: Shown,
    /// `None` for a page view within the site.
    pub(super) source: Option<SourceLabel>,
    pub(super) campaign: Option<Shown>,
    pub(super) confidence: &'static str,
    pub(super) rule: String,
    /// The condition of that rule.
    pub(super) why: String,
    pub(super) referrer: Option<Shown>,
    pub(super) country: Shown,
    pub(super) device: String,
    pub(super) visitor: Shown,
    pub(super) visitor_href: String,
    pub(super) user: Option<(Shown, String)>,
    pub(super) session: Shown,
    pub(super) properties: String,
    pub(super) explain_href: String,
}

/// The project, time and time zone in which rows are shown.
#[derive(Debug, Clone)]
pub(super) struct RowContext {
    /// The path of the project.
    pub(super) base: String,
    pub(super) env: Env,
    pub(super) now: Timestamp,
    pub(super) zone: Tz,
    /// The rules of the project.
    pub(super) rules: RuleSettings,
}

impl RowContext {
    /// Of a page of the project.
    pub(super) fn new(member: &InProject<Viewer>, env: Env, now: Timestamp) -> Self {
        let (zone, rules) = (member.project.timezone, member.project.classifier.settings());
        Self { base: place(member, ""), env, now, zone, rules }
    }
}

impl EventRow {
    /// Of an event of the project.
    pub(super) fn new(event: Event, context: &RowContext) -> Self {
        let (base, env) = (context.base.as_str(), context.env);
        let time = event.timestamp.to_utc().with_timezone(&context.zone);
        let today = time.date_naive() == context.now.to_utc().with_timezone(&context.zone).date_naive();
        let address = event.path.as_deref().or(event.url.as_deref());
        Self {
            at: event.timestamp.to_string(),
            day: time.format("%b %-d, %Y").to_string(),
            time: time.format(if today { "%H:%M:%S" } else { "%b %-d, %H:%M" }).to_string(),
            page: Shown::or(address, "No page"),
            source: SourceLabel::new(&event.source, &event.medium),
            campaign: event.campaign.as_deref().map(Shown::new),
            confidence: event.source_confidence.as_str(),
            why: rule_in_words(&event.source_rule_id, &context.rules),
            rule: event.source_rule_id.into_owned(),
            referrer: event.referrer.as_deref().map(Shown::new),
            country: country::shown(event.country.as_str()),
            device: device(event.browser.as_str(), event.os.as_str(), event.device_type.as_str()),
            visitor: Shown::new(&event.anonymous_id),
            visitor_href: link(base, "person", "visitor", &event.anonymous_id, env),
            user: event.user_id.map(|user| (Shown::new(&user), link(base, "person", "user", &user, env))),
            session: Shown::new(&event.session_id),
            properties: visible(&event.properties),
            explain_href: link(base, "event", "id", &event.event_id, env),
            name: Shown::new(&event.event_name),
            id: event.event_id,
        }
    }

    /// Whether there are any properties.
    pub(super) fn has_properties(&self) -> bool {
        self.properties != "{}"
    }
}

/// `Chrome on Windows, desktop`, as far as it is known.
fn device(browser: &str, os: &str, kind: &str) -> String {
    let software = match (family(browser), family(os)) {
        (browser, os) if browser.is_empty() => os,
        (browser, os) if os.is_empty() => browser,
        (browser, os) => format!("{browser} on {os}"),
    };
    let known: Vec<&str> = [software.as_str(), kind].into_iter().filter(|word| !word.is_empty()).collect();
    known.join(", ")
}

/// An address below the project with one value in it.
pub(super) fn link(base: &str, page: &str, name: &str, value: &str, env: Env) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair(name, value);
    if env == Env::Test {
        query.append_pair("env", env.as_str());
    }
    format!("{base}/{page}?{}", query.finish())
}

/// Live unless test is asked for.
pub(super) fn env(word: &str) -> Env {
    if word == Env::Test.as_str() { Env::Test } else { Env::Live }
}

/// The range of all timestamps.
pub(super) fn always() -> TimeRange {
    TimeRange::new(Timestamp::MIN, Timestamp::MAX).unwrap_or(TimeRange::LAST)
}

#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct EventParams {
    id: String,
    env: String,
}

#[derive(Debug, Template)]
#[template(path = "reports/explained.html")]
struct ExplainedPage {
    frame: Frame,
    base: String,
    zone: &'static str,
    event: EventRow,
    /// Rules that did not match, in order of evaluation, each with the reason.
    passed_over: Vec<(Cow<'static, str>, Shown)>,
    /// The rule that matched.
    matched: Cow<'static, str>,
    matched_reason: Shown,
    agrees: bool,
    advice: Vec<&'static str>,
}

/// The page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    Query(params): Query<EventParams>,
) -> PageResult<Response> {
    let env = env(&params.env);
    let query = ExplainQuery::Event { event_id: params.id, range: always() };
    let explained = explain(&app, &member.reader(env), query).await?;
    let event = explained.event.ok_or(PageError::NotFound)?;
    let context = RowContext::new(&member, env, app.now());
    let passed_over = explained.explanation.passed_over.into_iter();
    page(&ExplainedPage {
        frame: Frame::of_project(&member, Tab::Live)?,
        event: EventRow::new(event, &context),
        zone: context.zone.name(),
        base: context.base,
        passed_over: passed_over.map(|rule| (rule.rule_id, Shown::new(&rule.reason))).collect(),
        matched: explained.explanation.attribution.rule_id,
        matched_reason: Shown::new(&explained.explanation.fires_when),
        agrees: explained.agrees != Some(false),
        advice: explained.advice,
    })
}
