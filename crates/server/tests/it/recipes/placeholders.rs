//! Compares a response with the one on a page. `"…"` on the page matches any value but null, and `…` within a
//! text for some characters: ids and times of the server, and parts that a page leaves out. Fractions are equal to
//! a millionth.

use serde_json::Value;

const PLACEHOLDER: char = '…';

/// The first difference; `None` if the values are those of the page.
pub(super) fn difference(expected: &[Value], found: &[Value]) -> Option<String> {
    if expected.len() != found.len() {
        return Some(format!("the page has {} values, not {}", expected.len(), found.len()));
    }
    expected.iter().zip(found).find_map(|(expected, found)| within(expected, found, ""))
}

/// The first difference between two values, with the path to it; `at` is the path to the values themselves.
fn within(expected: &Value, found: &Value, at: &str) -> Option<String> {
    match (expected, found) {
        (Value::String(text), _) if text.contains(PLACEHOLDER) => {
            let fits = match found {
                Value::String(found) => fits(text, found),
                other => !other.is_null() && text.chars().eq([PLACEHOLDER]),
            };
            (!fits).then(|| message(at, expected, found))
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let pairs = items.iter().zip(others).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (item, other))| within(item, other, &format!("{at}[{index}]")))
        }
        (Value::Object(members), Value::Object(others)) => {
            let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            let unknown = others.keys().find(|name| !members.contains_key(*name));
            let differs = |(name, value): (&String, &Value)| match others.get(name) {
                Some(other) => within(value, other, &path(name)),
                None => Some(format!("{}: not in the response", path(name))),
            };
            let missing = || unknown.map(|name| format!("{}: not on the page", path(name)));
            members.iter().find_map(differs).or_else(missing)
        }
        (Value::Number(expected_number), Value::Number(found_number))
            if expected_number.is_f64() && found_number.is_f64() =>
        {
            let (expected_number, found_number) = (expected_number.as_f64()?, found_number.as_f64()?);
            ((expected_number - found_number).abs() > 1e-6).then(|| message(at, expected, found))
        }
        _ => (expected != found).then(|| message(at, expected, found)),
    }
}

/// Whether a text begins and ends as the pattern does around its placeholder.
fn fits(pattern: &str, text: &str) -> bool {
    let (start, end) = pattern.split_once(PLACEHOLDER).unwrap_or((pattern, ""));
    text.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).is_some_and(|middle| !middle.is_empty())
}

fn message(at: &str, expected: &Value, found: &Value) -> String {
    let at = if at.is_empty() { "the response" } else { at };
    format!("{at}: the page has {expected}, not {found}")
}

#[test]
fn only_placeholders_match_something_else() {
    let different = |expected: &str, found: &str| {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        difference(&[value(expected)], &[value(found)])
    };
    for (expected, found) in [
        (r#"{"a":1,"b":[true,null]}"#, r#"{"b":[true,null],"a":1}"#),
        (r#"["…","…","…"]"#, r#"["x",1,{"a":2}]"#),
        ("0.333333", "0.3333333333"),
        (r#""fgt_…""#, r#""fgt_1""#),
        (r#""2026-…Z""#, r#""2026-05-01T00:00:00.000Z""#),
    ] {
        assert_eq!(different(expected, found), None, "{expected}");
    }
    for (expected, found, text) in [
        ("1", "1.0", "the response: the page has 1, not 1.0"),
        ("0.33333", "0.3333333333", "the response: the page has 0.33333, not 0.3333333333"),
        (r#"{"a":[{"b":1}]}"#, r#"{"a":[{"b":2}]}"#, "a[0].b: the page has 1, not 2"),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, "b: not on the page"),
        (r#"{"a":1,"b":2}"#, r#"{"a":1}"#, "b: not in the response"),
        ("[1]", "[1,2]", "the response: the page has [1], not [1,2]"),
        (r#""…""#, "null", r#"the response: the page has "…", not null"#),
        (r#""…""#, r#""""#, r#"the response: the page has "…", not """#),
        (r#""fgt_…""#, r#""fgt_""#, r#"the response: the page has "fgt_…", not "fgt_""#),
        (r#""fgt_…""#, "7", r#"the response: the page has "fgt_…", not 7"#),
    ] {
        assert_eq!(different(expected, found).as_deref(), Some(text));
    }
    assert_eq!(difference(&[Value::Null], &[]).as_deref(), Some("the page has 1 values, not 0"));
}
