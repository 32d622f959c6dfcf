//! JSON values as code that people read: what fits on a line is on one line.

use serde_json::Value;

/// The longest line of an object or array on one line, without its indentation.
const LINE: usize = 76;

/// The words of a language for the three values that JSON has words for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) yes: &'static str,
    pub(super) no: &'static str,
    pub(super) nothing: &'static str,
}

/// JSON and JavaScript.
pub(super) const JSON: Words = Words { yes: "true", no: "false", nothing: "null" };
/// Python.
pub(super) const PYTHON: Words = Words { yes: "True", no: "False", nothing: "None" };

/// A value as a literal whose first line stands after so many spaces.
pub(super) fn literal(value: &Value, indent: usize, words: Words) -> String {
    let line = on_one_line(value, words);
    if line.chars().count() + indent <= LINE {
        return line;
    }
    let inner = indent + 2;
    let (open, close, parts): (char, char, Vec<String>) = match value {
        Value::Array(items) => ('[', ']', items.iter().map(|item| literal(item, inner, words)).collect()),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), literal(value, inner, words))
            };
            ('{', '}', members.iter().map(member).collect())
        }
        _ => return line,
    };
    let blanks = " ".repeat(inner);
    format!("{open}\n{blanks}{}\n{}{close}", parts.join(&format!(",\n{blanks}")), " ".repeat(indent))
}

fn on_one_line(value: &Value, words: Words) -> String {
    match value {
        Value::Null => words.nothing.to_owned(),
        Value::Bool(true) => words.yes.to_owned(),
        Value::Bool(false) => words.no.to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| on_one_line(item, words)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), on_one_line(value, words))
            };
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_short_is_on_one_line() {
        assert_eq!(
            literal(&json!({ "a": [1, true, null], "b": "x\n" }), 0, JSON),
            r#"{"a": [1, true, null], "b": "x\n"}"#
        );
        assert_eq!(literal(&json!([true, false, null]), 0, PYTHON), "[True, False, None]");
        let long = "x".repeat(60);
        assert_eq!(
            literal(&json!({ "name": long, "values": [{ "a": 1 }, { "b": long }], "none": [] }), 2, JSON),
            format!("{{\n    \"name\": \"{long}\",\n    \"values\": [{{\"a\": 1}}, {{\"b\": \"{long}\"}}],\n    \"none\": []\n  }}")
                .replace(&format!("[{{\"a\": 1}}, {{\"b\": \"{long}\"}}]"), &format!("[\n      {{\"a\": 1}},\n      {{\"b\": \"{long}\"}}\n    ]")),
        );
    }
}
