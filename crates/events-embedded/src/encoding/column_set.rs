//! A set of text columns, as one bit for each.

use millimetric_core::column::Column;

/// A set of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ColumnSet(u32);

impl ColumnSet {
    pub(crate) const ALL: Self = Self((1 << Column::COUNT) - 1);

    #[must_use]
    pub(crate) const fn with(self, column: Column) -> Self {
        Self(self.0 | 1 << column as u8)
    }

    #[must_use]
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn contains(self, column: Column) -> bool {
        self.0 & (1 << column as u8) != 0
    }
}

impl FromIterator<Column> for ColumnSet {
    fn from_iter<I: IntoIterator<Item = Column>>(columns: I) -> Self {
        columns.into_iter().fold(Self::default(), Self::with)
    }
}
