//! `/`: the projects of whoever is signed in, side by side; else the way in.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use millimetric_control::{Project, Role};

use super::frame::{Frame, page};
use super::refusal::{Message, PageResult};
use crate::app::App;
use crate::auth::sessions::{Refusal, SignedIn};

#[derive(Debug, Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    accounts: Vec<AccountPart>,
}

#[derive(Debug)]
struct AccountPart {
    id: String,
    name: String,
    may_create: bool,
    projects: Vec<Project>,
}

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, headers: HeaderMap) -> PageResult<Response> {
    let Some(by) = SignedIn::of(&headers, &app).await? else {
        if app.control.has_users().await? {
            return Err(Refusal::SignIn("/".to_owned()));
        }
        return page(&Message::new(
            "Welcome to Millimetric",
            "Nobody can sign in here yet. The server printed a link that begins with /setup/ when it started: \
             open it to become the owner. Lost it? Restart the server, and it prints a new one.",
        ));
    };
    let mut accounts = Vec::new();
    for membership in app.control.memberships(by.user().id).await? {
        accounts.push(AccountPart {
            id: membership.account.id.to_string(),
            name: membership.account.name.to_string(),
            may_create: membership.role >= Role::Admin,
            projects: app.control.projects_of_account(membership.account.id).await?,
        });
    }
    page(&Home { frame: Frame::of(&by, "Projects")?, accounts })
}
