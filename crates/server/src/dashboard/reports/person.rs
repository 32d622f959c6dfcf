//! `/projects/{project}/person`: the events of one visitor or user, newest first.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use chrono_tz::Tz;
use millimetric_core::query::{
    Buckets, Column, EventSelector, EventsQuery, Filter, Interval, Metric, Number, RowLimit, StatsQuery,
};
use serde::Deserialize;

use super::event::{EventRow, RowContext, always, env, link};
use super::widgets::text::{Shown, SourceLabel};
use crate::auth::sessions::{InProject, Viewer};
use crate::dashboard::format::grouped;
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::{PageError, PageResult};
use crate::ops::read;
use crate::state::App;
use crate::wire::responses::{read_cursor, write_cursor};

/// Events of one page.
const EVENTS: u64 = 100;

/// The visitor or user, and the cursor.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PersonParams {
    visitor: String,
    user: String,
    env: String,
    cursor: String,
}

#[derive(Debug, Template)]
#[template(path = "reports/person.html")]
struct PersonPage {
    frame: Frame,
    base: String,
    kind: &'static str,
    who: Shown,
    events: String,
    /// The number of days with events.
    days: usize,
    since: String,
    sessions: Vec<SessionSection>,
    older: Option<String>,
    newest: Option<String>,
    /// The overview of this person alone.
    overview: String,
}

/// Events of one session that follow each other.
#[derive(Debug)]
struct SessionSection {
    day: String,
    /// Of the earliest event; `None` for a page view within the site.
    source: Option<SourceLabel>,
    country: Shown,
    device: String,
    events: Vec<EventRow>,
}

/// The page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
    Query(params): Query<PersonParams>,
) -> PageResult<Response> {
    let (kind, name, column, value) = match (params.visitor.as_str(), params.user.as_str()) {
        ("", "") => return Err(PageError::NotFound),
        ("", user) => ("User", "user", Column::UserId, user),
        (visitor, _) => ("Visitor", "visitor", Column::AnonymousId, visitor),
    };
    let context = RowContext::new(&member, env(&params.env), app.now());
    let by = member.reader(context.env);
    let filters = vec![Filter::new(column, value)];
    let limit = RowLimit::new(EVENTS).unwrap_or(RowLimit::MOST);
    let after = read_cursor(&params.cursor);
    let events = EventSelector::Any;
    let query = EventsQuery { range: always(), events, filters: filters.clone(), limit, after };
    let found = read::run(&app, &by, query).await?;
    if found.rows.is_empty() {
        return Err(PageError::NotFound);
    }
    let by_day = read::run(&app, &by, daily(filters, context.zone)).await?;
    let total: u64 = by_day.rows.iter().map(|row| number(row.value)).sum();
    let since = by_day.rows.first().and_then(|row| row.bucket);
    let here = link(&context.base, "person", name, value, context.env);
    page(&PersonPage {
        frame: Frame::of_project(&member, Tab::Live)?,
        kind,
        who: Shown::new(value),
        events: format!("{}{}", if by_day.truncated { "more than " } else { "" }, grouped(total)),
        days: by_day.rows.len(),
        since: since
            .map(|day| day.to_utc().with_timezone(&context.zone).format("%b %-d, %Y").to_string())
            .unwrap_or_default(),
        sessions: sessions(found.rows.into_iter().map(|event| EventRow::new(event, &context))),
        older: found.next.map(|cursor| format!("{here}&cursor={}", write_cursor(&cursor))),
        newest: (!params.cursor.is_empty()).then(|| here.clone()),
        overview: link(&context.base, "", column.filter_parameter(), value, context.env)
            .replacen("/?", "?", 1),
        base: context.base,
    })
}

fn daily(filters: Vec<Filter>, timezone: Tz) -> StatsQuery {
    StatsQuery {
        range: always(),
        events: EventSelector::Any,
        filters,
        metric: Metric::Count,
        group_by: Vec::new(),
        buckets: Some(Buckets { interval: Interval::Day, timezone }.into()),
        labels: false,
        limit: RowLimit::MOST.into(),
    }
}

fn number(value: Option<Number>) -> u64 {
    match value {
        Some(Number::Integer(value)) => value,
        _ => 0,
    }
}

fn sessions(events: impl Iterator<Item = EventRow>) -> Vec<SessionSection> {
    let mut sections: Vec<SessionSection> = Vec::new();
    for event in events {
        let last = sections
            .last_mut()
            .filter(|section| section.events.iter().all(|one| one.session == event.session));
        let Some(section) = last else {
            sections.push(SessionSection {
                day: event.day.clone(),
                source: event.source.clone(),
                country: event.country.clone(),
                device: event.device.clone(),
                events: vec![event],
            });
            continue;
        };
        // The earliest event of a session has its source.
        section.source.clone_from(&event.source);
        section.events.push(event);
    }
    sections
}
