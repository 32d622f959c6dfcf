//! Finds one event by its id.
//!
//! Reads the ids of the chunks that may contain it, and then its row.

use millimetric_core::event::Event;

use crate::columns::Chunk;
use crate::columns::dedup;
use crate::encoding::event_key::EventKey;
use crate::query::run::Span;
use crate::query::select::select;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// Returns the event with this id among the view's rows.
pub(crate) fn event(
    view: &View,
    event_id: &str,
    context: &QueryContext,
) -> Result<Option<Event>, StoreError> {
    match row(view, event_id, context)? {
        Some((chunk, row)) => read(view, &view.chunks[chunk], row),
        None => Ok(None),
    }
}

/// Returns the row with this id: the index of its chunk, and its row there.
pub(crate) fn row(
    view: &View,
    event_id: &str,
    context: &QueryContext,
) -> Result<Option<(usize, usize)>, StoreError> {
    let identity = EventKey::of(&view.columns.hash, event_id);
    for (chunk_index, chunk) in view.chunks.iter().enumerate() {
        context.check()?;
        if !may_hold(view, chunk, identity)? {
            continue;
        }
        let Some(selection) = select(view, &Span { chunk, rows: 0..chunk.rows() }, &[])? else { continue };
        let ids = view.columns.text_once(chunk, Column::EventId)?;
        let mut index = None;
        selection.rows.each(|row| {
            if ids.value(row) == Some(event_id) {
                index = Some(row);
            }
        });
        if let Some(row) = index {
            return Ok(Some((chunk_index, row)));
        }
    }
    Ok(None)
}

/// Whether the chunk may contain the id.
fn may_hold(view: &View, chunk: &Chunk, identity: EventKey) -> Result<bool, StoreError> {
    let Chunk::Segment(segment) = chunk else { return Ok(true) };
    let known = segment.known_ids.read().clone();
    match known {
        Some(known) => Ok(!dedup::held(&view.columns, segment, &known, &[identity])?.is_empty()),
        None => Ok(dedup::event_ids(&view.columns, segment)?.binary_search(&identity.hash).is_ok()),
    }
}

fn read(view: &View, chunk: &Chunk, row: usize) -> Result<Option<Event>, StoreError> {
    match chunk {
        Chunk::Memtable(block) => Ok(Some(block.row(row).to_event())),
        Chunk::Segment(segment) => {
            let mut found = None;
            view.columns.some_rows(segment, &[row as u32], |row| found = Some(row.to_event()))?;
            Ok(found)
        }
    }
}
