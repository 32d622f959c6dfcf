//! Reads the members of a JSON object, each as its own type, and collects what is wrong with them.

use millimetric_core::fuzzy_match;
use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult, ErrorCode, Problems};

/// The most elements of a list of texts.
const MAX_TEXTS: usize = 1000;

/// The members of an object that were not read yet.
pub(super) struct Fields {
    members: Map<String, Value>,
    /// What the names of fields begin with: `goals.3.`
    at: String,
    known: Vec<&'static str>,
    pub(super) problems: Problems,
}

impl Fields {
    /// Reads a body. An empty one has no members.
    pub(super) fn of_body(text: &str) -> ApiResult<Self> {
        if text.trim().is_empty() {
            return Ok(Self::of(Map::new(), String::new()));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let message =
                format!("the body is not valid JSON (line {}, column {})", error.line(), error.column());
            ApiError::form(ErrorCode::InvalidPayload, message)
        })?;
        match value {
            Value::Object(members) => Ok(Self::of(members, String::new())),
            _ => Err(ApiError::form(ErrorCode::InvalidPayload, "the body must be a JSON object")),
        }
    }

    /// The members of an object whose fields are named with this before them.
    pub(super) fn of(members: Map<String, Value>, at: String) -> Self {
        Self { members, at, known: Vec::new(), problems: Problems::default() }
    }

    /// Notes what is wrong with a field.
    pub(super) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.problems.field(format!("{}{name}", self.at), message);
    }

    /// Whether a member was sent, and not as null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// A member as it was sent; `Null` if it was sent as null, `None` if it was not sent.
    pub(super) fn raw(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members.remove(name)
    }

    /// A member that is read with `read`, whose error says what would be right. Null counts as absent.
    pub(super) fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.raw(name).filter(|value| !value.is_null())?;
        read(value).map_err(|message| self.wrong(name, message)).ok()
    }

    /// A text that is a `T`.
    pub(super) fn text<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        self.read(name, |value| parsed(&value))
    }

    /// The same; its absence is a problem.
    pub(super) fn required<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        if !self.has(name) {
            self.known.push(name);
            self.members.remove(name);
            self.wrong(name, "is required");
            return None;
        }
        self.text(name)
    }

    /// A list of texts, each a `T`; an error names its index.
    pub(super) fn texts<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let list = self.read(name, |value| match value {
            Value::Array(list) if list.len() <= MAX_TEXTS => Ok(list),
            Value::Array(_) => Err(format!("must have at most {MAX_TEXTS} entries")),
            _ => Err("must be a list of texts".to_owned()),
        })?;
        let mut all = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            match value.as_str().ok_or_else(|| "must be a text".to_owned()).and_then(&read) {
                Ok(entry) => all.push(entry),
                Err(message) => self.wrong(&format!("{name}.{index}"), message),
            }
        }
        Some(all)
    }

    /// Notes the members that nobody read.
    pub(super) fn refuse_others(&mut self) {
        let unknown: Vec<String> = self.members.keys().take(20).cloned().collect();
        for name in unknown {
            let shown: String = name.chars().take(60).collect();
            let meant = fuzzy_match::closest(&name, self.known.iter().copied());
            let message = match meant {
                Some(meant) => format!("is not a field here: did you mean `{meant}`?"),
                None => format!("is not a field here: there are {}", self.known.join(", ")),
            };
            self.wrong(&shown, message);
        }
    }

    /// `read` if nothing is wrong, else the error that lists all problems.
    pub(super) fn finish<T>(mut self, read: Option<T>) -> ApiResult<T> {
        self.refuse_others();
        match read {
            Some(read) => self.problems.or(ErrorCode::InvalidPayload, read),
            None => Err(ApiError::validation(ErrorCode::InvalidPayload, self.problems)),
        }
    }
}

/// A text that is a `T`.
pub(super) fn parsed<T: FromStr<Err: Display>>(value: &Value) -> Result<T, String> {
    let text = value.as_str().ok_or_else(|| "must be a text".to_owned())?;
    text.parse().map_err(|error: T::Err| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use millimetric_control::Name;
    use serde_json::json;

    #[test]
    fn every_wrong_and_every_unknown_field_is_named() {
        let body = r#"{"name": 7, "hosts": ["a", 1, "b"], "nmae": "x", "further": null}"#;
        let mut fields = Fields::of_body(body).unwrap();
        let name = fields.required::<Name>("name");
        let hosts = fields.texts("hosts", |text| if text == "b" { Err("is b".into()) } else { Ok(()) });
        fields.required::<Name>("label");
        assert_eq!((name, hosts), (None, Some(vec![()])));
        let error = fields.finish(Some(())).unwrap_err();
        let expected = json!({
            "name": ["must be a text"], "hosts.1": ["must be a text"], "hosts.2": ["is b"], "label": ["is required"],
            "nmae": ["is not a field here: did you mean `name`?"],
            "further": ["is not a field here: there are name, hosts, label"],
        });
        assert_eq!(error.details["fieldErrors"], expected);
    }

    #[test]
    fn a_body_is_an_object_or_empty() {
        assert!(Fields::of_body(" ").unwrap().finish(Some(())).is_ok());
        for (body, message) in [
            ("[]", "the body must be a JSON object"),
            ("{", "the body is not valid JSON (line 1, column 1)"),
            (&"[".repeat(500), "the body is not valid JSON (line 1, column 128)"),
        ] {
            let error = Fields::of_body(body).map(drop).unwrap_err();
            assert_eq!(error.details["formErrors"], json!([message]), "{body}");
        }
    }
}
