//! Selects the rows of a span that are in the time range, pass the filters and are not hidden by a
//! tombstone.

use std::sync::Arc;

use millimetric_core::query::Filter;

use crate::columns::Chunk;
use crate::columns::code_set::CodeSet;
use crate::columns::group_column::GroupColumn;
use crate::columns::rows::Rows;
use crate::encoding::text::{TextColumn, widen, with_codes};
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
    for (column, passing) in &conditions {
        rows = match passing {
            CodeSet::One(code) => with_codes!(&column.codes, |codes| rows.holding(codes, *code)),
            CodeSet::Several(_) => {
                with_codes!(&column.codes, |codes| rows.retain(|row| passing.has(widen(codes[row]))))
            }
        };
    }
    if rows.len() > 0
        && let Some(marks) = view.tombstones.marks(columns, span.chunk)?
    {
        rows = rows.retain(|row| marks[row] == 0);
    }
    Ok((rows.len() > 0).then_some(Selection { times, sorted: span.chunk.sorted(), rows }))
}

/// Filters as codes of a chunk's dictionaries; `None` if no value of the chunk passes one of them.
#[derive(Debug)]
pub(crate) struct FilterCodes(Option<Vec<(Arc<TextColumn>, CodeSet)>>);

impl FilterCodes {
    pub(crate) fn of<'a>(
        view: &View,
        chunk: &Chunk,
        filters: impl IntoIterator<Item = &'a Filter>,
    ) -> Result<Self, StoreError> {
        let mut conditions = Vec::new();
        for filter in filters {
            let group_column = GroupColumn::from(&filter.column);
            let column = view.column(chunk, &group_column)?;
            let passing = view.columns.passing(chunk, &group_column, &column.dictionary, &filter.test)?;
            let Some(passing) = passing else { return Ok(Self(None)) };
            conditions.push((column, passing));
        }
        Ok(Self(Some(conditions)))
    }

    /// Whether a row passes all filters.
    pub(crate) fn passes(&self, row: usize) -> bool {
        self.0.as_ref().is_some_and(|conditions| {
            conditions.iter().all(|(column, passing)| passing.has(column.codes.get(row)))
        })
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
