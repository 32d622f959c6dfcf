//! What one query sees: the chunks of its scope and range at one event, and what is hidden
//! in them. Later writes do not change it.

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

/// What one query may count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryLimits {
    /// Groups that are counted separately; the rest are counted together.
    pub(crate) groups: usize,
    /// Distinct visitors that are counted exactly; more are estimated.
    pub(crate) exact_visitors: usize,
}

/// The rows that a query may look at.
pub(crate) struct View {
    pub(crate) columns: Arc<Columns>,
    pub(crate) limits: QueryLimits,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) visitors: Arc<VisitorTable>,
    pub(crate) tombstones: Tombstones,
    /// Inclusive; milliseconds.
    pub(crate) from: i64,
    /// Exclusive; milliseconds.
    pub(crate) to: i64,
}

impl View {
    /// The scope's rows in the range, with these fields.
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

/// The fields that filters look at.
pub(crate) fn filtered(filters: &[Filter]) -> ColumnSet {
    filters.iter().map(|filter| filter.column).collect()
}

/// The fields that sessions are made of, and those of filters on how they begin.
pub(crate) fn of_sessions(filters: &[Filter]) -> ColumnSet {
    let fields = [Column::EventName, Column::AnonymousId, Column::SessionId, Column::Path];
    filtered(filters).union(fields.into_iter().collect())
}

/// The fields that groups are made of.
pub(crate) fn grouped(group_by: &[Dimension]) -> ColumnSet {
    let field = |dimension: &Dimension| match dimension {
        Dimension::Column(column) => *column,
        Dimension::Property(_) => Column::Properties,
    };
    group_by.iter().map(field).collect()
}

/// The fields that a query about numbers looks at.
pub(crate) fn counted(query: &StatsQuery) -> ColumnSet {
    let fields = filtered(&query.filters).union(grouped(&query.group_by));
    match query.metric {
        Metric::Count => fields,
        Metric::Uniques => fields.with(Column::AnonymousId),
        Metric::Sum(_) | Metric::Avg(_) => fields.with(Column::Properties),
    }
}
