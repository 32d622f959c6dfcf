//! When the events of a name happened first and last, of all that are stored.
//!
//! Chunks are visited from both ends of the time towards its middle, and only while one of them may have an
//! earlier or later event of a name. What whole chunks have of each name is cached, so that a query without
//! filters reads the rows of a segment once, and then only the times of its names.

use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::query::Filter;
use parking_lot::Mutex;

use crate::columns::Chunk;
use crate::columns::cache::CachedPart;
use crate::encoding::heap_size::HeapSize;
use crate::encoding::text::Dictionary;
use crate::query::groups::NO_SPAN;
use crate::query::run;
use crate::query::select::select;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// The times of the first and the last event, in milliseconds since 1970.
type Span = (i64, i64);

/// The first and last time of each event name of a chunk.
#[derive(Debug)]
struct NameSpans {
    names: Arc<Dictionary>,
    /// By the code of the name; [`NO_SPAN`] for a name none of whose events is selected.
    spans: Vec<Span>,
}

impl HeapSize for NameSpans {
    fn heap_bytes(&self) -> usize {
        self.names.bytes() + size_of_val(self.spans.as_slice())
    }
}

/// Widens the span of each of these names to all events of the view that pass the filters.
pub(super) fn widen(
    view: &View,
    filters: &[Filter],
    names: &[&str],
    spans: Vec<Span>,
    context: &QueryContext,
) -> Result<Vec<Span>, StoreError> {
    let by_name: HashMap<&str, usize> = names.iter().copied().zip(0..).collect();
    let spans = Mutex::new(spans);
    let rows = view.chunks.iter().map(Chunk::rows).sum();
    run::each_of(
        &from_both_ends(&view.chunks),
        rows,
        context,
        || (),
        |(), chunk| {
            let known = spans.lock().clone();
            let may_widen = |name: &str| by_name.get(name).is_some_and(|index| reaches(chunk, known[*index]));
            if !known.iter().any(|span| reaches(chunk, *span)) {
                return Ok(());
            }
            let Some(found) = of_chunk(view, chunk, filters, may_widen, context)? else { return Ok(()) };
            let mut spans = spans.lock();
            for (name, (first, last)) in found.names.texts().zip(found.spans.iter().skip(1)) {
                if let Some(index) = by_name.get(name) {
                    let span = &mut spans[*index];
                    *span = (span.0.min(*first), span.1.max(*last));
                }
            }
            Ok(())
        },
    )?;
    Ok(spans.into_inner())
}

/// Whether the chunk may have an event before or after the span.
fn reaches(chunk: &Chunk, (first, last): Span) -> bool {
    chunk.earliest() < first || chunk.latest() > last
}

/// The oldest chunk, the newest, the second oldest, and so on.
fn from_both_ends(chunks: &[Chunk]) -> Vec<&Chunk> {
    let mut by_time: Vec<&Chunk> = chunks.iter().collect();
    by_time.sort_by_key(|chunk| (chunk.earliest(), chunk.latest()));
    let mut ends = by_time.into_iter();
    let both = std::iter::from_fn(|| ends.next().map(|oldest| [Some(oldest), ends.next_back()]));
    both.flatten().flatten().collect()
}

/// The spans of the names of a chunk; `None` if no name is `wanted`.
fn of_chunk(
    view: &View,
    chunk: &Chunk,
    filters: &[Filter],
    wanted: impl Fn(&str) -> bool,
    context: &QueryContext,
) -> Result<Option<Arc<NameSpans>>, StoreError> {
    if filters.is_empty() && view.shows_all(chunk) {
        let all = || spans_of(view, chunk, filters, context);
        return view.columns.derived(chunk, CachedPart::NameSpans, all).map(Some);
    }
    let names = view.columns.text(chunk, Column::EventName)?;
    let is_any = names.dictionary.texts().any(wanted);
    is_any.then(|| spans_of(view, chunk, filters, context).map(Arc::new)).transpose()
}

/// The spans of the names in the rows of the chunk that pass the filters.
fn spans_of(
    view: &View,
    chunk: &Chunk,
    filters: &[Filter],
    context: &QueryContext,
) -> Result<NameSpans, StoreError> {
    let names = view.columns.text(chunk, Column::EventName)?;
    let mut memory = context.memory();
    memory.grow_to(names.dictionary.len() * size_of::<Span>())?;
    let mut spans = vec![NO_SPAN; names.dictionary.len()];
    for span in run::spans(chunk) {
        context.check()?;
        let Some(selection) = select(view, &span, filters)? else { continue };
        selection.rows.each(|row| {
            let (at, span) = (selection.times.at(row), &mut spans[names.codes.get(row) as usize]);
            *span = (span.0.min(at), span.1.max(at));
        });
    }
    Ok(NameSpans { names: Arc::clone(&names.dictionary), spans })
}
