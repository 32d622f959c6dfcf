//! `GET /v1/a.js`: the browser script, built from `sdk/browser` (`cargo xtask gen`) and carried in
//! this binary.
//!
//! The same for everybody: nothing in it depends on who asks, and nobody needs a key.

use std::io::Read as _;

use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::read::GzEncoder;
use sha2::{Digest as _, Sha256};

use crate::error::{ApiError, ApiResult, ErrorCode};

const SCRIPT: &str = include_str!("../../../../sdk/browser/dist/a.js");

/// A day without a question; for a week more the old one serves while the new one is fetched.
const LONG: &str = "public, max-age=86400, stale-while-revalidate=604800";

/// The browser script
///
/// What the tag of a site loads: it counts page views, and is `window.mm` for everything else.
#[utoipa::path(get, path = "/v1/a.js", tag = "ingest",
    responses((status = 200, content_type = "application/javascript"), (status = 304)))]
pub async fn script(asked: HeaderMap) -> ApiResult<Response> {
    let tag = tag();
    let mut answer = match (knows(&asked, &tag), takes_gzip(&asked)) {
        (true, _) => StatusCode::NOT_MODIFIED.into_response(),
        (false, false) => SCRIPT.into_response(),
        (false, true) => ([(CONTENT_ENCODING, "gzip")], packed()?).into_response(),
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/javascript"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(LONG));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    // Pages that isolate themselves (COEP) may load it too.
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    headers.extend(HeaderValue::from_str(&tag).map(|tag| (ETAG, tag)));
    Ok(answer)
}

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Weak, since the packed and the plain answer share it.
fn tag() -> String {
    let hash = Sha256::digest(SCRIPT);
    let start = hash.iter().take(8).fold(0_u64, |start, byte| start << 8 | u64::from(*byte));
    format!("W/\"{start:016x}\"")
}

fn knows(asked: &HeaderMap, tag: &str) -> bool {
    listed(asked, &IF_NONE_MATCH).any(|known| known == "*" || weak(known) == weak(tag))
}

fn weak(tag: &str) -> &str {
    tag.trim_start_matches("W/")
}

/// Whether gzip is among the encodings, and not with a weight of nothing.
fn takes_gzip(asked: &HeaderMap) -> bool {
    listed(asked, &ACCEPT_ENCODING).any(|encoding| {
        let (name, weight) = encoding.split_once(';').unwrap_or((encoding, ""));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()) == Some(0.0_f32);
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// The elements of a header that is a list.
fn listed<'a>(asked: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let texts = asked.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

fn packed() -> ApiResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = GzEncoder::new(SCRIPT.as_bytes(), Compression::best()).read_to_end(&mut bytes);
    read.map_err(|error| ApiError::new(ErrorCode::InternalError).because(error))?;
    Ok(bytes)
}
