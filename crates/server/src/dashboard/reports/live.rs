//! `/projects/{project}/live`: current visitors, and events as they arrive, each with its attribution rule.
//! The page works by itself; a stream of server-sent events keeps it up to date.
//!
//! A stream ends when the server stops, and with the session or the membership that opened it.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event as Message, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use millimetric_core::event::Event;
use millimetric_core::key::Env;
use serde::Deserialize;

use super::event::{EventRow, RowContext, env};
use super::place;
use super::widgets::bar::Choice;
use super::widgets::text::{Shown, SourceLabel};
use crate::auth::sessions::{InProject, Viewer};
use crate::auth::{Authorized, Read};
use crate::dashboard::format::{ago, grouped};
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::PageResult;
use crate::error::ApiResult;
use crate::ops::reports::live::{newest, visitors_now};
use crate::state::App;
use crate::state::live::Watch;

/// The interval of heartbeats and of checks whether the session is still valid.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The pause after an event, so that several events are sent together.
const PAUSE: Duration = Duration::from_millis(500);
/// The number of visits shown.
const VISITS: usize = 12;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LiveParams {
    env: String,
}

#[derive(Debug, Template)]
#[template(path = "reports/live.html")]
struct LivePage {
    frame: Frame,
    envs: Vec<Choice>,
    stream: String,
    base: String,
    now: Now,
    events: Vec<EventRow>,
}

/// The current visitors.
#[derive(Debug, Template)]
#[template(path = "reports/now.html")]
struct Now {
    visitors: String,
    visits: Vec<Visit>,
}

/// The events of one session.
#[derive(Debug)]
struct Visit {
    visitor: Shown,
    href: String,
    /// Of the first event; `None` for a page view within the site.
    source: Option<SourceLabel>,
    country: Shown,
    device: String,
    /// The last page.
    page: Shown,
    events: usize,
    at: String,
    time: String,
}

#[derive(Debug, Template)]
#[template(path = "reports/events.html")]
struct Events {
    events: Vec<EventRow>,
}

/// The page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    Query(params): Query<LiveParams>,
) -> PageResult<Response> {
    let context = RowContext::new(&member, env(&params.env), app.now());
    let (env, by) = (context.env, member.reader(context.env));
    let events = newest(&app, &by).await?;
    let here = place(&member, "/live");
    let choice = |one: Env| Choice {
        title: one.as_str().to_owned(),
        href: if one == Env::Test { format!("{here}?env=test") } else { here.clone() },
        current: one == env,
        key: "",
    };
    page(&LivePage {
        frame: Frame::of_project(&member, Tab::Live)?,
        envs: [Env::Live, Env::Test].map(choice).into(),
        stream: format!("{here}/stream?env={}", env.as_str()),
        now: now(&app, &by, &events, &context).await?,
        events: events.into_iter().map(|event| EventRow::new(event, &context)).collect(),
        base: context.base,
    })
}

async fn now(app: &App, by: &Authorized<Read>, events: &[Event], context: &RowContext) -> ApiResult<Now> {
    let visitors = grouped(visitors_now(app, by).await?);
    Ok(Now { visitors, visits: visits(events, context) })
}

/// The sessions of the events, the latest first.
fn visits(events: &[Event], context: &RowContext) -> Vec<Visit> {
    let mut seen = HashSet::new();
    let latest = events.iter().filter(|event| seen.insert((&event.anonymous_id, &event.session_id)));
    let visit = |last: &Event| {
        let same =
            |event: &&Event| event.session_id == last.session_id && event.anonymous_id == last.anonymous_id;
        // The first event of a visit has its source.
        let first = events.iter().rfind(same).unwrap_or(last);
        let row = EventRow::new(last.clone(), context);
        Visit {
            visitor: row.visitor,
            href: row.visitor_href,
            source: SourceLabel::new(&first.source, &first.medium),
            country: row.country,
            device: row.device,
            page: row.page,
            events: events.iter().filter(same).count(),
            at: row.at,
            time: ago(last.timestamp, context.now),
        }
    };
    latest.take(VISITS).map(visit).collect()
}

/// The state of one stream.
struct EventStream {
    app: Arc<App>,
    by: Authorized<Read>,
    headers: HeaderMap,
    watch: Watch,
    context: RowContext,
    /// Ids of the events that were sent last.
    sent: HashSet<String>,
    begun: bool,
}

/// The stream.
pub(super) async fn stream(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    Query(params): Query<LiveParams>,
    headers: HeaderMap,
) -> PageResult<Response> {
    let context = RowContext::new(&member, env(&params.env), app.now());
    let by = member.reader(context.env);
    let watch = app.live.watch(by.project().id)?;
    let stream_state = EventStream { app, by, headers, watch, context, sent: HashSet::new(), begun: false };
    Ok(Sse::new(messages(stream_state)).into_response())
}

fn messages(stream_state: EventStream) -> impl Stream<Item = Result<Message, Infallible>> + Send {
    let steps = stream::unfold(stream_state, async |mut stream_state| {
        let messages = stream_state.next().await?;
        Some((stream::iter(messages.into_iter().map(Ok)), stream_state))
    });
    steps.flatten()
}

impl EventStream {
    /// The next messages; `None` at the end.
    async fn next(&mut self) -> Option<Vec<Message>> {
        // The page was drawn before the stream began: what came in between is sent at once.
        if self.begun {
            match tokio::time::timeout(HEARTBEAT, self.watch.next()).await {
                Ok(true) => tokio::time::sleep(PAUSE).await,
                Ok(false) => return None,
                Err(_) => return self.is_allowed().await.then(|| vec![Message::default().comment("")]),
            }
        }
        self.begun = true;
        if !self.is_allowed().await {
            return None;
        }
        let sent = self.news().await;
        sent.inspect_err(|error| error.log(&self.app.metrics, None, "a live view")).ok()
    }

    async fn is_allowed(&self) -> bool {
        InProject::<Viewer>::still(&self.app, &self.headers, self.by.project()).await
    }

    async fn news(&mut self) -> ApiResult<Vec<Message>> {
        self.context.now = self.app.now();
        let events = newest(&self.app, &self.by).await?;
        let now = now(&self.app, &self.by, &events, &self.context).await?;
        let sent = events.iter().map(|event| event.event_id.clone()).collect();
        let before = std::mem::replace(&mut self.sent, sent);
        let fresh = events.into_iter().filter(|event| !before.contains(&event.event_id));
        let fresh: Vec<EventRow> = fresh.map(|event| EventRow::new(event, &self.context)).collect();
        let mut messages = vec![message("now", &now)];
        if !fresh.is_empty() {
            messages.push(message("events", &Events { events: fresh }));
        }
        Ok(messages)
    }
}

fn message(name: &str, template: &impl Template) -> Message {
    // A carriage return would end a line of the stream.
    let text = template.render().unwrap_or_default().replace('\r', "");
    Message::default().event(name).data(text)
}
