//! The columns that rows are grouped by, and the cache key of group summaries.

use std::sync::Arc;

use millimetric_core::query::Dimension;
use millimetric_events::StoreError;

use super::{Chunk, Columns};
use crate::encoding::text::TextColumn;
use millimetric_core::column::Column;

/// A column or property that rows are grouped by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum GroupColumn {
    Column(Column),
    Property(Arc<str>),
}

impl From<&Dimension> for GroupColumn {
    fn from(dimension: &Dimension) -> Self {
        match dimension {
            Dimension::Column(column) => Self::Column(*column),
            Dimension::Property(name) => Self::Property(Arc::from(name.as_str())),
        }
    }
}

impl GroupColumn {
    pub(crate) fn column(&self, columns: &Columns, chunk: &Chunk) -> Result<Arc<TextColumn>, StoreError> {
        match self {
            Self::Column(column) => columns.text(chunk, *column),
            Self::Property(name) => columns.property(chunk, name),
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
            GroupColumn::Column(_) => size_of::<GroupColumn>(),
            GroupColumn::Property(name) => size_of::<GroupColumn>() + name.len(),
        };
        self.by.iter().map(of_dimension).sum::<usize>() + self.event.as_ref().map_or(0, String::len)
    }
}
