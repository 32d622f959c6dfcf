//! The style sheet, the scripts and the icon: part of the program, served under an address that
//! changes with their content, so that browsers may keep them for good.

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;

use super::refusal::{PageError, PageResult};
use crate::document::Document;

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
    asset!("docs.css", "text/css; charset=utf-8"),
    asset!("docs.js", "text/javascript; charset=utf-8"),
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
pub fn address(name: &str) -> String {
    format!("/assets/{FINGERPRINT:016x}/{name}")
}

/// All of them, packed once.
pub(super) struct Assets(Vec<(&'static str, Document)>);

impl Assets {
    /// Packs them.
    pub(super) fn new() -> Self {
        Self(ALL.iter().map(|asset| (asset.name, Document::new(asset.text, asset.media_type))).collect())
    }

    /// One of them. An older fingerprint gets today's file, which must not be kept under its name.
    pub(super) fn show(
        &self,
        Path((fingerprint, name)): &Path<(String, String)>,
        headers: &HeaderMap,
    ) -> PageResult<Response> {
        let (_, asset) = self.0.iter().find(|(known, _)| known == name).ok_or(PageError::NotFound)?;
        let is_today = *fingerprint == format!("{FINGERPRINT:016x}");
        let keep = if is_today { "public, max-age=31536000, immutable" } else { "public, max-age=60" };
        Ok(asset.response(headers, keep))
    }
}
