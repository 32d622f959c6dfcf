//! How refusals and failures look: a page that says what to do, or the way to signing in.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Redirect, Response};

use super::format::sentence;
use millimetric_control::{ControlError, Role};

use super::frame::{Frame, page};
use crate::auth::sessions::SessionError;
use crate::error::{ApiError, ErrorCode, ShownAsPage};
use crate::limits::busy::Busy;
use crate::ops::error::OpsError;
use crate::ops::people::PeopleError;

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum PageError {
    /// Nobody is signed in; after signing in they may go on to this path of this server.
    SignIn(String),
    /// There is nothing here, or nothing for them.
    NotFound,
    /// Their role is below this one.
    Forbidden(Role),
    /// The form was not sent by one of our own pages.
    ForeignForm,
    /// Too many attempts; seconds until the next one.
    TooMany(u64),
    /// Something failed.
    Failed(ApiError),
}

/// The result of a page.
pub(super) type PageResult<T> = Result<T, PageError>;

impl From<SessionError> for PageError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::SignIn(next) => Self::SignIn(next),
            SessionError::NotFound => Self::NotFound,
            SessionError::Forbidden(least) => Self::Forbidden(least),
            SessionError::Control(error) => error.into(),
        }
    }
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> Self {
        if error.code == ErrorCode::NotFound { Self::NotFound } else { Self::Failed(error) }
    }
}

impl From<OpsError> for PageError {
    fn from(error: OpsError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<ControlError> for PageError {
    fn from(error: ControlError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<Busy> for PageError {
    fn from(busy: Busy) -> Self {
        ApiError::from(busy).into()
    }
}

impl From<getrandom::Error> for PageError {
    fn from(error: getrandom::Error) -> Self {
        ApiError::from(error).into()
    }
}

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        PageError::from(self).into_response()
    }
}

/// A page that says one thing.
#[derive(Debug, Template)]
#[template(path = "message.html")]
pub(super) struct Message {
    pub(super) frame: Frame,
    pub(super) text: String,
}

impl Message {
    /// Of a page for everybody.
    pub(super) fn new(title: &str, text: impl Into<String>) -> Self {
        Self { frame: Frame::open(title), text: text.into() }
    }
}

/// A form once more, with what is wrong with it.
pub(super) fn again(form: &impl Template) -> PageResult<Response> {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(form)?).into_response())
}

/// What to say on a form; what its sender cannot mend is a page of its own.
pub(super) fn problem(error: PeopleError) -> PageResult<String> {
    match error {
        PeopleError::Failed(error) => Err(error.into()),
        PeopleError::TooMany(seconds) => Err(PageError::TooMany(seconds)),
        other => Ok(sentence(other)),
    }
}

/// A page for what no form asked for.
pub(super) fn failure(error: PeopleError) -> PageError {
    problem(error).err().unwrap_or(PageError::NotFound)
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, title, text) = match &self {
            Self::SignIn(next) => return Redirect::to(&sign_in_address(next)).into_response(),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "Nothing here",
                "There is no such page, or it belongs to an account that you are not a member of.".to_owned(),
            ),
            Self::Forbidden(least) => (
                StatusCode::FORBIDDEN,
                "Not with your role",
                format!("This takes the role {least} in the account. An owner can give it to you on the account's page."),
            ),
            Self::ForeignForm => (
                StatusCode::FORBIDDEN,
                "This form is out of date",
                "It was not sent by a page of this server, or by one that was open for too long. Nothing was changed: go back, load the page again and repeat it.".to_owned(),
            ),
            Self::TooMany(seconds) => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many tries",
                format!(
                    "Wait {seconds} seconds and try again. While somebody else uses up the tries for your e-mail \
                     address, a browser in which you signed in before still has its own; so has one in which you \
                     open a link of `millimetric user reset-password`."
                ),
            ),
            Self::Failed(error) => {
                let (_, status, sentence) = error.code.row();
                (status, "That did not work", format!("{sentence} The header X-Request-Id of this answer names it in the server’s log."))
            }
        };
        let drawn = page(&Message::new(title, text)).unwrap_or_else(|_| title.into_response());
        let mut response = (status, drawn).into_response();
        let wait = match &self {
            Self::TooMany(seconds) => Some(*seconds),
            Self::Failed(error) => error.retry_after_s,
            _ => None,
        };
        if let Some(seconds) = wait {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if let Self::Failed(error) = self {
            response.extensions_mut().insert(error);
            response.extensions_mut().insert(ShownAsPage);
        }
        response
    }
}

fn sign_in_address(next: &str) -> String {
    if next == "/" {
        return "/sign-in".to_owned();
    }
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("/sign-in?next={next}")
}
