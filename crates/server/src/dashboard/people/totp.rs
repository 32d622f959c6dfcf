//! `/sign-in/code`: the second step of signing in, for those who have a second factor.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::sign_in::{local, wanted, welcome};
use crate::auth::devices::DeviceCookie;
use crate::auth::sessions::OwesCode;
use crate::client_info::ClientInfo;
use crate::dashboard::form::Posted;
use crate::dashboard::frame::{Frame, page};
use crate::dashboard::refusal::{PageError, PageResult, again, problem};
use crate::ops::people::second_factor;
use crate::state::App;

#[derive(Debug, Template)]
#[template(path = "code.html")]
struct CodePage {
    frame: Frame,
    form_token: String,
    next: String,
    problem: Option<String>,
}

impl CodePage {
    fn new(owes: &OwesCode, next: &str, problem: Option<String>) -> PageResult<Self> {
        let (frame, form_token) = (Frame::open("Two-factor authentication"), owes.form_token()?);
        Ok(Self { frame, form_token, next: local(next).to_owned(), problem })
    }
}

/// The form.
pub(in crate::dashboard) async fn show(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> PageResult<Response> {
    match OwesCode::of(&headers, &app).await? {
        Some(owes) => page(&CodePage::new(&owes, &wanted(query.as_deref()), None)?),
        None => Ok(Redirect::to("/").into_response()),
    }
}

/// The form, sent.
pub(in crate::dashboard) async fn give(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    client: ClientInfo,
    Posted(fields): Posted,
) -> PageResult<Response> {
    let owes = OwesCode::of(&headers, &app).await?;
    let owes = owes.ok_or_else(|| PageError::SignIn("/".to_owned()))?;
    let next = fields.get("next");
    let device = DeviceCookie::sent(&headers, &app);
    match second_factor::give(&app, &owes, fields.get("code"), &client, device).await {
        Ok(started) => Ok(welcome(&app, &started, local(next))),
        Err(error) => again(&CodePage::new(&owes, next, Some(problem(error)?))?),
    }
}
