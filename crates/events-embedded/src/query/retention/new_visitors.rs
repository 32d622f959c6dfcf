//! Which visitors are new in the range of `GET /v1/retention`: those who have a first event in it and none before.
//!
//! Reads the columns of the conditions and the visitors, and of whole segments that have one only their
//! [summary](crate::query::groups::summary). Its memory is a bitmap of the visitors for each core.

use millimetric_core::query::Filter;
use millimetric_events::StoreError;

use crate::columns::Chunk;
use crate::query::distinct::Bitmaps;
use crate::query::groups;
use crate::query::groups::{Counting, ScanUnit};
use crate::query::run;
use crate::query::run::Span;
use crate::query::select::select;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;

/// A bitmap of the visitors with an event in `within` that passes the conditions, and none in `before`. All
/// visitors must be numbered.
pub(super) fn new_visitors(
    before: &View,
    within: &View,
    conditions: &[Filter],
    context: &QueryContext,
) -> Result<Vec<u64>, StoreError> {
    let mut new = visitors_with(within, conditions, context)?;
    if new.iter().all(|word| *word == 0) {
        return Ok(new);
    }
    let known = visitors_with(before, conditions, context)?;
    new.iter_mut().zip(known).for_each(|(new, known)| *new &= !known);
    Ok(new)
}

/// A bitmap of the visitors with an event that passes the conditions.
fn visitors_with(view: &View, conditions: &[Filter], context: &QueryContext) -> Result<Vec<u64>, StoreError> {
    let counting = Counting { filters: conditions, uniques: true, ..Counting::default() };
    let rows = view.chunks.iter().map(Chunk::rows).sum();
    let start = || (Bitmaps::default(), context.memory());
    let units = groups::scan_units(view, &counting);
    let of_cores = run::each_of(&units, rows, context, start, |(seen, memory), unit| {
        match unit {
            ScanUnit::Span(span) => add_span(view, span, conditions, seen)?,
            ScanUnit::Chunk(chunk, key) => match groups::summary(view, &counting, key, chunk, context)? {
                Some(cached) => {
                    seen.reserve(1, view.visitors.len());
                    seen.add_members(0, cached.visitors(0));
                }
                None => run::spans(chunk).try_for_each(|span| add_span(view, &span, conditions, seen))?,
            },
        }
        memory.grow_to(size_of_val(seen.of_group(0)))
    })?;
    let mut whole = Bitmaps::default();
    whole.reserve(1, view.visitors.len());
    for (seen, _) in of_cores {
        whole.merge(seen);
    }
    Ok(whole.of_group(0).to_vec())
}

/// Adds the visitors of a span's rows.
fn add_span(
    view: &View,
    span: &Span<'_>,
    conditions: &[Filter],
    seen: &mut Bitmaps,
) -> Result<(), StoreError> {
    let Some(selection) = select(view, span, conditions)? else { return Ok(()) };
    let visitors = view.columns.visitors(span.chunk, &view.visitors)?;
    seen.reserve(1, view.visitors.len());
    selection.rows.each(|row| seen.add_all(std::iter::once((0, visitors[row]))));
    Ok(())
}
