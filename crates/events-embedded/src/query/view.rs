//! A consistent view for one query: the chunks of its scope and time range, and the tombstones. Later writes
//! do not change it.

use std::sync::Arc;

use millimetric_core::query::{Dimension, Filter, Metric, StatsQuery};
use millimetric_core::time::TimeRange;

use crate::columns::Chunk;
use crate::columns::Columns;
use crate::columns::visitor_table::VisitorTable;
use crate::encoding::column_set::ColumnSet;
use crate::state::State;
use crate::state::scope::Scope;
use crate::state::tombstones::Tombstones;
use millimetric_core::column::Column;

/// The limits of what one query counts exactly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryLimits {
    /// Groups that are counted separately; the rest are counted together.
    pub(crate) groups: usize,
    /// Distinct visitors that are counted exactly; more are estimated.
    pub(crate) exact_visitors: usize,
}

/// The rows that a query can read.
pub(crate) struct View {
    pub(crate) columns: Arc<Columns>,
    pub(crate) limits: QueryLimits,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) visitors: Arc<VisitorTable>,
    pub(crate) tombstones: Tombstones,
    /// Start of the time range, inclusive, in milliseconds since 1970.
    pub(crate) from: i64,
    /// End of the time range, exclusive.
    pub(crate) to: i64,
}

impl View {
    /// Returns a view of the scope's rows in the range, with these columns.
    pub(crate) fn of(state: &State, scope: &Scope, range: TimeRange, fields: ColumnSet) -> Self {
        let live = scope.data.read();
        let tombstones = live.tombstones.clone();
        let fields = if tombstones.people.is_empty() {
            fields
        } else {
            fields.with(Column::UserId).with(Column::AnonymousId)
        };
        let from = range.from().millis().max(tombstones.retention_watermark);
        let to = range.to().millis();
        let chunks = if from < to { live.chunks(from, to, fields) } else { Vec::new() };
        drop(live);
        let limits =
            QueryLimits { groups: state.options.query_groups, exact_visitors: state.options.exact_visitors };
        state.scopes.limit_visitors(2 * limits.exact_visitors, scope);
        Self {
            columns: Arc::clone(&state.columns),
            limits,
            chunks,
            visitors: scope.visitors(limits.exact_visitors),
            tombstones,
            from,
            to,
        }
    }
}

/// The columns of filters.
pub(crate) fn filtered(filters: &[Filter]) -> ColumnSet {
    filters.iter().map(|filter| filter.column).collect()
}

/// The columns that sessions are computed from, and those of the filters on their entries.
pub(crate) fn of_sessions(filters: &[Filter]) -> ColumnSet {
    let fields = [Column::EventName, Column::AnonymousId, Column::SessionId, Column::Path];
    filtered(filters).union(fields.into_iter().collect())
}

/// The columns of groups.
pub(crate) fn grouped(group_by: &[Dimension]) -> ColumnSet {
    let field = |dimension: &Dimension| match dimension {
        Dimension::Column(column) => *column,
        Dimension::Property(_) => Column::Properties,
    };
    group_by.iter().map(field).collect()
}

/// The columns of a `stats` query.
pub(crate) fn counted(query: &StatsQuery) -> ColumnSet {
    let fields = filtered(&query.filters).union(grouped(&query.group_by));
    match query.metric {
        Metric::Count => fields,
        Metric::Uniques => fields.with(Column::AnonymousId),
        Metric::Sum(_) | Metric::Avg(_) => fields.with(Column::Properties),
    }
}
