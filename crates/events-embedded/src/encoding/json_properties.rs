//! Reads the top level of an event's `properties`, a JSON object as text.
//!
//! If a name occurs more than once, the last value counts. A text that is not a JSON object has no
//! properties.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Returns the value of a property as text: a string without quotes, other values as JSON; `None` if it is
/// absent or `null`.
pub(crate) fn text_of<'a>(properties: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let value = value_of(properties, name)?.get();
    match value.as_bytes().first()? {
        b'"' => serde_json::from_str::<Text<'a>>(value).ok().map(|text| text.0),
        b'n' => None,
        _ => Some(Cow::Borrowed(value)),
    }
}

/// The NaN of an event without the property, or in which it is `null`.
const MISSING: u64 = 0x7ff8_0000_0000_0001;
/// The NaN of a value that is not a JSON number.
const NOT_NUMERIC: u64 = 0x7ff8_0000_0000_0002;

/// Returns the value of a property if it is a finite JSON number, else a NaN that says why it is none (see
/// [`is_missing`]).
pub(crate) fn number_of(properties: &str, name: &str) -> f64 {
    let value = value_of(properties, name).map(RawValue::get).unwrap_or_default();
    let number = match value.as_bytes().first() {
        None | Some(b'n') => return f64::from_bits(MISSING),
        Some(b'-' | b'0'..=b'9') => value.parse().ok(),
        Some(_) => None,
    };
    number.filter(|number: &f64| number.is_finite()).unwrap_or(f64::from_bits(NOT_NUMERIC))
}

/// Whether a NaN of [`number_of`] stands for no value.
pub(crate) const fn is_missing(number: f64) -> bool {
    number.to_bits() == MISSING
}

/// Returns the distinct property names, sorted.
pub(crate) fn names_of(properties: &str) -> Vec<Cow<'_, str>> {
    let mut reader = serde_json::Deserializer::from_str(properties);
    let mut names = reader.deserialize_map(Names).unwrap_or_default();
    names.sort_unstable();
    names.dedup();
    names
}

fn value_of<'a>(properties: &'a str, name: &str) -> Option<&'a RawValue> {
    // A substring search excludes nearly all texts without the name before parsing. A name that is written
    // with an escape sequence has a backslash somewhere in the text.
    if !properties.contains(name) && !properties.contains('\\') {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(properties);
    let value = reader.deserialize_map(Last { name }).ok()?;
    reader.end().ok()?;
    value
}

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Finds the last value of one name in an object.
struct Last<'n> {
    name: &'n str,
}

impl<'a> Visitor<'a> for Last<'_> {
    type Value = Option<&'a RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut last = None;
        while let Some(is_it) = map.next_key_seed(Is(self.name))? {
            if is_it {
                last = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(last)
    }
}

/// Collects the names of an object.
struct Names;

impl<'a> Visitor<'a> for Names {
    type Value = Vec<Cow<'a, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some((Text(name), IgnoredAny)) = map.next_entry()? {
            names.push(name);
        }
        Ok(names)
    }
}

/// Compares a key without copying it.
struct Is<'n>(&'n str);

impl<'a> DeserializeSeed<'a> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'a>>(self, key: D) -> Result<bool, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_its_text_or_its_json() {
        let cases = [
            (r#"{"a":"x"}"#, Some("x")),
            (r#"{"a":"x","a":"y"}"#, Some("y")),
            (r#"{"\u0061":"quote \" here"}"#, Some("quote \" here")),
            (r#"{"b":{"a":1},"a":1.50}"#, Some("1.50")),
            (r#"{"a":true}"#, Some("true")),
            (r#"{"a":[1,"a"]}"#, Some(r#"[1,"a"]"#)),
            (r#"{"a":""}"#, Some("")),
            (r#"{"a":null}"#, None),
            (r#"{"a":"x","a":null}"#, None),
            (r#"{"b":"a"}"#, None),
            ("{}", None),
            ("[\"a\"]", None),
        ];
        for (properties, text) in cases {
            assert_eq!(text_of(properties, "a").as_deref(), text, "{properties}");
        }
    }

    #[test]
    fn only_json_numbers_are_numbers() {
        let cases = [(r#"{"a":-1.5e2}"#, -150.0), (r#"{"a":0}"#, 0.0), (r#"{"a":"7","a":7}"#, 7.0)];
        for (properties, number) in cases {
            assert_eq!(number_of(properties, "a").to_bits(), f64::to_bits(number), "{properties}");
        }
        for (properties, missing) in [
            (r#"{"a":"7"}"#, false),
            (r#"{"a":""}"#, false),
            (r#"{"a":true}"#, false),
            (r#"{"a":[1]}"#, false),
            (r#"{"a":1e999}"#, false),
            (r#"{"a":null}"#, true),
            (r#"{"a":7,"a":null}"#, true),
            (r#"{"b":{"a":1}}"#, true),
            ("{}", true),
            ("[7]", true),
        ] {
            let number = number_of(properties, "a");
            assert!(number.is_nan(), "{properties}");
            assert_eq!(is_missing(number), missing, "{properties}");
        }
    }

    #[test]
    fn names_are_distinct_and_sorted() {
        let names = |properties| names_of(properties);
        assert_eq!(names(r#"{"b":1,"a":{"c":2},"b":null,"\u0061":3}"#), ["a", "b"]);
        assert!(names("{}").is_empty() && names("[1]").is_empty());
    }
}
