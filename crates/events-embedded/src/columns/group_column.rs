//! The columns that rows are grouped by, and the cache key of group summaries.

use std::sync::Arc;

use millimetric_core::column::{Column, DerivedColumn, SessionColumn};
use millimetric_core::query::Dimension;

/// A column of events or sessions, or a property, that rows are grouped by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum GroupColumn {
    Column(Column),
    Session(SessionColumn),
    Derived(DerivedColumn),
    Property(Arc<str>),
    /// The currency in the property `currency`, else this one.
    Currency(Option<&'static str>),
}

impl From<&Dimension> for GroupColumn {
    fn from(dimension: &Dimension) -> Self {
        match dimension {
            Dimension::Column(column) => Self::Column(*column),
            Dimension::Session(column) => Self::Session(*column),
            Dimension::Derived(column) => Self::Derived(*column),
            Dimension::Property(name) => Self::Property(Arc::from(name.as_str())),
            Dimension::Currency(otherwise) => Self::Currency(*otherwise),
        }
    }
}

/// The cache key of a summary: the counts of the groups of a whole chunk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SummaryKey {
    pub(crate) by: Vec<GroupColumn>,
    /// The name of the events that are counted; all if absent.
    pub(crate) event: Option<String>,
    /// The generation of the visitor table, if visitors are counted.
    pub(crate) visitors: Option<u64>,
}

impl SummaryKey {
    /// Heap memory in bytes; its texts come from the query.
    pub(crate) fn bytes(&self) -> usize {
        let of_dimension = |by: &GroupColumn| match by {
            GroupColumn::Column(_)
            | GroupColumn::Session(_)
            | GroupColumn::Derived(_)
            | GroupColumn::Currency(_) => size_of::<GroupColumn>(),
            GroupColumn::Property(name) => size_of::<GroupColumn>() + name.len(),
        };
        self.by.iter().map(of_dimension).sum::<usize>() + self.event.as_ref().map_or(0, String::len)
    }
}
