//! Columns and properties by which events are filtered and grouped.

use std::str::FromStr;

use crate::column::{Column, DerivedColumn, FilterInfo, SessionColumn};

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

/// What events can be filtered or grouped by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// A column of the row.
    Column(Column),
    /// A column of the session that the event belongs to.
    Session(SessionColumn),
    /// A column that is read out of a stored URL.
    Derived(DerivedColumn),
    /// `properties.<name>`: strings as they are, other values as their JSON text, absent and
    /// `null` as no value.
    Property(PropertyName),
    /// `currency`: the code of a currency in the property `currency`, else this one. Queries for money are
    /// grouped by it; clients cannot ask for it.
    Currency(Option<&'static str>),
}

/// The text is not the name of something to group by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a column to group by")]
pub struct UnknownDimension(pub String);

impl Dimension {
    /// The names that a client may use, as an error lists them.
    pub fn allowed() -> impl Iterator<Item = &'static str> {
        let session = SessionColumn::ALL.into_iter().map(SessionColumn::as_str);
        let derived = DerivedColumn::ALL.into_iter().map(DerivedColumn::as_str);
        Column::groupable().map(Column::as_str).chain(session).chain(derived).chain(["properties.<name>"])
    }

    /// The columns that conditions can be about, as an error lists them.
    pub fn in_conditions() -> impl Iterator<Item = &'static str> {
        let session = SessionColumn::ALL.into_iter().map(SessionColumn::as_str);
        let derived = DerivedColumn::ALL.into_iter().map(DerivedColumn::as_str);
        Column::in_conditions().map(Column::as_str).chain(session).chain(derived).chain(["properties.<name>"])
    }

    /// What a condition is about: a column by its name, or by the name of its query parameter.
    pub fn of_condition(name: &str) -> Option<Self> {
        let is_named = |column: &Column| column.as_str() == name || column.filter_parameter() == name;
        let column = Column::in_conditions().find(is_named).map(Self::Column);
        column.or_else(|| Self::computed(name))
    }

    /// A column that is not stored, or a property.
    fn computed(name: &str) -> Option<Self> {
        if let Some(name) = name.strip_prefix("properties.") {
            return PropertyName::new(name).map(Self::Property);
        }
        let session = SessionColumn::ALL.into_iter().find(|column| column.as_str() == name);
        let derived = || DerivedColumn::ALL.into_iter().find(|column| column.as_str() == name);
        session.map(Self::Session).or_else(|| derived().map(Self::Derived))
    }

    /// What queries can filter by, each with its query parameter.
    pub fn filters() -> impl Iterator<Item = (Self, FilterInfo)> {
        let of_column = |column: Column| Some((Self::Column(column), column.info().filter?));
        let of_session = |column: SessionColumn| {
            let (parameter, description) = (column.as_str(), column.filter_description());
            (Self::Session(column), FilterInfo { parameter, description })
        };
        let session = SessionColumn::ALL.into_iter().map(of_session);
        Column::filterable().filter_map(of_column).chain(session)
    }

    /// What a query parameter filters by.
    pub fn of_filter(parameter: &str) -> Option<Self> {
        Self::filters().find(|(_, filter)| filter.parameter == parameter).map(|(dimension, _)| dimension)
    }

    /// The query parameter that filters by it; none if queries cannot.
    pub fn filter_parameter(&self) -> Option<&'static str> {
        match self {
            Self::Column(column) => Some(column.filter_parameter()),
            Self::Session(column) => Some(column.as_str()),
            Self::Derived(_) | Self::Property(_) | Self::Currency(_) => None,
        }
    }

    /// Its name on a page; empty if no page names it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Column(column) => column.info().label,
            Self::Session(column) => column.label(),
            Self::Derived(column) => column.label(),
            Self::Property(_) | Self::Currency(_) => "",
        }
    }

    /// Whether its values are paths of pages.
    pub fn holds_paths(&self) -> bool {
        match self {
            Self::Column(column) => *column == Column::Path,
            Self::Session(column) => column.column() == Column::Path,
            Self::Derived(_) | Self::Property(_) | Self::Currency(_) => false,
        }
    }

    /// Whether it may name one visitor, user or session.
    pub const fn is_personal(&self) -> bool {
        match self {
            Self::Column(column) => column.info().personal,
            Self::Session(_) | Self::Derived(_) | Self::Currency(_) => false,
            Self::Property(_) => true,
        }
    }

    /// The name, which is also the key in the response's rows.
    pub fn name(&self) -> String {
        match self {
            Self::Column(column) => column.as_str().to_owned(),
            Self::Session(column) => column.as_str().to_owned(),
            Self::Derived(column) => column.as_str().to_owned(),
            Self::Property(name) => format!("properties.{}", name.as_str()),
            Self::Currency(_) => "currency".to_owned(),
        }
    }
}

impl From<Column> for Dimension {
    fn from(column: Column) -> Self {
        Self::Column(column)
    }
}

impl From<SessionColumn> for Dimension {
    fn from(column: SessionColumn) -> Self {
        Self::Session(column)
    }
}

impl From<DerivedColumn> for Dimension {
    fn from(column: DerivedColumn) -> Self {
        Self::Derived(column)
    }
}

impl FromStr for Dimension {
    type Err = UnknownDimension;

    fn from_str(text: &str) -> Result<Self, UnknownDimension> {
        let unknown = || UnknownDimension(text.chars().take(80).collect());
        let column = Column::groupable().find(|column| column.as_str() == text).map(Self::Column);
        column.or_else(|| Self::computed(text)).ok_or_else(unknown)
    }
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
