//! Text from strangers, made harmless for a language model to read: URLs, referrers, names and
//! properties are written by anybody who sends events.
//!
//! Nothing that steers the display of a text or hides in it gets through (`core::invisible`), in values
//! and in names of members alike, and no cell is long enough for a speech. What is clean and short
//! stays as it is, to the byte.

use millimetric_core::invisible::{has_hidden, scan};
use serde_json::{Map, Value};

/// Longest cell, in characters.
const MAX_CELL: usize = 200;
/// Longest cell of a column of URLs.
const MAX_URL: usize = 500;
/// Longest text of all properties of an event.
const MAX_PROPERTIES: usize = 1000;
/// The columns of URLs.
const URLS: [&str; 3] = ["url", "referrer", "path"];
/// What stands where a cell was cut.
const CUT: char = '…';

/// What was done to the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cleaned {
    /// Cells were cut at their length.
    pub(super) cut: bool,
    /// Characters were taken out.
    pub(super) stripped: bool,
}

/// Cleans every text of a row.
pub(super) fn row(row: &mut Map<String, Value>, done: &mut Cleaned) {
    for (name, value) in row.iter_mut() {
        cell(name, value, done);
    }
    names(row, done);
}

/// Cleans the names of members. One that another member has by now gets a number, so that none is lost.
fn names(members: &mut Map<String, Value>, done: &mut Cleaned) {
    if !members.keys().any(|name| needs_cleaning(name, MAX_CELL)) {
        return;
    }
    let mut clean = Map::with_capacity(members.len());
    for (name, value) in std::mem::take(members) {
        let mut name = shortened(&name, MAX_CELL, done);
        if clean.contains_key(&name) {
            let free = (2..clean.len() + 3)
                .map(|number| format!("{name} ({number})"))
                .find(|name| !clean.contains_key(name));
            name = free.unwrap_or(name);
        }
        clean.insert(name, value);
    }
    *members = clean;
}

/// A text without what hides in it, at most so many characters long.
pub(super) fn text(text: &str, most: usize) -> String {
    shortened(text, most, &mut Cleaned::default())
}

/// A word for a sentence: clean, and short.
pub(super) fn word(value: &str) -> String {
    text(value, 80)
}

fn cell(name: &str, value: &mut Value, done: &mut Cleaned) {
    match value {
        Value::String(text) if name == "properties" => {
            if let Some(clean) = properties(text, done) {
                *text = clean;
            }
        }
        Value::String(text) => {
            let most = if URLS.contains(&name) { MAX_URL } else { MAX_CELL };
            if needs_cleaning(text, most) {
                *text = shortened(text, most, done);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| cell(name, value, done)),
        Value::Object(inner) => row(inner, done),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Properties are JSON in a text: their own texts are cleaned, and they stay JSON unless they are
/// too long as a whole.
fn properties(text: &str, done: &mut Cleaned) -> Option<String> {
    let mut inner: Map<String, Value> = serde_json::from_str(text).ok()?;
    let mut here = Cleaned::default();
    for (name, value) in &mut inner {
        // A property called `properties` is a text like any other.
        cell(if name == "properties" { "" } else { name }, value, &mut here);
    }
    names(&mut inner, &mut here);
    let clean = if here == Cleaned::default() { text.to_owned() } else { Value::Object(inner).to_string() };
    let short = shortened(&clean, MAX_PROPERTIES, &mut here);
    done.cut |= here.cut;
    done.stripped |= here.stripped;
    Some(short)
}

fn needs_cleaning(text: &str, most: usize) -> bool {
    // Bytes are at least as many as characters, so most texts are not counted.
    has_hidden(text) || (text.len() > most && text.chars().count() > most)
}

fn shortened(text: &str, most: usize, done: &mut Cleaned) -> String {
    let mut clean: String = scan(text).filter(|(_, hidden)| !hidden).map(|(c, _)| c).collect();
    done.stripped |= clean.len() != text.len();
    if clean.chars().count() > most {
        clean = clean.chars().take(most - 1).chain([CUT]).collect();
        done.cut = true;
    }
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn cleaned(value: Value) -> (Value, Cleaned) {
        let Value::Object(mut object) = value else { panic!("a row is an object") };
        let mut done = Cleaned::default();
        row(&mut object, &mut done);
        (Value::Object(object), done)
    }

    #[test]
    fn what_is_clean_stays_as_it_is() {
        let clean = json!({ "source": "bücher.example 👩‍👩‍👧", "value": 1.0, "url": "a".repeat(500), "path": null,
            "properties": "{\"b\": 1,\"a\":\"x\"}" });
        assert_eq!(cleaned(clean.clone()), (clean, Cleaned::default()));
    }

    #[test]
    fn what_hides_in_a_text_is_taken_out() {
        let (row, done) = cleaned(
            json!({ "path": "/a\u{202e}b\u{0}\nc\u{e0041}\u{200b}", "properties": "{\"a\":\"x\\u202ey\"}" }),
        );
        assert_eq!(row, json!({ "path": "/abc", "properties": "{\"a\":\"xy\"}" }));
        assert_eq!(done, Cleaned { cut: false, stripped: true });
    }

    #[test]
    fn long_cells_are_cut_by_characters() {
        let (row, done) = cleaned(json!({ "source": "ü".repeat(201), "url": "u".repeat(501) }));
        assert_eq!(row["source"].as_str().map(|text| text.chars().count()), Some(200));
        assert_eq!(row["url"].as_str().map(|text| text.chars().count()), Some(500));
        assert!(row["source"].as_str().unwrap().ends_with(CUT));
        assert_eq!(done, Cleaned { cut: true, stripped: false });
    }

    #[test]
    fn names_of_members_are_cleaned_in_order_and_none_is_lost() {
        let (row, done) =
            cleaned(json!({ "z": 0, "a": 1, "a\u{200b}": 2, "\u{ad}a": 3, "b": { "c\u{e0041}": 4 },
            "properties": "{\"p\":1,\"p\u{2800}\":{\"q\u{3164}\":2}}" }));
        let text = row.to_string();
        let expected = json!({ "z": 0, "a": 1, "a (2)": 2, "a (3)": 3, "b": { "c": 4 },
            "properties": "{\"p\":1,\"p (2)\":{\"q\":2}}" });
        assert_eq!(text, expected.to_string());
        assert_eq!(done, Cleaned { cut: false, stripped: true });
        let (row, done) = cleaned(json!({ "n".repeat(300): 1 }));
        assert_eq!(row.as_object().unwrap().keys().next().unwrap().chars().count(), MAX_CELL);
        assert_eq!(done, Cleaned { cut: true, stripped: false });
    }

    proptest! {
        #[test]
        fn no_text_keeps_anything_hidden(text in "\\PC{0,40}|.{0,40}|[\u{200a}-\u{2070}]{0,40}") {
            let (row, _) = cleaned(json!({ "a": text, "properties": json!({ "p": text }).to_string() }));
            prop_assert!(!has_hidden(row["a"].as_str().unwrap()));
            let inner: Value = serde_json::from_str(row["properties"].as_str().unwrap()).unwrap();
            prop_assert!(!has_hidden(inner["p"].as_str().unwrap()));
        }
    }
}
