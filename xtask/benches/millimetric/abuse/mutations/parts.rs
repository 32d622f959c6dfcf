//! Changes of the parts of a request: method, path, query string, headers, key. What they leave is made
//! valid HTTP again by [`make_valid`].

use std::fmt::Write as _;

use super::nasty;
use crate::abuse::http::Draft;
use crate::random::Random;

const METHODS: &[&str] =
    &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "X"];
/// Headers that something in the server reads, and some that nothing reads.
const HEADERS: &[&str] = &[
    "accept",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "content-encoding",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "if-none-match",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "origin",
    "range",
    "referer",
    "sec-fetch-site",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-request-id",
];
/// Values for them beside the usual texts.
const VALUES: &[&str] = &[
    "*/*",
    "text/event-stream",
    "text/xml",
    "application/json; charset=utf-16",
    "text/plain",
    "multipart/form-data",
    "Bearer",
    "Basic dXNlcjpwYXNz",
    "100-continue",
    "bytes=0-",
    "null",
    "https://shop.example",
    "https://evil.example, https://shop.example",
    "same-origin",
    "cross-site",
    "for=\"[2001:db8::1]:80\";proto=https",
    "1.2.3.4, 5.6.7.8, unknown",
    "localhost",
    "2025-06-18",
    "1999-01-01",
    "*",
];
/// The most bytes of a path with its query string, so that the head stays within the server's bounds.
const MOST_TARGET: usize = 16 * 1024;

/// Another method.
pub(super) fn method(random: &mut Random, draft: &mut Draft) {
    random.of(METHODS).clone_into(&mut draft.method);
}

/// Another path, the query string stays.
pub(super) fn path(random: &mut Random, draft: &mut Draft, other: &Draft) {
    let (path, query) = split(&draft.target);
    let mut segments: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
    let at = random.below(segments.len() as u64) as usize;
    match random.below(7) {
        0 => segments[at] = encoded(&nasty::text(random)),
        1 => segments.insert(at, "..".to_owned()),
        2 => segments.insert(at, String::new()),
        3 => segments.push(encoded(&nasty::text(random))),
        4 => drop(segments.remove(at)),
        5 => segments[at] = segments[at].to_uppercase(),
        _ => {
            let (path, _) = split(&other.target);
            segments = path.split('/').skip(1).map(str::to_owned).collect();
        }
    }
    draft.target = joined(&format!("/{}", segments.join("/")), query.as_deref());
}

/// Another query string.
pub(super) fn query(random: &mut Random, draft: &mut Draft) {
    let (path, query) = split(&draft.target);
    draft.target = joined(&path, Some(&pairs(random, query.as_deref().unwrap_or_default())));
}

/// Other fields of a form.
pub(super) fn form(random: &mut Random, draft: &mut Draft) {
    draft.body = pairs(random, &String::from_utf8_lossy(&draft.body)).into_bytes();
}

/// Whether the body is a form.
pub(super) fn is_form(draft: &Draft) -> bool {
    draft.headers.iter().any(|(_, value)| value.starts_with(b"application/x-www-form-urlencoded"))
}

/// Names and values with one of them changed.
fn pairs(random: &mut Random, text: &str) -> String {
    let mut pairs: Vec<String> = text.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
    if pairs.is_empty() {
        pairs.push("from=2026-01-01".to_owned());
    }
    let at = random.below(pairs.len() as u64) as usize;
    let name = pairs[at].split('=').next().unwrap_or_default().to_owned();
    match random.below(8) {
        0 => drop(pairs.remove(at)),
        1 => pairs.push(pairs[at].clone()),
        2 => pairs.push(format!("{}={}", encoded(&nasty::text(random)), encoded(&nasty::text(random)))),
        3 => pairs[at] = name,
        4 => pairs[at] = nasty::text(random),
        _ => pairs[at] = format!("{name}={}", encoded(&nasty::text(random))),
    }
    pairs.join("&")
}

/// Other headers.
pub(super) fn headers(random: &mut Random, draft: &mut Draft) {
    let count = draft.headers.len() as u64;
    let at = random.below(count.max(1)) as usize;
    match random.below(5) {
        0 if count > 0 => drop(draft.headers.remove(at)),
        1 if count > 0 => draft.headers.push(draft.headers[at].clone()),
        2 if count > 0 => draft.headers[at].1 = value(random),
        _ => draft.headers.push((random.of(HEADERS).to_owned(), value(random))),
    }
}

fn value(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => nasty::text(random).into_bytes(),
        1 => (0..random.below(40)).map(|_| random.below(256) as u8).collect(),
        _ => random.of(VALUES).as_bytes().to_vec(),
    }
}

/// Another key, or the same one written otherwise.
pub(super) fn key(random: &mut Random, draft: &mut Draft, keys: &[String]) {
    let mut key = keys[random.below(keys.len() as u64) as usize].clone();
    let at = random.below(key.len() as u64) as usize;
    match random.below(7) {
        0 => key.truncate(at),
        1 => key.replace_range(at..=at, random.of(&["x", "_", "A", "0", "-", "é", "\u{200b}", " "])),
        2 => key.insert_str(at, random.of(&["\u{feff}", "\u{a0}", "\"", "%20"])),
        3 => key.push_str(&nasty::text(random)),
        4 => key = nasty::text(random),
        _ => {}
    }
    draft.headers.retain(|(name, _)| name != "authorization");
    if random.once_in(3) {
        let (path, query) = split(&draft.target);
        let pairs = format!("{}&key={}", query.unwrap_or_default(), encoded(&key));
        draft.target = joined(&path, Some(&pairs));
    } else {
        let scheme = random.of(&["Bearer ", "Bearer ", "bearer  ", "Basic ", ""]);
        draft.headers.push(("authorization".to_owned(), format!("{scheme}{key}").into_bytes()));
    }
}

/// Makes a draft valid HTTP, whatever was done to it: then the server has no reason not to respond.
pub(super) fn make_valid(draft: &mut Draft) {
    if !draft.target.starts_with('/') {
        draft.target.insert(0, '/');
    }
    let mut target = String::with_capacity(draft.target.len());
    for byte in draft.target.bytes().take(MOST_TARGET) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => target.push(byte.into()),
            _ if b"/?&=%-._~$,:;@!*+()'".contains(&byte) => target.push(byte.into()),
            _ => {
                let _ = write!(target, "%{byte:02X}");
            }
        }
    }
    draft.target = target;
    for (_, value) in &mut draft.headers {
        value.retain(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xff));
    }
}

fn split(target: &str) -> (String, Option<String>) {
    match target.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (target.to_owned(), None),
    }
}

fn joined(path: &str, query: Option<&str>) -> String {
    query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}

/// Percent-encoded, except what needs not be.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'$' | b',' | b'.' | b'_' | b'-' | b'%' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
