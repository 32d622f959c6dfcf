//! What a query reads of each event.

use millimetric_core::column::Column;
use millimetric_core::query::{Dimension, Filter};

use super::row::ColumnSet;

/// The columns that sessions are computed from.
const OF_SESSIONS: [Column; 6] = [
    Column::EventName,
    Column::AnonymousId,
    Column::SessionId,
    Column::Source,
    Column::SourceRuleId,
    Column::Path,
];

/// What a query reads of each event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    pub(crate) columns: ColumnSet,
    /// Whether it needs the sessions of the events.
    pub(crate) sessions: bool,
}

impl Needs {
    /// Nothing but these columns.
    pub(crate) fn of(columns: impl IntoIterator<Item = Column>) -> Self {
        let mut needs = Self::default();
        for column in columns {
            needs.columns.add(column);
        }
        needs
    }

    /// All columns.
    pub(crate) fn everything() -> Self {
        Self { columns: ColumnSet::ALL, sessions: false }
    }

    /// Also sessions.
    #[must_use]
    pub(crate) fn with_sessions(mut self) -> Self {
        self.sessions = true;
        for column in OF_SESSIONS {
            self.columns.add(column);
        }
        self
    }

    /// Also what these filters are about.
    #[must_use]
    pub(crate) fn with_filters(mut self, filters: &[Filter]) -> Self {
        let mut columns = Vec::new();
        for filter in filters {
            filter.each_condition(&mut |condition| columns.push(&condition.column));
        }
        for column in columns {
            self = self.with_dimension(column);
        }
        self
    }

    /// Also these columns.
    #[must_use]
    pub(crate) fn with_dimensions<'a>(self, dimensions: impl IntoIterator<Item = &'a Dimension>) -> Self {
        dimensions.into_iter().fold(self, Self::with_dimension)
    }

    fn with_dimension(mut self, dimension: &Dimension) -> Self {
        match dimension {
            Dimension::Column(column) => self.columns.add(*column),
            Dimension::Derived(column) => self.columns.add(column.column()),
            Dimension::Property(_) | Dimension::Currency(_) => self.columns.add(Column::Properties),
            Dimension::Session(column) => {
                self = self.with_sessions();
                self.columns.add(column.column());
            }
        }
        self
    }
}
