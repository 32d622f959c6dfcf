//! `/accounts/{account}/projects/new`: a new project.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use millimetric_control::Name;

use crate::auth::sessions::{Admin, InAccount};
use crate::dashboard::form::Posted;
use crate::dashboard::format::sentence;
use crate::dashboard::frame::{Frame, page};
use crate::dashboard::refusal::{PageResult, again};
use crate::ops::projects::create;
use crate::state::App;

#[derive(Template)]
#[template(path = "new_project.html")]
struct NewProjectPage {
    frame: Frame,
    account: String,
    name: String,
    problem: Option<String>,
}

impl NewProjectPage {
    fn new(member: &InAccount<Admin>, name: &str, problem: Option<String>) -> PageResult<Self> {
        let (frame, account) = (Frame::of(&member.by, "New project")?, member.account.id.to_string());
        Ok(Self { frame, account, name: name.to_owned(), problem })
    }
}

/// The form.
pub(in crate::dashboard) async fn show(member: InAccount<Admin>) -> PageResult<Response> {
    page(&NewProjectPage::new(&member, "", None)?)
}

/// The form, sent: on to the page that explains how events get in.
pub(in crate::dashboard) async fn make(
    State(app): State<Arc<App>>,
    member: InAccount<Admin>,
    Posted(fields): Posted,
) -> PageResult<Response> {
    let typed = fields.get("name");
    match typed.parse::<Name>() {
        Err(error) => again(&NewProjectPage::new(&member, typed, Some(sentence(error)))?),
        Ok(name) => {
            let made =
                create(&app.stores.control, member.account.id, name, &member.by.actor(), app.now()).await?;
            Ok(Redirect::to(&format!("/projects/{}/install", made.slug)).into_response())
        }
    }
}
