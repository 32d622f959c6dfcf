//! Which rows of a span a question is about: by time, by filters, without hidden ones.
//! Tells which, and counts nothing.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use millimetric_core::query::Filter;

use super::run::Span;
use crate::StoreError;
use crate::embedded::columns::{Chunk, Columns};
use crate::embedded::field::Field;
use crate::embedded::text::{TextColumn, widen, with_codes};
use crate::embedded::times::Times;
use crate::embedded::view::View;

/// Rows of one chunk, ascending.
#[derive(Debug, Clone)]
pub(in crate::embedded) enum Rows {
    Span(Range<usize>),
    List(Vec<u32>),
}

impl Rows {
    pub(in crate::embedded) fn len(&self) -> usize {
        match self {
            Self::Span(rows) => rows.len(),
            Self::List(rows) => rows.len(),
        }
    }

    /// The row at a place of the selection.
    pub(super) fn at(&self, place: usize) -> usize {
        match self {
            Self::Span(rows) => rows.start + place,
            Self::List(rows) => rows[place] as usize,
        }
    }

    /// Calls `each` with every row.
    #[inline]
    pub(in crate::embedded) fn each(&self, mut each: impl FnMut(usize)) {
        match self {
            Self::Span(rows) => rows.clone().for_each(each),
            Self::List(rows) => rows.iter().for_each(|row| each(*row as usize)),
        }
    }

    /// What a column holds in these rows.
    pub(super) fn values<'a, V: Copy>(&self, column: &'a [V]) -> Cow<'a, [V]> {
        match self {
            Self::Span(rows) => Cow::Borrowed(&column[rows.clone()]),
            Self::List(rows) => Cow::Owned(rows.iter().map(|row| column[*row as usize]).collect()),
        }
    }

    /// Keeps the rows that the test likes.
    pub(super) fn retain(self, mut likes: impl FnMut(usize) -> bool) -> Self {
        match self {
            Self::Span(rows) => {
                let mut kept = vec![0; rows.len()];
                let mut count = 0;
                for row in rows {
                    kept[count] = row as u32;
                    count += usize::from(likes(row));
                }
                kept.truncate(count);
                Self::List(kept)
            }
            Self::List(mut rows) => {
                rows.retain(|row| likes(*row as usize));
                Self::List(rows)
            }
        }
    }
}

/// The selected rows beside the chunk's times.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    pub(super) times: Arc<Times>,
    /// Whether the times ascend.
    pub(super) sorted: bool,
    pub(super) rows: Rows,
}

/// The rows of the span that are in range, pass the filters and are not hidden; `None` when
/// there is none.
pub(super) fn select(
    view: &View,
    span: &Span<'_>,
    filters: &[Filter],
) -> Result<Option<Selection>, StoreError> {
    let columns = &view.shared.columns;
    let Wanted(Some(wanted)) = Wanted::of(columns, span.chunk, filters)? else { return Ok(None) };
    let times = columns.times(span.chunk)?;
    let mut rows = in_range(view, span, &times);
    for (column, code) in &wanted {
        rows = with_codes!(&column.codes, |codes| rows.retain(|row| widen(codes[row]) == *code));
    }
    if rows.len() > 0
        && let Some(marks) = view.hiding.marks(columns, span.chunk)?
    {
        rows = rows.retain(|row| marks[row] == 0);
    }
    Ok((rows.len() > 0).then_some(Selection { times, sorted: span.chunk.sorted(), rows }))
}

/// Filters as codes of one chunk's columns; none when a value does not occur in it.
#[derive(Debug)]
pub(super) struct Wanted(Option<Vec<(Arc<TextColumn>, u32)>>);

impl Wanted {
    pub(super) fn of(columns: &Columns, chunk: &Chunk, filters: &[Filter]) -> Result<Self, StoreError> {
        let mut wanted = Vec::with_capacity(filters.len());
        for filter in filters {
            let column = columns.text(chunk, Field::from(filter.column))?;
            let Some(code) = column.dictionary.find(&filter.value) else { return Ok(Self(None)) };
            wanted.push((column, code));
        }
        Ok(Self(Some(wanted)))
    }

    /// Whether a row passes all filters.
    pub(super) fn passes(&self, row: usize) -> bool {
        self.0
            .as_ref()
            .is_some_and(|wanted| wanted.iter().all(|(column, code)| column.codes.get(row) == *code))
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
