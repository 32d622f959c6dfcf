//! Checks of every request's head. Syntax is checked before, by hyper and [`super::framing`].

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Version};

use crate::error::{ApiError, ErrorCode};

/// Requires exactly one valid `Host`; in HTTP/1.0 it may be absent (RFC 9112, section 3.2).
pub(super) fn check<B>(request: &Request<B>) -> Result<(), ApiError> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let wrong = match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => return Ok(()),
        (Some(_), None) => "the Host header is not a host name or address, like stats.example.com",
        (Some(_), Some(_)) => "there are several Host headers: send one",
        (None, _) if request.version() < Version::HTTP_11 => return Ok(()),
        (None, _) => "there is no Host header: send one, like `Host: stats.example.com`",
    };
    Err(ApiError::form(ErrorCode::InvalidRequest, wrong))
}

/// A host with an optional port; or empty, which is valid for a target without an authority.
fn is_host(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    bytes.is_empty() || (!bytes.contains(&b'@') && Authority::try_from(bytes).is_ok())
}
