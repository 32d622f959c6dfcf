//! Responses without what differs each time: addresses, ids and times that the server made.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::support::Instance;

const ADDRESS: &str = "http://localhost:8787";
const TIME: &str = "2026-05-16T19:00:00.000Z";
const ID: &str = "0190f3c0-a1b2-7c4d-8e9f-a0b1c2d3e4f5";

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
    if let Some((kind, hex)) = text.split_once('_')
        && hex.len() == 32
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return format!("{kind}_{}", ID.replace('-', ""));
    }
    if is_uuid(text) {
        return ID.to_owned();
    }
    text.replace(&server.url, ADDRESS)
}

/// Whether it is a UUID, as ids of the server are.
fn is_uuid(text: &str) -> bool {
    text.len() == ID.len()
        && text.bytes().zip(ID.bytes()).all(|(it, like)| match like {
            b'-' => it == b'-',
            _ => it.is_ascii_hexdigit(),
        })
}
