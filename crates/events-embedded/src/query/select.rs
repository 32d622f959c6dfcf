//! Selects the rows of a span that are in the time range, pass the filters and are not hidden by a
//! tombstone.

use std::sync::Arc;

use millimetric_core::query::Filter;

use crate::columns::Chunk;
use crate::columns::group_column::GroupColumn;
use crate::columns::rows::Rows;
use crate::encoding::text::{TextColumn, with_codes};
use crate::encoding::times::Times;
use crate::query::run::Span;
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

/// Returns the selected rows of the span; `None` if there are none.
pub(crate) fn select(
    view: &View,
    span: &Span<'_>,
    filters: &[Filter],
) -> Result<Option<Selection>, StoreError> {
    let columns = &view.columns;
    let FilterCodes(Some(conditions)) = FilterCodes::of(view, span.chunk, filters)? else {
        return Ok(None);
    };
    let times = columns.times(span.chunk)?;
    let mut rows = in_range(view, span, &times);
    for (column, code) in &conditions {
        rows = with_codes!(&column.codes, |codes| rows.holding(codes, *code));
    }
    if rows.len() > 0
        && let Some(marks) = view.tombstones.marks(columns, span.chunk)?
    {
        rows = rows.retain(|row| marks[row] == 0);
    }
    Ok((rows.len() > 0).then_some(Selection { times, sorted: span.chunk.sorted(), rows }))
}

/// Filters as codes of a chunk's dictionaries; `None` if one of the values does not occur in the chunk.
#[derive(Debug)]
pub(crate) struct FilterCodes(Option<Vec<(Arc<TextColumn>, u32)>>);

impl FilterCodes {
    pub(crate) fn of<'a>(
        view: &View,
        chunk: &Chunk,
        filters: impl IntoIterator<Item = &'a Filter>,
    ) -> Result<Self, StoreError> {
        let mut conditions = Vec::new();
        for filter in filters {
            let column = view.column(chunk, &GroupColumn::from(&filter.column))?;
            let Some(code) = column.dictionary.find(&filter.value) else { return Ok(Self(None)) };
            conditions.push((column, code));
        }
        Ok(Self(Some(conditions)))
    }

    /// Whether a row passes all filters.
    pub(crate) fn passes(&self, row: usize) -> bool {
        self.0
            .as_ref()
            .is_some_and(|conditions| conditions.iter().all(|(column, code)| column.codes.get(row) == *code))
    }
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
