//! Extracts the text of a key from a request: from the header or, for a pk on a route for browsers,
//! from the URL. Refuses secrets in URLs. Errors describe precisely what is wrong; they never contain the text.
//!
//! Routes for browsers also take the key as the user name of `Authorization: Basic`, as Segment's
//! libraries send it (contract, section 8).

use std::borrow::Cow;
use std::net::IpAddr;

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use millimetric_core::key::access_token::{ACCESS_TOKEN_START, AccessTokenText};
use millimetric_core::key::{KeyKind, KeyText, invisible};

use super::error::{AuthError, AuthResult};
use crate::credentials::key_cache::KeyError;
use crate::state::App;

/// Prefixes of keys and tokens that must not appear in a URL.
const SECRET: [&str; 4] = ["sk_", "rk_", "ak_", ACCESS_TOKEN_START];
/// Prefix of keys that may.
const PUBLIC: &str = "pk_";
const NO_KEY: &str = "The `key` parameter is not a key; `?key=` must be a pk, like pk_live_….";
const IS_TOKEN: &str = "A personal access token (mmt_…) manages projects and keys under /v1/admin; it neither sends nor \
    reads events. Create a key with POST /v1/admin/projects/{project}/keys.";
const TWO_KEYS: &str = "The URL has two different keys; send one `?key=`.";
const NOT_BASIC: &str = "`Authorization: Basic` must be followed by the base64 of the write key and a colon.";
/// The most bytes of a write key in base64 that are decoded: keys are a tenth of it.
const MAX_BASIC: usize = 1024;
/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key of a request. `from_browsers`: whether a pk in the URL is accepted.
pub(super) async fn of(
    parts: &Parts,
    app: &App,
    from: Option<IpAddr>,
    from_browsers: bool,
) -> AuthResult<String> {
    in_head(parts, app, from, from_browsers).await?.ok_or(AuthError::MissingKey)
}

/// The key of a request, if it is in the URL or the headers.
pub(super) async fn in_head(
    parts: &Parts,
    app: &App,
    from: Option<IpAddr>,
    from_browsers: bool,
) -> AuthResult<Option<String>> {
    match in_url(parts.uri.query().unwrap_or_default()) {
        InUrl::Secret(text) => return Err(exposed(app, &text, from).await),
        InUrl::NoKey(why) => return Err(malformed(why)),
        InUrl::Public(text) if from_browsers && !parts.headers.contains_key(AUTHORIZATION) => {
            return visible(text).map(Some);
        }
        InUrl::Public(_) | InUrl::Nothing => {}
    }
    let text = match credentials(&parts.headers, "basic") {
        Some(credentials) if from_browsers => Some(user_name(&credentials).ok_or(malformed(NOT_BASIC))?),
        _ => bearer(&parts.headers),
    };
    if text.as_ref().is_some_and(|text| text.starts_with(ACCESS_TOKEN_START)) {
        return Err(malformed(IS_TOKEN));
    }
    text.map(visible).transpose()
}

/// The key that is a segment of a path, which only a pk may be.
pub(super) async fn in_path(text: &str, app: &App, from: Option<IpAddr>) -> AuthResult<String> {
    if SECRET.iter().any(|start| text.starts_with(start)) {
        return Err(exposed(app, text, from).await);
    }
    visible(text.to_owned())
}

/// Refuses a URL that contains a secret key or a token: in `?key=`, or whole in any other parameter or in the path.
pub(super) async fn refuse_secrets_in_url(parts: &Parts, app: &App, from: Option<IpAddr>) -> AuthResult<()> {
    let query = parts.uri.query().unwrap_or_default();
    if let InUrl::Secret(text) = in_url(query) {
        return Err(exposed(app, &text, from).await);
    }
    let in_query = form_urlencoded::parse(query.as_bytes()).flat_map(|(name, value)| [name, value]);
    let in_path = parts.uri.path().split('/').map(Cow::Borrowed);
    let secret = in_query.chain(in_path).find(|text| is_secret(text)).map(Cow::into_owned);
    match secret {
        Some(text) => Err(exposed(app, &text, from).await),
        None => Ok(()),
    }
}

/// Whether the text is a whole token, or a whole key of another kind than pk.
fn is_secret(text: &str) -> bool {
    AccessTokenText::parse(text).is_ok() || KeyText::parse(text).is_ok_and(|key| key.kind() != KeyKind::Pk)
}

/// Flags a key or token that stood in a URL, if it is a real one; returns the error.
async fn exposed(app: &App, text: &str, from: Option<IpAddr>) -> AuthError {
    let (control, credentials, now) = (&app.stores.control, &app.credentials, app.now());
    if text.starts_with(ACCESS_TOKEN_START) {
        credentials.tokens.flag_if_real(control, &credentials.secrets, text, from, now).await;
    } else {
        credentials.keys.flag_if_real(control, text, from, now).await;
    }
    AuthError::SecretKeyInUrl
}

/// The `key` parameters of a query string.
#[derive(Debug, PartialEq, Eq)]
enum InUrl {
    Nothing,
    /// One text with the prefix of a pk, possibly repeated.
    Public(String),
    /// A text with the prefix of another kind, in any of the parameters.
    Secret(String),
    /// Anything else, with the message for the client.
    NoKey(String),
}

