//! Values that query strings and JSON write differently: numbers, yes and no, and lists.

use serde::Deserialize;

/// A number: `10` in a query string, `10` or `"10"` in JSON. Nothing but its syntax is checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "must be a number, like 10")]
pub enum NumberParam {
    /// A text, which may be no number.
    Text(String),
    /// A JSON number.
    Number(serde_json::Number),
}

impl NumberParam {
    /// The whole number, if it is one and not negative.
    pub(in crate::wire) fn whole(&self) -> Option<u64> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => number.as_u64(),
        }
    }
}

/// Yes or no: `true` in a query string, `true` or `"true"` in JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "must be true or false")]
pub enum FlagParam {
    /// A text, which may be neither.
    Text(String),
    /// A JSON boolean.
    Flag(bool),
}

impl FlagParam {
    /// Whether it is `true`; `None` if it is neither.
    pub(in crate::wire) fn is_true(&self) -> Option<bool> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Flag(flag) => Some(*flag),
        }
    }
}

/// A list of texts: one text with commas between, or a JSON array, whose texts may contain commas.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "must be a list of texts, or one text with commas")]
pub enum ListParam {
    /// Texts with commas between; spaces around them are ignored.
    Commas(String),
    /// The texts.
    Array(Vec<String>),
}

impl ListParam {
    /// The texts, in their order.
    pub(in crate::wire) fn texts(&self) -> impl Iterator<Item = &str> {
        let (commas, array) = match self {
            Self::Commas(text) => (Some(text.split(',').map(str::trim)), [].iter()),
            Self::Array(texts) => (None, texts.iter()),
        };
        commas.into_iter().flatten().chain(array.map(String::as_str))
    }
}
