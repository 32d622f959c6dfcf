//! The broken rules of a body or a query string, as the two lists of a validation error.

use serde_json::{Map, Value, json};

use super::{ApiError, ApiResult, ErrorCode};

/// Number of wrong fields from which on only the first of each further event is listed.
const LISTED: usize = 100;

/// The broken rules of a body or a query string.
#[derive(Debug, Default)]
pub struct Problems {
    pub(super) fields: Map<String, Value>,
    pub(super) form: Vec<String>,
    pub(super) unlisted: usize,
}

impl Problems {
    /// A field (by its path, as `events.17.url`) and what would be right.
    pub fn field(&mut self, path: impl Into<String>, message: impl Into<String>) {
        let messages = self.fields.entry(path).or_insert_with(|| json!([]));
        if let Value::Array(messages) = messages {
            messages.push(Value::String(message.into()));
        }
    }

    /// Adds the wrong fields of one event of a batch. Beyond `LISTED` fields only the first of
    /// each event is listed, so that every wrong event is named and the response stays small.
    pub fn event(&mut self, wrong: impl IntoIterator<Item = (String, String)>) {
        let full = self.fields.len() >= LISTED;
        for (number, (path, message)) in wrong.into_iter().enumerate() {
            if full && number > 0 {
                self.unlisted += 1;
            } else {
                self.field(path, message);
            }
        }
    }

    /// Something about the whole.
    pub fn form(&mut self, message: impl Into<String>) {
        self.form.push(message.into());
    }

    /// Adds all of another's.
    pub fn append(&mut self, other: Self) {
        self.fields.extend(other.fields);
        self.form.extend(other.form);
        self.unlisted += other.unlisted;
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.form.is_empty()
    }

    /// `value` when nothing is wrong, else the error.
    pub fn or<T>(self, code: ErrorCode, value: T) -> ApiResult<T> {
        if self.is_empty() { Ok(value) } else { Err(ApiError::validation(code, self)) }
    }
}
