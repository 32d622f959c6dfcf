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
                "Page not found",
                "This page does not exist, or belongs to an account that you are not a member of.".to_owned(),
            ),
            Self::Forbidden(least) => (
                StatusCode::FORBIDDEN,
                "Access denied",
                format!("This page requires the role {least}. An owner of the account can change your role."),
            ),
            Self::ForeignForm => (
                StatusCode::FORBIDDEN,
                "Form expired",
                "The form was not sent from a page of this server, or the page was open for too long. Nothing was changed. Go back, reload the page and try again.".to_owned(),
            ),
            Self::TooMany(seconds) => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts",
                format!(
                    "Try again in {seconds} seconds. Attempts by others do not block you in a browser where you have signed in before, \
                     or where you opened a link from `millimetric user reset-password`."
                ),
            ),
            Self::Failed(error) => {
                let (_, status, sentence) = error.code.row();
                (status, "Something went wrong", format!("{sentence} To find the cause in the server’s log, use the X-Request-Id header of this response."))
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
