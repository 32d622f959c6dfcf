//! SQL statements with their parameters, and the text forms of values.

/// A statement with its server-side parameters. Values from outside are bound, and are never part of the text.
#[derive(Clone)]
pub(crate) struct Sql {
    text: String,
    parameters: Vec<(String, String)>,
}

impl Sql {
    /// A statement without parameters.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), parameters: Vec::new() }
    }

    /// Adds a server-side parameter; its name in the text is `{name:Type}`. The value is in the text form of the type.
    #[must_use]
    pub(crate) fn bind(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// The text, with the names of the parameters.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The name and the value of each parameter.
    pub(crate) fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }
}

/// The text form of a `String`.
pub(crate) fn string(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\0' => escaped.push_str("\\0"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The text form of an `Array(String)`.
pub(crate) fn strings<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = texts.into_iter().map(|text| format!("'{}'", string(text))).collect();
    format!("[{}]", quoted.join(","))
}

/// The text form of an `Array(Int64)`.
pub(crate) fn integers(numbers: impl IntoIterator<Item = i64>) -> String {
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        assert_eq!(string("a\\b\t'\n\r\0ü"), r"a\\b\t\'\n\r\0ü");
        assert_eq!(strings(["a", "b'", ""]), r"['a','b\'','']");
        assert_eq!(strings([]), "[]");
        assert_eq!(integers([1, -2]), "[1,-2]");
    }
}
