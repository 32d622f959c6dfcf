//! `/invitations/{token}`: somebody who was invited accepts.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use millimetric_core::token::Token;

use super::sign_in::welcome;
use crate::auth::sessions::SignedIn;
use crate::client_info::ClientInfo;
use crate::dashboard::form::{Posted, PostedByAnybody};
use crate::dashboard::frame::{Frame, page};
use crate::dashboard::refusal::{Message, PageResult, again, failure, problem};
use crate::ops::people::{PeopleError, invitations};
use crate::state::App;

const TITLE: &str = "Invitation";

#[derive(Debug, Template)]
#[template(path = "invitation.html")]
struct InvitationPage {
    frame: Frame,
    /// Below which the forms of the page are sent.
    link: String,
    role: String,
    /// Given, when the invitation is for one person alone.
    only: Option<String>,
    email: String,
    problem: Option<String>,
}

/// The form.
pub(in crate::dashboard) async fn show(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> PageResult<Response> {
    drawn(&app, &headers, &token, None).await
}

/// Somebody new accepts.
pub(in crate::dashboard) async fn accept_as_new(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    client: ClientInfo,
    PostedByAnybody(fields): PostedByAnybody,
) -> PageResult<Response> {
    let Ok(link) = token.parse::<Token>() else { return gone() };
    let (email, password) = (fields.get("email"), fields.get("password"));
    match invitations::accept_as_new(&app, &link, email, password, &client).await {
        Ok(started) => Ok(welcome(&app, &started, "/")),
        Err(error) => drawn(&app, &headers, &token, Some((email, problem(error)?))).await,
    }
}

/// A user who is signed in accepts.
pub(in crate::dashboard) async fn accept(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    by: SignedIn,
    Posted(_): Posted,
) -> PageResult<Response> {
    let Ok(link) = token.parse::<Token>() else { return gone() };
    match invitations::accept(&app, &link, &by).await {
        Ok(()) => Ok(Redirect::to("/").into_response()),
        Err(error) => drawn(&app, &headers, &token, Some(("", problem(error)?))).await,
    }
}

/// The page; with what was typed and what is wrong with it, when something is.
async fn drawn(
    app: &App,
    headers: &HeaderMap,
    token: &str,
    wrong: Option<(&str, String)>,
) -> PageResult<Response> {
    let Ok(token) = token.parse::<Token>() else { return gone() };
    let invitation = match invitations::of_link(app, &token).await {
        Ok(invitation) => invitation,
        Err(PeopleError::Refused(_)) => return gone(),
        Err(error) => return Err(failure(error)),
    };
    let only = invitation.email.map(|email| email.to_string());
    let drawn = InvitationPage {
        frame: match SignedIn::of(headers, app).await? {
            Some(by) => Frame::of(&by, TITLE)?,
            None => Frame::open(TITLE),
        },
        link: format!("/invitations/{}", token.reveal()),
        role: invitation.role.to_string(),
        email: wrong
            .as_ref()
            .map_or_else(|| only.clone().unwrap_or_default(), |(email, _)| (*email).to_owned()),
        only,
        problem: wrong.map(|(_, problem)| problem),
    };
    if drawn.problem.is_some() { again(&drawn) } else { page(&drawn) }
}

fn gone() -> PageResult<Response> {
    let message = Message::new(
        "Invitation no longer valid",
        "It was already accepted, was withdrawn, or has expired (after 7 days). Ask the person who invited you for a new one.",
    );
    Ok((StatusCode::GONE, page(&message)?).into_response())
}
