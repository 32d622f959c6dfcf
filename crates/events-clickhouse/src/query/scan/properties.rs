//! Reads the top level of an event's `properties`, a JSON object as text.
//!
//! If a name occurs more than once, the last value counts. A text that is not a JSON object has no properties.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

/// Why a property is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoNumber {
    /// The event does not have it, or it is `null`.
    Missing,
    /// It is something else.
    NotNumeric,
}

/// The properties, each with its value as JSON.
pub(crate) fn members(properties: &str) -> HashMap<String, &RawValue> {
    serde_json::from_str(properties).unwrap_or_default()
}

/// Returns the value of a property as text: a string without quotes, other values as JSON; `None` if it is
/// absent or `null`.
pub(crate) fn text_of<'a>(properties: &'a str, name: &str) -> Option<Cow<'a, str>> {
    text(value_of(properties, name)?)
}

/// Returns the text of a value that is a string, and other values as JSON; `None` of `null`.
pub(crate) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok().map(Cow::Owned),
        b'n' => None,
        _ => Some(Cow::Borrowed(value.get())),
    }
}

/// Returns the value of a property that is a finite JSON number.
pub(crate) fn number_of(properties: &str, name: &str) -> Result<f64, NoNumber> {
    number(value_of(properties, name).ok_or(NoNumber::Missing)?)
}

/// Returns a value that is a finite JSON number.
pub(crate) fn number(value: &RawValue) -> Result<f64, NoNumber> {
    let text = value.get();
    let number: Option<f64> = match text.as_bytes().first() {
        None | Some(b'n') => return Err(NoNumber::Missing),
        Some(b'-' | b'0'..=b'9') => text.parse().ok(),
        Some(_) => None,
    };
    number.filter(|number| number.is_finite()).ok_or(NoNumber::NotNumeric)
}

fn value_of<'a>(properties: &'a str, name: &str) -> Option<&'a RawValue> {
    // Most texts without the name need not be parsed. A name that is written with an escape sequence has a
    // backslash somewhere in the text.
    if !properties.contains(name) && !properties.contains('\\') {
        return None;
    }
    members(properties).remove(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_its_text_or_its_json() {
        for (properties, text) in [
            (r#"{"a":"x","a":"y"}"#, Some("y")),
            (r#"{"\u0061":"quote \" here"}"#, Some("quote \" here")),
            (r#"{"b":{"a":1},"a":1.50}"#, Some("1.50")),
            (r#"{"a":[1,"a"]}"#, Some(r#"[1,"a"]"#)),
            (r#"{"a":"x","a":null}"#, None),
            (r#"{"b":"a"}"#, None),
            ("[\"a\"]", None),
        ] {
            assert_eq!(text_of(properties, "a").as_deref(), text, "{properties}");
        }
    }

    #[test]
    fn only_json_numbers_are_numbers() {
        for (properties, number) in [
            (r#"{"a":"7","a":-1.5e2}"#, Ok(-150.0)),
            (r#"{"a":"7"}"#, Err(NoNumber::NotNumeric)),
            (r#"{"a":1e999}"#, Err(NoNumber::NotNumeric)),
            (r#"{"a":7,"a":null}"#, Err(NoNumber::Missing)),
            (r#"{"b":{"a":1}}"#, Err(NoNumber::Missing)),
            ("[7]", Err(NoNumber::Missing)),
        ] {
            assert_eq!(number_of(properties, "a"), number, "{properties}");
        }
    }
}
