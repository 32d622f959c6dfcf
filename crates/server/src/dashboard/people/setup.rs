//! `/setup/{token}`: the link that a start prints as long as nobody can sign in.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use millimetric_core::token::Token;

use super::sign_in::welcome;
use crate::client_info::ClientInfo;
use crate::dashboard::form::PostedByAnybody;
use crate::dashboard::frame::{Frame, page};
use crate::dashboard::refusal::{Message, PageResult, again, problem};
use crate::ops::people::{self, PeopleError};
use crate::state::App;

#[derive(Debug, Template)]
#[template(path = "setup.html")]
struct Setup {
    frame: Frame,
    email: String,
    problem: Option<String>,
}

impl Setup {
    fn new(email: &str, problem: Option<String>) -> Self {
        Self { frame: Frame::open("Set up Millimetric"), email: email.to_owned(), problem }
    }
}

/// The form.
pub(in crate::dashboard) async fn show(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
) -> PageResult<Response> {
    match token.parse::<Token>() {
        Ok(token) if app.stores.control.setup_is_open(token.hash()).await? => page(&Setup::new("", None)),
        _ => gone(),
    }
}

/// The form, sent.
pub(in crate::dashboard) async fn set_up(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    client: ClientInfo,
    PostedByAnybody(fields): PostedByAnybody,
) -> PageResult<Response> {
    let Ok(token) = token.parse::<Token>() else { return gone() };
    let email = fields.get("email");
    match people::set_up(&app, &token, email, fields.get("password"), &client).await {
        Ok(started) => Ok(welcome(&app, &started, "/")),
        Err(PeopleError::Refused(_)) => gone(),
        Err(error) => again(&Setup::new(email, Some(problem(error)?))),
    }
}

fn gone() -> PageResult<Response> {
    let message = Message::new(
        "Link no longer valid",
        "A setup link works once, and only until the server starts again. If there is no user yet, use the \
         link that the server printed at its last start. Otherwise sign in, or ask an owner for an invitation.",
    );
    Ok((StatusCode::GONE, page(&message)?).into_response())
}
