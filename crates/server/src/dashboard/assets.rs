//! The style sheet, the scripts and the icon: part of the program, served under an address that
//! changes with their content, so that browsers may keep them for good.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::refusal::PageResult;
use crate::auth::sessions::Refusal;

/// A file of `apps/web/assets`.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
}

macro_rules! asset {
    ($name:literal, $media_type:literal) => {
        Asset {
            name: $name,
            media_type: $media_type,
            text: include_str!(concat!("../../../../apps/web/assets/", $name)),
        }
    };
}

const ALL: &[Asset] = &[
    asset!("style.css", "text/css; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
    asset!("page.js", "text/javascript; charset=utf-8"),
    asset!("reports.css", "text/css; charset=utf-8"),
    asset!("reports.js", "text/javascript; charset=utf-8"),
];

/// Of all of them, so that one address prefix serves: FNV-1a, which the compiler can work out.
const FINGERPRINT: u64 = {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut asset = 0;
    while asset < ALL.len() {
        let bytes = ALL[asset].text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        asset += 1;
    }
    hash
};

/// Where a file is served, like `/assets/0123456789abcdef/style.css`.
pub(super) fn address(name: &str) -> String {
    format!("/assets/{FINGERPRINT:016x}/{name}")
}

/// One of them. An older fingerprint gets today's file, which must not be kept under its name.
pub(super) async fn show(
    Path((fingerprint, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> PageResult<Response> {
    let asset = ALL.iter().find(|asset| asset.name == name).ok_or(Refusal::NotFound)?;
    let today = format!("{FINGERPRINT:016x}");
    let tag = format!("\"{today}\"");
    let keep =
        if fingerprint == today { "public, max-age=31536000, immutable" } else { "public, max-age=60" };
    let about = [(CACHE_CONTROL, keep), (ETAG, tag.as_str())];
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    Ok((about, [(CONTENT_TYPE, asset.media_type)], asset.text).into_response())
}
