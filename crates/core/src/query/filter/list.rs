//! A list of filters, as it is sent and stored: JSON of bounded size.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::{Filter, read, write};

/// Filters that must all hold, as JSON: `[["is","country",["DE","AT"]],["contains","path",["/blog"]]]`.
///
/// At most [`MAX_CONDITIONS`](Self::MAX_CONDITIONS) conditions in all, of at most
/// [`MAX_VALUES`](Self::MAX_VALUES) values each, under at most [`MAX_DEPTH`](Self::MAX_DEPTH) combinators, and at
/// most [`MAX_BYTES`](Self::MAX_BYTES) bytes of text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilterList(Vec<Filter>);

/// The JSON is no list of filters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at} {problem}")]
pub struct FilterError {
    /// Where: `filters[1][2]`.
    pub at: String,
    /// What would be right there, as the rest of a sentence that begins with the position.
    pub problem: String,
}

impl FilterList {
    /// The most conditions, at all levels together.
    pub const MAX_CONDITIONS: usize = 32;
    /// The most values of a condition.
    pub const MAX_VALUES: usize = 100;
    /// Longest value, in characters.
    pub const MAX_VALUE: usize = 2048;
    /// The most combinators (`and`, `or`, `not`) around a condition.
    pub const MAX_DEPTH: usize = 4;
    /// Longest list, in bytes of JSON.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// A list that is right.
    pub const EXAMPLE: &str = r#"[["is","country",["DE","AT"]],["contains","path",["/blog"]]]"#;

    /// Reads a list; a text must be the JSON of one. `null` is an empty list.
    ///
    /// # Errors
    /// The first position that is wrong.
    pub fn from_json(value: &Value) -> Result<Self, FilterError> {
        let filters = match value {
            Value::Null => return Ok(Self::default()),
            Value::String(text) => return text.parse(),
            value => read::list(value)?,
        };
        let list = Self(filters);
        // Normalised paths can be longer than what was sent.
        if list.to_string().len() > Self::MAX_BYTES {
            return Err(too_long());
        }
        Ok(list)
    }

    /// The filters.
    pub fn as_slice(&self) -> &[Filter] {
        &self.0
    }

    /// The filters.
    pub fn into_vec(self) -> Vec<Filter> {
        self.0
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The list in its canonical form, which reads back as the same list.
    pub fn to_json(&self) -> Value {
        write::list(&self.0)
    }
}

fn too_long() -> FilterError {
    let problem = format!("must be at most {} bytes of JSON", FilterList::MAX_BYTES);
    FilterError { at: read::ROOT.to_owned(), problem }
}

impl FromStr for FilterList {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        if text.len() > Self::MAX_BYTES {
            return Err(too_long());
        }
        match serde_json::from_str(text) {
            // A text inside of the text would be read again, and again.
            Ok(value @ Value::Array(_)) => Self::from_json(&value),
            _ => Err(FilterError {
                at: read::ROOT.to_owned(),
                problem: format!("must be a JSON list of conditions, like {}", Self::EXAMPLE),
            }),
        }
    }
}

impl fmt::Display for FilterList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_json().fmt(f)
    }
}
