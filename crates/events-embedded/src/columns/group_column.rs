//! The columns that rows are grouped by, and the key of what is cached of their groups.

use std::sync::Arc;

use millimetric_core::query::Dimension;
use millimetric_events::StoreError;

use super::{Chunk, Columns};
use crate::encoding::text::TextColumn;
use millimetric_core::column::Column;

/// What rows are grouped by.
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

/// What a summary is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SummaryKey {
    pub(crate) by: Vec<GroupColumn>,
    /// The only event that counts.
    pub(crate) event: Option<String>,
    /// The table of the visitors' numbers, where visitors are counted.
    pub(crate) visitors: Option<u64>,
}

impl SummaryKey {
    /// Bytes of its texts, which come from the query.
    pub(crate) fn bytes(&self) -> usize {
        let of_dimension = |by: &GroupColumn| match by {
            GroupColumn::Column(_) => size_of::<GroupColumn>(),
            GroupColumn::Property(name) => size_of::<GroupColumn>() + name.len(),
        };
        self.by.iter().map(of_dimension).sum::<usize>() + self.event.as_ref().map_or(0, String::len)
    }
}
