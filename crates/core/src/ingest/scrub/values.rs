//! Texts that are a secret or personal data whatever the parameter is called: e-mail addresses,
//! JSON Web Tokens, API keys, and addresses that carry one of them.
//!
//! Works on decoded text; where in doubt about a number or a word, it stays.

use std::borrow::Cow;

use super::{names, pieces};

/// How often a text is percent-decoded: addresses in parameters of addresses are encoded anew.
const MAX_DECODINGS: usize = 4;

/// Ends of file names, which are no domain: `logo@2x.png`.
const FILE_ENDINGS: &[&str] =
    &["avif", "css", "gif", "html", "jpeg", "jpg", "js", "json", "mjs", "png", "svg", "webp"];

/// The text behind its percent signs, however often encoded.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_DECODINGS {
        match decoded_once(&text) {
            Some(next) => text = Cow::Owned(next),
            None => break,
        }
    }
    text
}

/// None when nothing is encoded.
fn decoded_once(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let encoded = bytes.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(hex_byte);
        decoded.push(encoded.unwrap_or(byte));
        at += if encoded.is_some() { 3 } else { 1 };
    }
    (decoded.len() < bytes.len()).then(|| String::from_utf8_lossy(&decoded).into_owned())
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(digits[0])? << 4 | value(digits[1])?).ok()
}

/// An e-mail address, a JSON Web Token or an API key, anywhere in the text.
pub(super) fn is_secret(text: &str) -> bool {
    // Each of the three has one of these bytes, and few other texts have: one pass instead of four.
    let may_be = text.bytes().any(|byte| matches!(byte, b'@' | b'J' | b'_'));
    may_be && (has_email(text) || has_json_web_token(text) || has_api_key(text))
}

/// An address with user info, or with a parameter that loses its value.
pub(super) fn hides_secret(text: &str) -> bool {
    let has_user_info = || {
        host_start(text).is_some_and(|start| {
            text[start..].split(['/', '\\', '?', '#']).next().is_some_and(|host| host.contains('@'))
        })
    };
    let has_parameter = || {
        pieces(text, 0..text.len(), &['?', '&', ';', '#'])
            .filter_map(|piece| text[piece].split_once('='))
            .any(|(name, value)| !value.is_empty() && names::is_secret(name))
    };
    text.contains(['@', '=']) && (has_user_info() || has_parameter())
}

/// Where the host of an address starts, user info included: none for a text without a host. As in
/// browsers, any number of slashes and backslashes opens the host of an http address.
pub(super) fn host_start(text: &str) -> Option<usize> {
    let is_slash = |sign: char| matches!(sign, '/' | '\\');
    let is_blank = |sign: char| sign <= ' ';
    let opened = text.trim_start_matches(is_blank);
    let offset = text.len() - opened.len();
    if opened.starts_with("//") {
        return Some(offset + 2);
    }
    let (scheme, rest) = opened.split_once(':')?;
    let after_scheme = offset + scheme.len() + 1;
    if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") {
        return Some(after_scheme + rest.len() - rest.trim_start_matches(is_slash).len());
    }
    let is_scheme = scheme.chars().all(|sign| sign.is_ascii_alphanumeric() || "+-.".contains(sign));
    (is_scheme && rest.starts_with("//")).then_some(after_scheme + 2)
}

fn has_email(text: &str) -> bool {
    let is_local = |sign: char| sign.is_alphanumeric() || "._%+-".contains(sign);
    let is_domain = |sign: char| sign.is_alphanumeric() || ".-".contains(sign);
    text.match_indices('@').any(|(at, _)| {
        let rest = &text[at + 1..];
        let domain =
            rest[..rest.find(|sign| !is_domain(sign)).unwrap_or(rest.len())].trim_end_matches(['.', '-']);
        text[..at].ends_with(is_local)
            && domain.rsplit_once('.').is_some_and(|(host, top)| {
                !host.is_empty()
                    && top.chars().count() >= 2
                    && top.chars().all(char::is_alphabetic)
                    && !FILE_ENDINGS.contains(&top.to_ascii_lowercase().as_str())
            })
    })
}

/// Three base64url parts with dots between, the first one opening with `{"` (RFC 7519).
fn has_json_web_token(text: &str) -> bool {
    text.match_indices("eyJ").any(|(at, _)| {
        let token = &text[at..];
        let end = token.find(|sign: char| !is_base64_url(sign) && sign != '.').unwrap_or(token.len());
        let mut parts = token[..end].split('.');
        let mut is_long = || parts.next().is_some_and(|part| part.len() >= 4);
        is_long() && is_long() && parts.next().is_some()
    })
}

/// A key of this product, or of others with the same format.
fn has_api_key(text: &str) -> bool {
    ["_live_", "_test_"].iter().flat_map(|env| text.match_indices(env)).any(|(at, env)| {
        ["pk", "sk", "rk", "ak"].iter().any(|kind| text[..at].ends_with(kind))
            && text[at + env.len()..].chars().take_while(|sign| is_base64_url(*sign)).count() >= 8
    })
}

/// What a generator makes and nobody types: hexadecimal, or both cases with digits; from 16
/// characters.
pub(super) fn is_random(text: &str) -> bool {
    let any = |is: fn(&char) -> bool| text.chars().any(|sign| is(&sign));
    let is_hex = text.chars().all(|sign| sign.is_ascii_hexdigit() || sign == '-');
    let is_mixed = any(char::is_ascii_uppercase) && any(char::is_ascii_lowercase);
    text.len() >= 16 && text.chars().all(is_base64_url) && any(char::is_ascii_digit) && (is_hex || is_mixed)
}

fn is_base64_url(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-')
}
