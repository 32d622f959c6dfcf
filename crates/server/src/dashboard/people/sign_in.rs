//! `/sign-in` and `/sign-out`.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};

use crate::auth::devices::DeviceCookie;
use crate::auth::sessions::{self, SignedIn};
use crate::client_info::ClientInfo;
use crate::dashboard::form::{Posted, PostedByAnybody};
use crate::dashboard::frame::{Frame, page};
use crate::dashboard::refusal::{PageResult, again, failure, problem};
use crate::ops::people::{self, Started};
use crate::state::App;

/// Longest address that somebody is sent on to, in bytes: a report with every filter fits.
const MAX_NEXT: usize = 4096;

#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    email: String,
    problem: Option<String>,
}

impl SignInPage {
    fn new(next: &str, email: &str, problem: Option<String>) -> Self {
        let frame = Frame::open("Sign in");
        Self { frame, next: local(next).to_owned(), email: email.to_owned(), problem }
    }
}

/// The form; who is signed in already goes on.
pub(in crate::dashboard) async fn show(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> PageResult<Response> {
    let next = wanted(query.as_deref());
    if SignedIn::of(&headers, &app).await?.is_some() {
        return Ok(Redirect::to(local(&next)).into_response());
    }
    page(&SignInPage::new(&next, "", None))
}

/// Where somebody wanted to go, as the query of a page says; of several the first counts.
pub(in crate::dashboard) fn wanted(query: Option<&str>) -> String {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(name, _)| name == "next").map(|(_, next)| next.into_owned()).unwrap_or_default()
}

/// The form, sent.
pub(in crate::dashboard) async fn sign_in(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    client: ClientInfo,
    PostedByAnybody(fields): PostedByAnybody,
) -> PageResult<Response> {
    let (next, email) = (fields.get("next"), fields.get("email"));
    let before = SignedIn::of(&headers, &app).await?;
    let device = DeviceCookie::sent(&headers, &app);
    match people::sign_in(&app, email, fields.get("password"), &client, before.as_ref(), device).await {
        Ok(started) if started.awaits_code() => {
            let next: String = form_urlencoded::byte_serialize(local(next).as_bytes()).collect();
            Ok(welcome(&app, &started, &format!("/sign-in/code?next={next}")))
        }
        Ok(started) => Ok(welcome(&app, &started, local(next))),
        Err(error) => again(&SignInPage::new(next, email, Some(problem(error)?))),
    }
}

/// Signs out.
pub(in crate::dashboard) async fn sign_out(
    State(app): State<Arc<App>>,
    by: SignedIn,
    Posted(_): Posted,
) -> PageResult<Response> {
    people::sign_out(&app, &by).await.map_err(failure)?;
    Ok(([(SET_COOKIE, sessions::no_cookie(&app))], Redirect::to("/sign-in")).into_response())
}

/// On to a page, with the cookies of a session just started.
pub(in crate::dashboard) fn welcome(app: &App, started: &Started, next: &str) -> Response {
    let session = [(SET_COOKIE, sessions::cookie(app, &started.token))];
    let device = started.device.map(|device| AppendHeaders([(SET_COOKIE, device.header(app))]));
    (AppendHeaders(session), device, Redirect::to(next)).into_response()
}

/// A path of this server with its query, or its first page: nobody is sent elsewhere, and nothing but
/// visible ASCII gets into a header. Our own addresses have everything else percent-encoded.
pub(in crate::dashboard) fn local(next: &str) -> &str {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let here = next.starts_with('/') && !next.starts_with("//");
    if plain && here && next.len() <= MAX_NEXT { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::{MAX_NEXT, local};

    #[test]
    fn nobody_is_sent_elsewhere() {
        let longest = format!("/{}", "x".repeat(MAX_NEXT - 1));
        for next in ["/", "/projects/shop?from=2026-01-01#top", "/a%2F%2Fb;c=d,e~f(g)!*'$@:", &longest] {
            assert_eq!(local(next), next);
        }
        for next in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "javascript:x",
            "/\0",
            "/\u{1}",
            "/\u{7f}",
            "/\r\nX: y",
            "/a b",
            "/é",
            "/\u{202e}",
            "/\u{fffd}",
            &format!("{longest}x"),
        ] {
            assert_eq!(local(next), "/", "{next}");
        }
    }
}
