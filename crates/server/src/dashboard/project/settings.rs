//! A project's settings: its allowed origins, its name, how long it keeps events; and its end.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono_tz::TZ_VARIANTS;
use millimetric_control::{ControlError, Project, ProjectPatch};
use millimetric_core::origin::AllowedOrigin;
use serde::Deserialize;

use crate::auth::sessions::{Admin, Asks, InProject, Owner, Viewer};
use crate::dashboard::form::{Fields, Posted};
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::{PageResult, again};
use crate::ops::origins::explain;
use crate::state::App;

/// Lines for origins that are not there yet.
const EMPTY_LINES: usize = 2;
/// The most characters of an entry that cannot be read which are shown.
const SHOWN_CHARS: usize = 80;

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings {
    frame: Frame,
    base: String,
    slug: String,
    name: String,
    timezone: String,
    retention: String,
    origins: Vec<OriginLine>,
    /// Stored entries that cannot be read, and so match no origin.
    unreadable: Vec<String>,
    problem: Option<String>,
    origins_problem: Option<String>,
    delete_problem: bool,
    saved: bool,
}

/// A line of the list of origins.
struct OriginLine {
    text: String,
    message: String,
    wrong: bool,
}

impl OriginLine {
    fn of(text: &str) -> Self {
        let (wrong, message) = match text.trim() {
            "" => (false, String::new()),
            typed => match explained(typed) {
                Ok(message) => (false, message),
                Err(message) => (true, message),
            },
        };
        Self { text: text.to_owned(), message, wrong }
    }
}

/// What an entry will and will not match, or why it cannot be one.
fn explained(typed: &str) -> Result<String, String> {
    let explained = explain(typed).map_err(|error| error.to_string())?;
    Ok(format!("Matches {}. Does not match {}.", explained.matches.join(", "), explained.refuses.join(", ")))
}

impl Settings {
    /// The names to choose from, in alphabetical order.
    #[expect(clippy::unused_self, reason = "the template asks the page for its choices")]
    fn timezones(&self) -> impl Iterator<Item = &'static str> {
        TZ_VARIANTS.iter().map(|zone| zone.name())
    }

    fn new<R: Asks>(member: &InProject<R>) -> PageResult<Self> {
        let project = &member.project;
        let unreadable = project.unreadable_origins.iter();
        let lines = project.allowed_origins.iter().map(|entry| OriginLine::of(&entry.to_string()));
        Ok(Self {
            frame: Frame::of_project(member, Tab::Settings)?,
            base: address(project),
            slug: project.slug.to_string(),
            name: project.name.to_string(),
            timezone: project.timezone.name().to_owned(),
            retention: project.retention_days.map(|days| days.to_string()).unwrap_or_default(),
            origins: lines.chain(empty_lines()).collect(),
            unreadable: unreadable.map(|entry| entry.chars().take(SHOWN_CHARS).collect()).collect(),
            problem: None,
            origins_problem: None,
            delete_problem: false,
            saved: false,
        })
    }
}

fn empty_lines() -> impl Iterator<Item = OriginLine> {
    (0..EMPTY_LINES).map(|_| OriginLine::of(""))
}

fn address(project: &Project) -> String {
    format!("/projects/{}/settings", project.slug)
}

/// What was done before.
#[derive(Debug, Deserialize)]
pub(in crate::dashboard) struct SettingsParams {
    saved: Option<String>,
}

/// The page.
pub(in crate::dashboard) async fn show(
    member: InProject<Viewer>,
    Query(done): Query<SettingsParams>,
) -> PageResult<Response> {
    page(&Settings { saved: done.saved.is_some(), ..Settings::new(&member)? })
}

/// What was typed, for the script that explains it meanwhile.
#[derive(Debug, Deserialize)]
pub(in crate::dashboard) struct OriginParams {
    #[serde(default)]
    origin: String,
}

