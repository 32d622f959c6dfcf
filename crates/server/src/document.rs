//! Responses that are the same for everybody: made once, texts kept plain and packed, and not sent again
//! to clients that have them. What a stranger can ask for without a key costs no more than its bytes.

use std::io::Write as _;

use axum::body::Bytes;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// A text or file that is served as it is.
#[derive(Debug)]
pub struct Document {
    plain: Bytes,
    /// Compressed with gzip, for clients that take that; `None` if it is compressed anyway.
    packed: Option<Bytes>,
    media_type: HeaderValue,
    /// Weak, since the packed and the plain response share it.
    tag: HeaderValue,
}

impl Document {
    /// Packs a text.
    pub fn new(text: impl Into<Bytes>, media_type: &'static str) -> Self {
        let plain = text.into();
        Self { packed: Some(packed(&plain)), ..Self::compressed(plain, media_type) }
    }

    /// A file whose format is compressed already.
    pub fn compressed(file: impl Into<Bytes>, media_type: &'static str) -> Self {
        let plain = file.into();
        let hash = Sha256::digest(&plain);
        let start = hash.iter().take(8).fold(0_u64, |start, byte| start << 8 | u64::from(*byte));
        let tag = HeaderValue::from_str(&format!("W/\"{start:016x}\""));
        Self {
            packed: None,
            plain,
            media_type: HeaderValue::from_static(media_type),
            tag: tag.unwrap_or(HeaderValue::from_static("W/\"\"")),
        }
    }

    /// The response to a request with these headers; `keep` says how long clients may keep it.
    pub fn response(&self, asked: &HeaderMap, keep: &'static str) -> Response {
        let known = listed(asked, &IF_NONE_MATCH).any(|known| known == "*" || self.has_tag(known));
        let packed = self.packed.as_ref().filter(|_| takes_gzip(asked));
        let mut response = match (known, packed) {
            (true, _) => StatusCode::NOT_MODIFIED.into_response(),
            (false, None) => self.plain.clone().into_response(),
            (false, Some(packed)) => ([(CONTENT_ENCODING, "gzip")], packed.clone()).into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.media_type.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
        if self.packed.is_some() {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        headers.insert(ETAG, self.tag.clone());
        response
    }

    /// Whether this is the tag, compared weakly (RFC 9110, 8.8.3.2).
    fn has_tag(&self, known: &str) -> bool {
        let weak = |tag: &str| tag.trim_start_matches("W/").to_owned();
        self.tag.to_str().is_ok_and(|tag| weak(tag) == weak(known))
    }
}

fn packed(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Into memory: it cannot fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default().into()
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
