//! `/profile`: one's own password, second factor, access tokens and sessions.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::sign_in::welcome;
use super::tokens::Tokens;
use crate::auth::sessions::{self, SignedIn};
use crate::client_info::ClientInfo;
use crate::dashboard::form::Posted;
use crate::dashboard::format::{ago, date_time};
use crate::dashboard::frame::{Frame, page};
use crate::dashboard::refusal::{PageError, PageResult, again, failure, problem};
use crate::ops::people::{passwords, second_factor};
use crate::state::App;

#[derive(Debug, Template)]
#[template(path = "profile.html")]
pub(super) struct Profile {
    frame: Frame,
    totp_on: bool,
    codes_left: u64,
    sessions: Vec<SessionRow>,
    pub(super) tokens: Tokens,
    password_problem: Option<String>,
    factor_problem: Option<String>,
}

#[derive(Debug)]
struct SessionRow {
    id: String,
    device: String,
    since: String,
    last_seen: String,
    this_one: bool,
}

impl Profile {
    pub(super) async fn new(app: &App, by: &SignedIn) -> PageResult<Self> {
        let (user, now) = (by.user(), app.now());
        let sessions =
            app.stores.control.sessions(user.id, now).await?.into_iter().map(|session| SessionRow {
                id: session.id.to_string(),
                since: date_time(session.created_at),
                last_seen: ago(session.last_seen_at, now),
                this_one: session.id == by.session().id,
                device: session.device,
            });
        Ok(Self {
            frame: Frame::of(by, "Your profile")?,
            totp_on: user.totp_on,
            codes_left: app.stores.control.recovery_codes_left(user.id).await?,
            sessions: sessions.collect(),
            tokens: Tokens::of(app, by).await?,
            password_problem: None,
            factor_problem: None,
        })
    }
}

/// The page.
pub(in crate::dashboard) async fn show(State(app): State<Arc<App>>, by: SignedIn) -> PageResult<Response> {
    page(&Profile::new(&app, &by).await?)
}

/// A new password.
pub(in crate::dashboard) async fn change_password(
    State(app): State<Arc<App>>,
    by: SignedIn,
    client: ClientInfo,
    Posted(fields): Posted,
) -> PageResult<Response> {
    match passwords::change(&app, &by, fields.get("old"), fields.get("new"), &client).await {
        Ok(started) => Ok(welcome(&app, &started, "/profile")),
        Err(error) => {
            let password_problem = Some(problem(error)?);
            again(&Profile { password_problem, ..Profile::new(&app, &by).await? })
        }
    }
}

/// Ends a session; one's own is signing out.
pub(in crate::dashboard) async fn end_session(
    State(app): State<Arc<App>>,
    by: SignedIn,
    Path(session): Path<String>,
    Posted(_): Posted,
) -> PageResult<Response> {
    let id = session.parse().map_err(|_| PageError::NotFound)?;
    app.stores.control.end_session(id, by.user().id, &by.actor(), app.now()).await?;
    if id == by.session().id {
        return Ok(([(SET_COOKIE, sessions::no_cookie(&app))], Redirect::to("/sign-in")).into_response());
    }
    Ok(Redirect::to("/profile").into_response())
}

#[derive(Debug, Template)]
#[template(path = "factor.html")]
struct FactorPage {
    frame: Frame,
    offer: second_factor::Offer,
    problem: Option<String>,
}

/// The secret for the authenticator, and the form that turns the second factor on.
pub(in crate::dashboard) async fn show_factor(
    State(app): State<Arc<App>>,
    by: SignedIn,
) -> PageResult<Response> {
    if by.user().totp_on {
        return Ok(Redirect::to("/profile").into_response());
    }
    page(&factor_page(&app, &by, None).await?)
}

async fn factor_page(app: &App, by: &SignedIn, problem: Option<String>) -> PageResult<FactorPage> {
    let offer = second_factor::offer(app, by).await.map_err(failure)?;
    Ok(FactorPage { frame: Frame::of(by, "Set up two-factor authentication")?, offer, problem })
}

#[derive(Debug, Template)]
#[template(path = "recovery.html")]
struct RecoveryPage {
    frame: Frame,
    codes: Vec<String>,
}

/// Turns it on, and shows the recovery codes this once.
pub(in crate::dashboard) async fn turn_on_factor(
    State(app): State<Arc<App>>,
    by: SignedIn,
    Posted(fields): Posted,
) -> PageResult<Response> {
    if by.user().totp_on {
        return Ok(Redirect::to("/profile").into_response());
    }
    match second_factor::turn_on(&app, &by, fields.get("code")).await {
        Ok(codes) => page(&RecoveryPage { frame: Frame::of(&by, "Recovery codes")?, codes }),
        Err(error) => again(&factor_page(&app, &by, Some(problem(error)?)).await?),
    }
}

/// Turns it off.
pub(in crate::dashboard) async fn turn_off_factor(
    State(app): State<Arc<App>>,
    by: SignedIn,
    Posted(fields): Posted,
) -> PageResult<Response> {
    match second_factor::turn_off(&app, &by, fields.get("password")).await {
        Ok(()) => Ok(Redirect::to("/profile").into_response()),
        Err(error) => {
            let factor_problem = Some(problem(error)?);
            again(&Profile { factor_problem, ..Profile::new(&app, &by).await? })
        }
    }
}
