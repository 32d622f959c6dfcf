//! A string, or an integer in its place: Segment's libraries accept numbers as ids and send them as they are.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A string as it was sent, or the digits of an integer.
#[derive(Debug, Clone)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    pub(super) fn into_string(self) -> String {
        self.0.into_owned()
    }

    pub(super) fn into_cow(self) -> Cow<'a, str> {
        self.0
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringOrInteger;

        impl<'de> Visitor<'de> for StringOrInteger {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an integer")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
        }

        deserializer.deserialize_any(StringOrInteger)
    }
}

/// Text with something in it: libraries send empty strings for what they do not know.
pub(super) fn filled(text: Option<Text<'_>>) -> Option<String> {
    text.filter(|text| !text.0.is_empty()).map(Text::into_string)
}
