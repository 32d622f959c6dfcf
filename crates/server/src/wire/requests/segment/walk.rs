//! A JSON text that is read value by value: each element of a large array is parsed once, and its length
//! is known.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Error};

use crate::error::{ApiError, ErrorCode};

/// A position in a text.
pub(super) struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The offset in bytes of whatever comes next.
    pub(super) fn position(&mut self) -> usize {
        self.at = self.text.len() - self.rest().len();
        self.at
    }

    /// Reads a value and goes behind it; stays where it is if that is not a `T`.
    pub(super) fn value<T: Deserialize<'a>>(&mut self) -> Result<T, Error> {
        let mut values = Deserializer::from_str(&self.text[self.at..]).into_iter();
        let read = values.next().unwrap_or_else(|| Err(serde::de::Error::custom("the text ends")))?;
        self.at += values.byte_offset();
        Ok(read)
    }

    /// Reads any value; the error says that the text is not JSON.
    pub(super) fn raw(&mut self) -> Result<&'a RawValue, ApiError> {
        self.value().map_err(|_| self.not_json())
    }

    /// Goes behind this character, if it is the next one.
    pub(super) fn token(&mut self, character: char) -> bool {
        let rest = self.rest().strip_prefix(character);
        if let Some(rest) = rest {
            self.at = self.text.len() - rest.len();
        }
        rest.is_some()
    }

    /// Goes behind this character; the error says that the text is not JSON.
    pub(super) fn expect(&mut self, character: char) -> Result<(), ApiError> {
        if self.token(character) { Ok(()) } else { Err(self.not_json()) }
    }

    /// The error for a text that has more than one value.
    pub(super) fn end(&mut self) -> Result<(), ApiError> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.not_json()) }
    }

    /// The error for a text that is not JSON from here on.
    pub(super) fn not_json(&mut self) -> ApiError {
        let at = self.position();
        let message = format!("the body is not valid JSON (at or after byte {at})");
        ApiError::form(ErrorCode::InvalidPayload, message)
    }

    fn rest(&self) -> &'a str {
        self.text[self.at..].trim_start_matches([' ', '\n', '\r', '\t'])
    }
}
