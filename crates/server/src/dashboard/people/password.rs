//! `/password/{token}`: the link by which somebody chooses a password.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};
use millimetric_core::token::Token;

use crate::dashboard::form::PostedByAnybody;
use crate::dashboard::frame::{Frame, page};
use crate::dashboard::refusal::{Message, PageResult, again, problem};
use crate::ops::people::{PeopleError, passwords};
use crate::state::App;

#[derive(Debug, Template)]
#[template(path = "password.html")]
struct Choose {
    frame: Frame,
    email: String,
    problem: Option<String>,
}

/// The form.
pub(in crate::dashboard) async fn show(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
) -> PageResult<Response> {
    form(&app, &token, None).await
}

/// The form, sent.
pub(in crate::dashboard) async fn choose(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    PostedByAnybody(fields): PostedByAnybody,
) -> PageResult<Response> {
    let Ok(link) = token.parse::<Token>() else { return gone() };
    match passwords::choose(&app, &link, fields.get("password")).await {
        Ok(device) => {
            let message = Message::new(
                "Password changed",
                "You are signed out of all sessions. Sign in with your new password.",
            );
            Ok(([(SET_COOKIE, device.header(&app))], page(&message)?).into_response())
        }
        Err(PeopleError::Refused(_)) => gone(),
        Err(error) => form(&app, &token, Some(problem(error)?)).await,
    }
}

async fn form(app: &App, token: &str, problem: Option<String>) -> PageResult<Response> {
    let Ok(link) = token.parse::<Token>() else { return gone() };
    match passwords::whose(app, &link).await.map_err(crate::dashboard::refusal::failure)? {
        Some(user) => {
            let wrong = problem.is_some();
            let frame = Frame::open("Choose a password");
            let drawn = Choose { frame, email: user.email.to_string(), problem };
            if wrong { again(&drawn) } else { page(&drawn) }
        }
        None => gone(),
    }
}

fn gone() -> PageResult<Response> {
    let message = Message::new(
        "Link no longer valid",
        "A reset link works once and expires after 24 hours or when a newer one is created. The server’s \
         administrator can create another with `millimetric user reset-password`.",
    );
    Ok((StatusCode::GONE, page(&message)?).into_response())
}
