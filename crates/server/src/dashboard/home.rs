//! `/`: the projects of the signed-in user; without a session, a redirect to the sign-in or setup page.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use millimetric_control::Role;
use millimetric_core::time::Timestamp;

use super::format::{ago, grouped};
use super::frame::{Frame, page};
use super::refusal::{Message, PageError, PageResult};
use crate::auth::sessions::SignedIn;
use crate::ops::reports::multi_project::{self, ProjectSummary};
use crate::state::App;

#[derive(Debug, Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    accounts: Vec<AccountSection>,
}

#[derive(Debug)]
struct AccountSection {
    id: String,
    name: String,
    may_create: bool,
    projects: Vec<ProjectCard>,
}

/// A project and how lively it is.
#[derive(Debug)]
struct ProjectCard {
    slug: String,
    name: String,
    visitors: String,
    events: String,
    last_event: Option<String>,
}

impl ProjectCard {
    fn of(summary: &ProjectSummary, now: Timestamp) -> Self {
        Self {
            slug: summary.project.slug.to_string(),
            name: summary.project.name.to_string(),
            visitors: grouped(summary.uniques_7d),
            events: grouped(summary.events_7d),
            last_event: summary.last_event_at.map(|at| ago(at, now)),
        }
    }
}

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, headers: HeaderMap) -> PageResult<Response> {
    let Some(by) = SignedIn::of(&headers, &app).await? else {
        if app.stores.control.has_users().await? {
            return Err(PageError::SignIn("/".to_owned()));
        }
        return page(&Message::new(
            "Welcome to Millimetric",
            "No users yet. The server printed a setup link (with /setup/ in it) when it started. Open the link to \
             create the owner account. If you no longer have it, restart the server: it prints a new one.",
        ));
    };
    let mut accounts = Vec::new();
    for (membership, readers) in by.accounts(&app).await? {
        let summaries = multi_project::list(&app, &readers, None).await?;
        accounts.push(AccountSection {
            id: membership.account.id.to_string(),
            name: membership.account.name.to_string(),
            may_create: membership.role >= Role::Admin,
            projects: summaries.iter().map(|summary| ProjectCard::of(summary, app.now())).collect(),
        });
    }
    page(&Home { frame: Frame::of(&by, "Projects")?, accounts })
}
