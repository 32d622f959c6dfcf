//! Selects the rows of a span that are in the time range, pass the filters and are not hidden by a
//! tombstone.

pub(crate) mod row_filter;

use std::sync::Arc;

use millimetric_core::query::Filter;

use crate::columns::rows::Rows;
use crate::encoding::times::Times;
use crate::query::run::Span;
use crate::query::select::row_filter::RowFilter;
use crate::query::view::View;
use millimetric_events::StoreError;

/// Selected rows, with the times of the chunk.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) times: Arc<Times>,
    /// Whether the times ascend.
    pub(crate) sorted: bool,
    pub(crate) rows: Rows,
}

impl Selection {
    /// Keeps the rows of a time range.
    pub(crate) fn within(self, range: &std::ops::Range<i64>) -> Self {
        let rows = match self.rows {
            Rows::Span(rows) if self.sorted => {
                let start = self.times.first_from(rows.clone(), range.start);
                Rows::Span(start..self.times.first_from(start..rows.end, range.end))
            }
            rows => rows.retain(|row| range.contains(&self.times.at(row))),
        };
        Self { rows, ..self }
    }
}

/// Returns the selected rows of the span; `None` if there are none.
pub(crate) fn select(
    view: &View,
    span: &Span<'_>,
    filters: &[Filter],
) -> Result<Option<Selection>, StoreError> {
    let columns = &view.columns;
    let filter = RowFilter::of(view, span.chunk, filters)?;
    if filter.is_never() {
        return Ok(None);
    }
    let times = columns.times(span.chunk)?;
    let mut rows = filter.retain(in_range(view, span, &times));
    if rows.len() > 0
        && let Some(marks) = view.tombstones.marks(columns, span.chunk)?
    {
        rows = rows.retain(|row| marks[row] == 0);
    }
    Ok((rows.len() > 0).then_some(Selection { times, sorted: span.chunk.sorted(), rows }))
}

fn in_range(view: &View, span: &Span<'_>, times: &Times) -> Rows {
    let rows = span.rows.clone();
    if view.from <= span.chunk.earliest() && span.chunk.latest() < view.to {
        return Rows::Span(rows);
    }
    if span.chunk.sorted() {
        let start = times.first_from(rows.clone(), view.from);
        return Rows::Span(start..times.first_from(start..rows.end, view.to));
    }
    Rows::Span(rows).retain(|row| (view.from..view.to).contains(&times.at(row)))
}
