//! Responses without what differs each time: addresses, keys, ids and times that the server made.

use chrono::{DateTime, TimeDelta, Utc};
use millimetric_core::key::KeyText;
use serde_json::Value;

use crate::support::Instance;

const ADDRESS: &str = "http://localhost:8787";
const TIME: &str = "2026-05-16T19:00:00.000Z";
const PREFIX: &str = "00c0ffee";
const ID: &str = "0190f3c0a1b27c4d8e9fa0b1c2d3e4f5";

/// The same response as it would be on another server, at another time.
pub(super) fn response(value: &Value, server: &Instance) -> Value {
    match value {
        Value::String(text) => self::text(text, server).into(),
        Value::Array(values) => values.iter().map(|value| response(value, server)).collect(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (name.clone(), response(value, server));
            Value::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

fn text(text: &str, server: &Instance) -> String {
    let is_new = |time: DateTime<_>| (Utc::now() - time.with_timezone(&Utc)).abs() < TimeDelta::days(1);
    if DateTime::parse_from_rfc3339(text).is_ok_and(is_new) {
        return TIME.to_owned();
    }
    if let Ok(key) = KeyText::parse(text) {
        return format!("{}_{}_{PREFIX}_…", key.kind(), key.env());
    }
    let is_hex = |digits: usize| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // The prefix of a key, and the hash of a person.
    if is_hex(PREFIX.len()) {
        return PREFIX.to_owned();
    }
    if is_hex(ID.len()) {
        return ID.to_owned();
    }
    let [own, known] = [&server.url, ADDRESS].map(|url| url.trim_start_matches("http://"));
    with_known_ids(&text.replace(own, known))
}

/// The text with another id in place of each, such as `prj_` and 32 hexadecimal digits.
fn with_known_ids(text: &str) -> String {
    let mut parts = text.split('_');
    let mut known = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        known.push('_');
        match part.get(..ID.len()) {
            Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                known.extend([ID, &part[ID.len()..]]);
            }
            _ => known.push_str(part),
        }
    }
    known
}