/// One line of text about an origin as it is typed: `ok` or `bad`, then the sentence.
pub(in crate::dashboard) async fn check_origin(
    _: InProject<Viewer>,
    Query(typed): Query<OriginParams>,
) -> String {
    match explained(&typed.origin) {
        Ok(message) => format!("ok {message}"),
        Err(message) => format!("bad {message}"),
    }
}

/// The list of origins, whole.
pub(in crate::dashboard) async fn save_origins(
    State(app): State<Arc<App>>,
    member: InProject<Admin>,
    Posted(fields): Posted,
) -> PageResult<Response> {
    let typed: Vec<&str> = fields.all("origin").filter(|text| !text.trim().is_empty()).collect();
    let refused = |problem: String| {
        let lines = typed.iter().map(|text| OriginLine::of(text)).chain(empty_lines()).collect();
        again(&Settings { origins: lines, origins_problem: Some(problem), ..Settings::new(&member)? })
    };
    let parsed: Result<Vec<AllowedOrigin>, _> = typed.iter().map(|text| text.parse()).collect();
    let Ok(mut origins) = parsed else {
        return refused("Not saved. Fix the highlighted entry.".to_owned());
    };
    let mut seen = std::collections::HashSet::new();
    origins.retain(|entry| seen.insert(entry.to_string()));
    let patch = ProjectPatch { allowed_origins: Some(origins), ..ProjectPatch::default() };
    match app.stores.control.update_project(member.project.id, patch, &member.by.actor(), app.now()).await {
        Err(error @ ControlError::TooManyOrigins(_)) => refused(format!("Not saved: {error}.")),
        saved => Ok(to_saved(&saved?)),
    }
}

/// Name, time zone and retention.
pub(in crate::dashboard) async fn save_settings(
    State(app): State<Arc<App>>,
    member: InProject<Admin>,
    Posted(fields): Posted,
) -> PageResult<Response> {
    match patch(&fields) {
        Ok(patch) => save(&app, &member, patch).await,
        Err(problem) => {
            let text = |name| fields.get(name).to_owned();
            again(&Settings {
                name: text("name"),
                timezone: text("timezone"),
                retention: text("retention"),
                problem: Some(problem),
                ..Settings::new(&member)?
            })
        }
    }
}

fn patch(fields: &Fields) -> Result<ProjectPatch, String> {
    let name = fields.get("name").parse().map_err(|error| format!("Name: {error}."))?;
    let timezone = fields.get("timezone").trim();
    let timezone = timezone.parse().map_err(|_| {
        format!("`{timezone}` is not a time zone. Use an IANA name such as Europe/Berlin or UTC.")
    })?;
    let retention_days =
        match fields.get("retention").trim() {
            "" => None,
            days => Some(days.parse().map_err(|_| {
                "Data retention must be a number of days, or empty to keep events.".to_owned()
            })?),
        };
    Ok(ProjectPatch {
        name: Some(name),
        timezone: Some(timezone),
        retention_days: Some(retention_days),
        ..ProjectPatch::default()
    })
}

async fn save(app: &App, member: &InProject<Admin>, patch: ProjectPatch) -> PageResult<Response> {
    let saved =
        app.stores.control.update_project(member.project.id, patch, &member.by.actor(), app.now()).await?;
    Ok(to_saved(&saved))
}

fn to_saved(project: &Project) -> Response {
    Redirect::to(&format!("{}?saved=yes", address(project))).into_response()
}

/// Deletes the project, once its short name was typed.
pub(in crate::dashboard) async fn delete(
    State(app): State<Arc<App>>,
    member: InProject<Owner>,
    Posted(fields): Posted,
) -> PageResult<Response> {
    if fields.get("slug").trim() != member.project.slug.as_str() {
        return again(&Settings { delete_problem: true, ..Settings::new(&member)? });
    }
    app.stores.control.delete_project(member.project.id, &member.by.actor(), app.now()).await?;
    Ok(Redirect::to("/").into_response())
}
