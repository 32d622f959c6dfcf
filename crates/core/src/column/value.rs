//! How the types of columns become texts and are read back.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use url::Url;

use crate::properties;
use crate::values::{Country, IpHash, Word};

/// A value of a text column.
pub trait ColumnValue {
    /// Whether there may be no value.
    const OPTIONAL: bool = false;

    /// The text as it is stored; `None` if there is no value.
    fn as_text(&self) -> Option<&str>;

    /// The value of a stored text. Texts that another release stored may be unknown here.
    fn from_text(text: Option<&str>) -> Self;
}

impl ColumnValue for String {
    fn as_text(&self) -> Option<&str> {
        Some(self)
    }

    fn from_text(text: Option<&str>) -> Self {
        text.unwrap_or_default().to_owned()
    }
}

impl ColumnValue for Option<String> {
    const OPTIONAL: bool = true;

    fn as_text(&self) -> Option<&str> {
        self.as_deref()
    }

    fn from_text(text: Option<&str>) -> Self {
        text.map(str::to_owned)
    }
}

impl ColumnValue for Cow<'static, str> {
    fn as_text(&self) -> Option<&str> {
        Some(self)
    }

    fn from_text(text: Option<&str>) -> Self {
        Cow::Owned(text.unwrap_or_default().to_owned())
    }
}

impl ColumnValue for Country {
    fn as_text(&self) -> Option<&str> {
        Some(self.as_str())
    }

    fn from_text(text: Option<&str>) -> Self {
        text.unwrap_or_default().parse().unwrap_or(Self::UNKNOWN)
    }
}

impl ColumnValue for IpHash {
    fn as_text(&self) -> Option<&str> {
        Some(self.as_str())
    }

    fn from_text(text: Option<&str>) -> Self {
        text.unwrap_or_default().parse().unwrap_or_default()
    }
}

impl<T: Word + Default> ColumnValue for T {
    fn as_text(&self) -> Option<&str> {
        Some(self.word())
    }

    fn from_text(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default();
        T::ALL.iter().copied().find(|value| value.word() == text).unwrap_or_default()
    }
}

pub(super) fn check_word<T: Word>(text: &str) -> Result<String, String> {
    if T::ALL.iter().any(|value| value.word() == text) {
        return Ok(text.to_owned());
    }
    let words: Vec<_> = T::ALL.iter().map(|value| value.word()).filter(|word| !word.is_empty()).collect();
    Err(format!("must be one of {}, or empty", words.join(", ")))
}

pub(super) fn check_country(text: &str) -> Result<String, String> {
    text.parse::<Country>().map(|country| country.to_string()).map_err(|error| error.to_string())
}

pub(super) fn check_hash(text: &str) -> Result<String, String> {
    text.parse::<IpHash>().map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

pub(super) fn check_url(text: &str) -> Result<String, String> {
    let is_absolute =
        Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_absolute { Ok(text.to_owned()) } else { Err("must be an absolute http or https URL".to_owned()) }
}

pub(super) fn check_properties(text: &str) -> Result<String, String> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| format!("must be a JSON object: {error}"))?;
    properties::compact(text).map_err(|error| error.to_string())
}
