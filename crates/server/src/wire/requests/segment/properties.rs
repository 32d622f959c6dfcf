//! JSON objects as text, written anew with other members. Values are copied as they were sent.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::text::Text;

/// A member: its name, and its value as text.
pub(super) type Member<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The members of an object, in order; none if it is no object.
pub(super) fn members(raw: &RawValue) -> Option<Vec<Member<'_>>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<Member<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(name) = map.next_key::<Text<'de>>()? {
                let value: &RawValue = map.next_value()?;
                members.push((name.into_cow(), Cow::Borrowed(value.get())));
            }
            Ok(members)
        }
    }

    serde_json::Deserializer::from_str(raw.get()).deserialize_map(Members).ok()
}

/// The string that a value is; none if it is another value.
pub(super) fn string<'a>(value: &'a str) -> Option<Cow<'a, str>> {
    if !value.starts_with('"') {
        return None;
    }
    serde_json::from_str::<Text<'a>>(value).ok().map(Text::into_cow)
}

/// Puts a text in front of the members, and removes members of the same name.
pub(super) fn put_first(members: &mut Vec<Member<'_>>, name: &'static str, text: Option<String>) {
    let Some(text) = text else { return };
    members.retain(|(known, _)| known != name);
    members.insert(0, (Cow::Borrowed(name), Cow::Owned(quoted(&text))));
}

/// The text of an object with these members.
pub(super) fn write(members: &[Member<'_>]) -> String {
    let bytes = members.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
    let mut out = String::with_capacity(bytes + 2);
    out.push('{');
    for (name, value) in members {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(&quoted(name));
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    out
}

/// A text as a JSON string.
fn quoted(text: &str) -> String {
    if text.bytes().any(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        return serde_json::Value::from(text).to_string();
    }
    ["\"", text, "\""].concat()
}
