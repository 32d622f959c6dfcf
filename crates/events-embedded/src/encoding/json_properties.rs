//! Reads the top level of an event's `properties`, a JSON object as text.
//!
//! If a name occurs more than once, the last value counts. A text that is not a JSON object has no
//! properties.

use std::borrow::Cow;
use std::fmt;

use millimetric_core::quality::is_numeric_text;
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

/// Whether a NaN of [`number_of`] means that there is no value.
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

/// What the properties of an event are reduced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Keys {
    /// Their names.
    Names,
    /// The names of those that are numbers, each after [`Keys::NUMBER`], and of those that are texts which look like
    /// numbers, after [`Keys::NUMERIC_TEXT`].
    Numeric,
}

impl Keys {
    /// Stands before the name of a number.
    pub(crate) const NUMBER: char = '#';
    /// Stands before the name of a text that looks like a number.
    pub(crate) const NUMERIC_TEXT: char = '"';

    /// The distinct keys of these properties, sorted.
    pub(crate) fn of(self, properties: &str) -> Vec<Cow<'_, str>> {
        match self {
            Self::Names => names_of(properties),
            Self::Numeric => numeric_of(properties),
        }
    }

    /// The name in a key.
    pub(crate) fn name(self, key: &str) -> &str {
        match self {
            Self::Names => key,
            Self::Numeric => key.get(1..).unwrap_or_default(),
        }
    }
}

fn numeric_of(properties: &str) -> Vec<Cow<'_, str>> {
    let mut reader = serde_json::Deserializer::from_str(properties);
    let mut keys = reader.deserialize_map(Kinds).unwrap_or_default();
    keys.reverse();
    keys.sort_by(|(a, _), (b, _)| a.cmp(b));
    // The last value of a name counts, which is the first one now.
    keys.dedup_by(|(a, _), (b, _)| a == b);
    let mut keys: Vec<Cow<'_, str>> =
        keys.into_iter().filter_map(|(name, kind)| Some(Cow::Owned(format!("{}{name}", kind?)))).collect();
    keys.sort_unstable();
    keys
}

/// What stands before the name of a property with this value.
fn kind(value: &str) -> Option<char> {
    match value.as_bytes().first()? {
        b'"' => {
            let text = serde_json::from_str::<Text<'_>>(value).ok()?;
            is_numeric_text(&text.0).then_some(Keys::NUMERIC_TEXT)
        }
        b'-' | b'0'..=b'9' => value.parse::<f64>().ok()?.is_finite().then_some(Keys::NUMBER),
        _ => None,
    }
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

/// Collects the names of an object, with the kind of each value.
struct Kinds;

impl<'a> Visitor<'a> for Kinds {
    type Value = Vec<(Cow<'a, str>, Option<char>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kinds = Vec::new();
        while let Some((Text(name), value)) = map.next_entry::<Text<'a>, &'a RawValue>()? {
            kinds.push((name, kind(value.get())));
        }
        Ok(kinds)
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
    fn numbers_and_texts_that_look_like_numbers_are_told_apart() {
        let keys = |properties| Keys::Numeric.of(properties);
        let mixed = r#"{"b":"12","a":-1.5e2,"c":"x","d":true,"e":null,"f":[1],"g":{"h":1},"i":" 1,5 ","\u0061b":"\u0031"}"#;
        assert_eq!(keys(mixed), ["\"ab", "\"b", "\"i", "#a"]);
        assert_eq!(keys(r#"{"a":"1","a":1}"#), ["#a"]);
        assert_eq!(keys(r#"{"a":1,"b":2,"a":"x"}"#), ["#b"]);
        assert!(keys("{}").is_empty() && keys("[1]").is_empty());
        assert_eq!((Keys::Numeric.name("#a"), Keys::Names.name("#a")), ("a", "#a"));
    }

    #[test]
    fn names_are_distinct_and_sorted() {
        let names = |properties| names_of(properties);
        assert_eq!(names(r#"{"b":1,"a":{"c":2},"b":null,"\u0061":3}"#), ["a", "b"]);
        assert!(names("{}").is_empty() && names("[1]").is_empty());
    }
}
