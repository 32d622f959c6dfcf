//! What one query sees: the chunks of its scope and range at one moment, and what is hidden
//! in them. Later writes do not change it.

use std::sync::Arc;

use millimetric_core::query::{Dimension, Filter, Metric, StatsQuery};
use millimetric_core::time::TimeRange;

use super::columns::Chunk;
use super::field::{Field, FieldSet};
use super::hiding::Hiding;
use super::scope::Scope;
use super::shared::Shared;
use super::visitors::VisitorTable;

/// The rows that a query may look at.
pub(super) struct View {
    pub(super) shared: Arc<Shared>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) visitors: Arc<VisitorTable>,
    pub(super) hiding: Hiding,
    /// Inclusive; milliseconds.
    pub(super) from: i64,
    /// Exclusive; milliseconds.
    pub(super) to: i64,
}

impl View {
    /// The scope's rows in the range, with these fields.
    pub(super) fn of(shared: &Arc<Shared>, scope: &Scope, range: TimeRange, fields: FieldSet) -> Self {
        let live = scope.live.read();
        let hiding = live.hiding.clone();
        let fields = if hiding.people.is_empty() {
            fields
        } else {
            fields.with(Field::UserId).with(Field::AnonymousId)
        };
        let from = range.from().millis().max(hiding.floor);
        let to = range.to().millis();
        let chunks = if from < to { live.chunks(from, to, fields) } else { Vec::new() };
        drop(live);
        shared.scopes.limit_visitors(2 * shared.options.exact_visitors, scope);
        Self {
            shared: Arc::clone(shared),
            chunks,
            visitors: scope.visitors(shared.options.exact_visitors),
            hiding,
            from,
            to,
        }
    }
}

/// The fields that filters look at.
pub(super) fn filtered(filters: &[Filter]) -> FieldSet {
    filters.iter().map(|filter| Field::from(filter.column)).collect()
}

/// The fields that sessions are made of, and those of filters on how they begin.
pub(super) fn of_sessions(filters: &[Filter]) -> FieldSet {
    let fields = [Field::EventName, Field::AnonymousId, Field::SessionId, Field::Path];
    filtered(filters).union(fields.into_iter().collect())
}

/// The fields that groups are made of.
pub(super) fn grouped(group_by: &[Dimension]) -> FieldSet {
    let field = |dimension: &Dimension| match dimension {
        Dimension::Column(column) => Field::from(*column),
        Dimension::Property(_) => Field::Properties,
    };
    group_by.iter().map(field).collect()
}

/// The fields that a query about numbers looks at.
pub(super) fn counted(query: &StatsQuery) -> FieldSet {
    let fields = filtered(&query.filters).union(grouped(&query.group_by));
    match query.metric {
        Metric::Count => fields,
        Metric::Uniques => fields.with(Field::AnonymousId),
        Metric::Sum(_) | Metric::Avg(_) => fields.with(Field::Properties),
    }
}
