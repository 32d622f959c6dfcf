//! Text from strangers, made harmless for a language model to read: URLs, referrers, names and
//! properties are written by whoever sends events.
//!
//! Nothing that steers the display of a text or hides in it gets through, and no cell is long
//! enough for a speech. What is clean and short stays as it is, to the byte.

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
    let odd: Vec<String> = row.keys().filter(|name| name.chars().any(is_hidden)).cloned().collect();
    for name in odd {
        if let Some(value) = row.remove(&name) {
            done.stripped = true;
            row.insert(text(&name, MAX_CELL), value);
        }
    }
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
    let named = inner.keys().any(|name| needs_cleaning(name, MAX_CELL));
    if named {
        here.stripped = true;
        inner = inner.into_iter().map(|(name, value)| (self::text(&name, MAX_CELL), value)).collect();
    }
    let clean = if here == Cleaned::default() { text.to_owned() } else { Value::Object(inner).to_string() };
    let short = shortened(&clean, MAX_PROPERTIES, &mut here);
    done.cut |= here.cut;
    done.stripped |= here.stripped;
    Some(short)
}

fn needs_cleaning(text: &str, most: usize) -> bool {
    // Bytes are at least as many as characters, so most texts are not counted.
    text.chars().any(is_hidden) || (text.len() > most && text.chars().count() > most)
}

fn shortened(text: &str, most: usize, done: &mut Cleaned) -> String {
    let mut clean: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    done.stripped |= clean.len() != text.len();
    if clean.chars().count() > most {
        clean = clean.chars().take(most - 1).chain([CUT]).collect();
        done.cut = true;
    }
    clean
}

/// Control characters, marks that turn the direction of writing, and invisible characters in
/// which a text can be hidden (tags, zero-width spaces, interlinear marks).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
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

    proptest! {
        #[test]
        fn no_text_keeps_anything_hidden(text in "\\PC{0,40}|.{0,40}|[\u{200a}-\u{2070}]{0,40}") {
            let (row, _) = cleaned(json!({ "a": text, "properties": json!({ "p": text }).to_string() }));
            prop_assert!(!row["a"].as_str().unwrap().chars().any(is_hidden));
            let inner: Value = serde_json::from_str(row["properties"].as_str().unwrap()).unwrap();
            prop_assert!(!inner["p"].as_str().unwrap().chars().any(is_hidden));
        }
    }
}
