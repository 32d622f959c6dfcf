//! The members of a JSON object that have a name that is known; all others are skipped without parsing them.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Known members, taken one by one; of repeated members the last counts. Borrows from the text:
/// nothing is copied before it is taken.
pub(super) struct Fields<'a> {
    names: &'static [&'static str],
    values: Vec<Option<&'a RawValue>>,
    path: String,
    /// What is wrong so far: paths and messages.
    pub(super) wrong: Vec<(String, String)>,
}

impl<'a> Fields<'a> {
    /// The members of an object at a path; none when it is no object.
    pub(super) fn of(raw: &'a RawValue, path: &str, names: &'static [&'static str]) -> Option<Self> {
        let values = Members(names).deserialize(&mut serde_json::Deserializer::from_str(raw.get())).ok()?;
        Some(Self { names, values, path: path.to_owned(), wrong: Vec::new() })
    }

    /// Where a member stands.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A member's JSON; `null` counts as absent.
    pub(super) fn raw(&mut self, name: &str) -> Option<&'a RawValue> {
        let index = self.names.iter().position(|known| *known == name)?;
        self.values[index].take().filter(|raw| raw.get() != "null")
    }

    /// A member's value; what it should have been is noted when it is another.
    pub(super) fn take<T: Deserialize<'a>>(&mut self, name: &str, expected: &str) -> Option<T> {
        let raw = self.raw(name)?;
        let read = serde_json::from_str(raw.get());
        read.map_err(|_| self.wrong.push((self.path_of(name), format!("must be {expected}")))).ok()
    }
}

/// Reads an object into one value for each name.
struct Members(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Vec<Option<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![None; self.0.len()];
        while let Some(known) = map.next_key_seed(Name(self.0))? {
            match known {
                Some(index) => values[index] = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(values)
    }
}

/// Reads a member's name into its index among the names that are known.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|known| *known == name))
    }
}
