//! Reads submitted forms, within limits of size and time, and checks that they were sent by a page of this
//! server, so that no handler can forget the check.
//!
//! There are two checks, each sufficient by itself: the browser reports that the page which sent the form is
//! of this server (`Sec-Fetch-Site`, else `Origin`), and the form contains the token of its session.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

use crate::auth::sessions::{SignedIn, form_is_ours};
use crate::dashboard::refusal::PageError;
use crate::error::{ApiError, ErrorCode};
use crate::state::App;

/// The largest form, in bytes.
const MAX_FORM: usize = 64 * 1024;
/// The longest time that the body of a form may take.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
/// The field that carries the session's token.
const TOKEN_FIELD: &str = "form_token";

/// The fields of a form.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The text of a field; empty if absent.
    pub(super) fn get<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    /// The texts of a field that may occur more than once.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, text)| text.as_str())
    }
}

/// A form of a signed-in user.
pub(super) struct Posted(pub(super) Fields);

/// A form of somebody who is not signed in.
pub(super) struct PostedByAnybody(pub(super) Fields);

impl FromRequest<Arc<App>> for Posted {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, PageError> {
        let headers = request.headers().clone();
        let PostedByAnybody(fields) = PostedByAnybody::from_request(request, app).await?;
        if form_is_ours(&headers, app, fields.get(TOKEN_FIELD)) {
            return Ok(Self(fields));
        }
        match SignedIn::of(&headers, app).await? {
            Some(_) => Err(PageError::ForeignForm),
            None => Err(PageError::SignIn("/".to_owned())),
        }
    }
}

impl FromRequest<Arc<App>> for PostedByAnybody {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, PageError> {
        if !sent_by_our_page(request.headers(), app.public_url.as_str()) {
            return Err(PageError::ForeignForm);
        }
        let arriving = to_bytes(request.into_body(), MAX_FORM);
        let bytes = tokio::time::timeout(ARRIVES_WITHIN, arriving)
            .await
            .map_err(|_| ApiError::new(ErrorCode::RequestTimeout))?
            .map_err(|error| ApiError::new(ErrorCode::PayloadTooLarge).because(error))?;
        let fields = form_urlencoded::parse(&bytes).into_owned().collect();
        Ok(Self(Fields(fields)))
    }
}

/// Browsers send the origin with every form; a request without it does not come from a browser.
fn sent_by_our_page(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return false };
    let host = origin.split_once("://").map(|(_, host)| host);
    origin == public_url || (host.is_some() && host == text(HOST.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_comes_from_our_own_page() {
        type Sent = &'static [(&'static str, &'static str)];
        let cases: &[(Sent, bool)] = &[
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://stats.example")], false),
            (&[("origin", "https://stats.example"), ("host", "127.0.0.1:8787")], true),
            (&[("origin", "http://192.168.0.7:8787"), ("host", "192.168.0.7:8787")], true),
            (&[("origin", "https://evil.example"), ("host", "stats.example")], false),
            (&[("origin", "null"), ("host", "stats.example")], false),
            (&[("host", "stats.example")], false),
        ];
        for (sent, expected) in cases {
            let headers = sent.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let ours = sent_by_our_page(&headers.collect(), "https://stats.example");
            assert_eq!(ours, *expected, "{sent:?}");
        }
    }
}
