//! `RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers (revision 10 and
//! later) writes them: `"track";q=200;w=4` and `"track";r=199;t=1`.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::rates::RateState;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Adds both. `q`: requests of a full bucket; `w`: seconds until an empty one is full; `r`:
/// requests that are left; `t`: seconds until there is one more.
pub(super) fn insert(headers: &mut HeaderMap, state: &RateState) {
    let RateState { policy, quota, window, left, next } = *state;
    let values = [
        (RATE_LIMIT_POLICY, format!("\"{policy}\";q={quota};w={}", seconds(window))),
        (RATE_LIMIT, format!("\"{policy}\";r={left};t={}", seconds(next))),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> u128 {
    time.as_millis().div_ceil(1000).max(1)
}
