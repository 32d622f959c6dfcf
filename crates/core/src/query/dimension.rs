//! Columns and properties by which events are filtered and grouped.

use std::str::FromStr;

use crate::column::Column;

/// The name of a top-level property: 1–128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PropertyName(String);

impl PropertyName {
    /// `None` if the name is empty or longer than 128 bytes.
    pub fn new(name: &str) -> Option<Self> {
        (1..=128).contains(&name.len()).then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a response can be grouped by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// A column of the row.
    Column(Column),
    /// `properties.<name>`: strings as they are, other values as their JSON text, absent and
    /// `null` as no value.
    Property(PropertyName),
}

/// The text is not the name of something to group by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a column to group by")]
pub struct UnknownDimension(pub String);

impl Dimension {
    /// The names that a client may use, as an error lists them.
    pub fn allowed() -> impl Iterator<Item = &'static str> {
        Column::groupable().map(Column::as_str).chain(["properties.<name>"])
    }

    /// The name, which is also the key in the response's rows.
    pub fn name(&self) -> String {
        match self {
            Self::Column(column) => column.as_str().to_owned(),
            Self::Property(name) => format!("properties.{}", name.as_str()),
        }
    }
}

impl FromStr for Dimension {
    type Err = UnknownDimension;

    fn from_str(text: &str) -> Result<Self, UnknownDimension> {
        let unknown = || UnknownDimension(text.chars().take(80).collect());
        if let Some(name) = text.strip_prefix("properties.") {
            return PropertyName::new(name).map(Self::Property).ok_or_else(unknown);
        }
        Column::groupable().find(|column| column.as_str() == text).map(Self::Column).ok_or_else(unknown)
    }
}

/// Selects events whose column has exactly this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The column.
    pub column: Column,
    /// The value, as it is stored.
    pub value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_read_by_name() {
        for name in Dimension::allowed().filter(|name| !name.starts_with("properties.")) {
            assert_eq!(name.parse::<Dimension>().unwrap().name(), *name);
        }
        assert_eq!("properties.plan".parse::<Dimension>().unwrap().name(), "properties.plan");
        for name in ["", "user_id", "properties.", "Source", "ip_hash"] {
            assert!(name.parse::<Dimension>().is_err(), "{name}");
        }
    }
}