fn in_url(query: &str) -> InUrl {
    let mut found = InUrl::Nothing;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "key" {
            // A token has no place in any URL, whatever the parameter is called.
            if AccessTokenText::parse(&value).is_ok() {
                return InUrl::Secret(value.into_owned());
            }
            continue;
        }
        if SECRET.iter().any(|start| value.starts_with(start)) {
            return InUrl::Secret(value.into_owned());
        }
        found = match found {
            InUrl::NoKey(why) => InUrl::NoKey(why),
            _ if invisible::first(&value).is_some() || !value.starts_with(PUBLIC) => {
                InUrl::NoKey(hidden_in(&value).unwrap_or_else(|| NO_KEY.to_owned()))
            }
            InUrl::Public(first) if first != value => InUrl::NoKey(TWO_KEYS.to_owned()),
            InUrl::Nothing | InUrl::Public(_) | InUrl::Secret(_) => InUrl::Public(value.into_owned()),
        };
    }
    found
}

/// The token of `Authorization: Bearer`; the scheme is case-insensitive (RFC 9110, 11.1). Bytes
/// beyond ASCII are decoded as UTF-8, else as Latin-1, which is what browsers send.
pub fn bearer(headers: &HeaderMap) -> Option<String> {
    credentials(headers, "bearer").filter(|token| !token.is_empty())
}

/// Whether a request has `Authorization: Basic`, as Segment's libraries do.
pub fn is_basic(headers: &HeaderMap) -> bool {
    credentials(headers, "basic").is_some()
}

/// What follows this scheme in `Authorization`, if it is the one that is used.
fn credentials(headers: &HeaderMap, of_scheme: &str) -> Option<String> {
    let value = text_of(headers.get(AUTHORIZATION)?);
    let blank = |c: char| matches!(c, ' ' | '\t');
    let value = value.trim_matches(blank);
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case(of_scheme).then(|| rest.trim_matches(blank).to_owned())
}

/// The user name in the credentials of `Authorization: Basic` (RFC 7617); a password is ignored.
fn user_name(credentials: &str) -> Option<String> {
    let decoded = BASE64.decode(credentials.get(..credentials.len().min(MAX_BASIC))?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    Some(text.split_once(':').map_or(text.as_str(), |(name, _)| name).to_owned())
}

fn text_of(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// Rejects a text with an invisible character, as copying from web pages and chats adds them.
pub(super) fn visible(text: String) -> AuthResult<String> {
    match hidden_in(&text) {
        None => Ok(text),
        Some(why) => Err(malformed(why)),
    }
}

fn hidden_in(text: &str) -> Option<String> {
    let hidden = invisible::first(text)?;
    Some(format!("This key contains {hidden}, an invisible character; copy the key again without it."))
}

fn malformed(why: impl Into<String>) -> AuthError {
    KeyError::Malformed(Some(why.into())).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bearer_scheme_is_read_in_any_case() {
        let token = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
            bearer(&headers)
        };
        assert_eq!(token(b"Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token(b"bEARER  abc\t ").as_deref(), Some("abc"));
        assert_eq!(token("Bearer \u{a0}abc\u{200b}".as_bytes()).as_deref(), Some("\u{a0}abc\u{200b}"));
        assert_eq!(token(b"Bearer abc\xa0").as_deref(), Some("abc\u{a0}"));
        for value in ["", "Bearer", "Bearer ", "Basic abc", "abc"] {
            assert_eq!(token(value.as_bytes()), None, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn the_write_key_is_the_user_name_of_basic() {
        let name = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            assert!(is_basic(&headers), "{value}");
            credentials(&headers, "basic").and_then(|found| user_name(&found))
        };
        for (value, expected) in [
            ("Basic cGtfYTo=", Some("pk_a")),
            ("bASIC   cGtfYTo= ", Some("pk_a")),
            ("Basic cGtfYTo", Some("pk_a")),
            ("Basic cGtfYQ==", Some("pk_a")),
            ("Basic cGtfYTpwYXNz", Some("pk_a")),
            ("Basic", Some("")),
            ("Basic pk_a", None),
            ("Basic /////w==", None),
            ("Basic {}", None),
        ] {
            assert_eq!(name(value).as_deref(), expected, "{value}");
        }
        assert_eq!(name(&format!("Basic {}", "cGtf".repeat(300))).unwrap().len(), 768, "a bounded length");
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer cGtfYTo="));
        assert!(!is_basic(&headers));
    }

    #[test]
    fn keys_in_urls_are_distinguished() {
        let secret = |text: &str| InUrl::Secret(text.to_owned());
        let public = |text: &str| InUrl::Public(text.to_owned());
        for (query, expected) in [
            ("", InUrl::Nothing),
            ("a=1&monkey=sk_live", InUrl::Nothing),
            ("key=pk_a", public("pk_a")),
            ("key=pk_a&key=pk_a", public("pk_a")),
            ("key=sk_a", secret("sk_a")),
            ("key=mmt_a", secret("mmt_a")),
            ("token=mmt_a", InUrl::Nothing),
            ("key=&key=pk_a&key=%72k_b", secret("rk_b")),
        ] {
            assert_eq!(in_url(query), expected, "{query}");
        }
        for query in ["key", "key=", "key=null", "key=PK_a", "key=pk_a&key=pk_b", "key=x&key=pk_a"] {
            assert!(matches!(in_url(query), InUrl::NoKey(_)), "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_head_panics_and_no_message_repeats_it(query in "\\PC{0,60}", value in proptest::collection::vec(32..=255_u8, 0..60)) {
            let _ = in_url(&query);
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let mut headers = HeaderMap::new();
                headers.insert(AUTHORIZATION, value);
                if let Some(text) = bearer(&headers) {
                    prop_assume!(text.len() > 12);
                    if let Err(error) = visible(text.clone()) {
                        let shown = format!("{error:?}");
                        prop_assert!(!shown.contains(&text));
                    }
                }
            }
        }
    }
}
