//! Cross-origin rules of the ingest routes: any page may send, and may read the response, errors
//! included; credentials are never asked for (contract, section 1).
//!
//! Says nothing about whether a key accepts the origin: that is `auth`.

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// The headers that a client of ours sends.
const OUR_HEADERS: [&str; 3] = ["authorization", "content-type", "content-encoding"];
/// The most further headers that a preflight is allowed, and the most bytes of their names:
/// tracing libraries add a handful to every request of a page.
const FURTHER_HEADERS: usize = 32;
const FURTHER_BYTES: usize = 4096;

/// Responds to preflights and opens every other response.
pub async fn allow_any_origin(request: Request, next: Next) -> Response {
    let preflight = (request.method() == Method::OPTIONS).then(|| allowed_headers(request.headers()));
    let mut response = match preflight {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After, X-Request-Id"));
    if let Some(allowed) = preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, OPTIONS"));
        if let Ok(allowed) = HeaderValue::from_str(&allowed) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    }
    response
}

/// Our own headers, and those that a preflight asks for: valid names, each once, so many at most.
fn allowed_headers(asked: &HeaderMap) -> String {
    let mut allowed: Vec<HeaderName> = OUR_HEADERS.map(HeaderName::from_static).into();
    let mut bytes = 0;
    let values = asked.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let names = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    for name in names.filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok()) {
        if name == "*" {
            // In a response it is no name, but means all of them.
            continue;
        }
        bytes += name.as_str().len();
        if allowed.len() == OUR_HEADERS.len() + FURTHER_HEADERS || bytes > FURTHER_BYTES {
            break;
        }
        if !allowed.contains(&name) {
            allowed.push(name);
        }
    }
    let names: Vec<&str> = allowed.iter().map(HeaderName::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_asked_for_the_answer_is_a_short_list_of_names(asked in proptest::collection::vec("[ -~]{0,80}", 0..50)) {
            let mut headers = HeaderMap::new();
            for value in &asked {
                headers.append(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_str(value).unwrap());
            }
            let allowed = allowed_headers(&headers);
            prop_assert!(allowed.len() < FURTHER_BYTES + 200 && allowed.split(", ").count() <= 35);
            prop_assert!(allowed.split(", ").all(|name| HeaderName::from_bytes(name.as_bytes()).is_ok()));
        }
    }
}
