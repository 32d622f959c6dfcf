//! SQL statements with their parameters, and the text forms of values.

/// A statement with its server-side parameters. Values from outside are bound, and are never part of the text.
#[derive(Clone)]
pub(crate) struct Sql {
    text: String,
    parameters: Vec<(String, String)>,
    texts: Vec<Texts>,
}

/// A table with one column of texts, which is sent with a statement.
#[derive(Clone)]
pub(crate) struct Texts {
    /// The name of the table.
    pub(crate) name: &'static str,
    /// The rows, as a JSON array each, in lines.
    pub(crate) rows: String,
}

impl Sql {
    /// A statement without parameters.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), parameters: Vec::new(), texts: Vec::new() }
    }

    /// Adds a server-side parameter; its name in the text is `{name:Type}`. The value is in the text form of the type.
    #[must_use]
    pub(crate) fn bind(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Adds a table `name` with these texts. A server reads thousands of them in a fraction of the time that it needs
    /// for a parameter with as many, and a parameter has at most 128 KiB.
    #[must_use]
    pub(crate) fn with_texts<'a>(
        mut self,
        name: &'static str,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let row = |text: &str| format!("[{}]\n", serde_json::Value::from(text));
        self.texts.push(Texts { name, rows: texts.into_iter().map(row).collect() });
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

    /// The tables that are sent with it.
    pub(crate) fn texts(&self) -> &[Texts] {
        &self.texts
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

    #[test]
    fn each_text_of_a_table_is_a_line() {
        let sql = Sql::new("").with_texts("ids", ["a\r\n\"b", "", "ü?"]);
        assert_eq!(sql.texts()[0].rows, "[\"a\\r\\n\\\"b\"]\n[\"\"]\n[\"ü?\"]\n");
    }
}
