//! `GET /v1/query`: raw events, newest first, page by page.
//!
//! Reads the times first, and then all columns of the rows that can be on the page.

pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod rule_changes;

use std::cmp::Reverse;

use millimetric_core::event::Event;
use millimetric_core::query::{Cursor, EventsQuery, EventsResponse, Filter};

use crate::columns::Chunk;
use crate::columns::rows::Rows;
use crate::query::run::Span;
use crate::query::select::{Selection, select};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use crate::segment::Segment;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// Rows that are selected at a time, from the newest end of a chunk.
const STRIDE: usize = 65_536;

/// A row that may be on the page.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    timestamp: i64,
    chunk: usize,
    row: u32,
}

/// Runs the query.
pub(crate) fn events(
    mut view: View,
    query: &EventsQuery,
    context: &QueryContext,
) -> Result<EventsResponse, StoreError> {
    let selected = query.events.and(&query.filters);
    // One more than the limit, to know whether there is a next page.
    let needed = query.limit.get() + 1;
    if let Some(after) = &query.after {
        view.to = view.to.min(after.timestamp.millis().saturating_add(1));
    }
    view.chunks.sort_by_key(|chunk| Reverse(chunk.latest()));
    let mut candidates: Vec<Candidate> = Vec::new();
    for index in 0..view.chunks.len() {
        if view.chunks[index].latest() < view.from {
            break;
        }
        candidates.extend(newest(&view, index, query, &selected, needed, context)?);
        candidates.sort_by_key(|candidate| Reverse(candidate.timestamp));
        if let Some(last) = candidates.get(needed - 1).copied() {
            // Rows with the same time as the last candidate may precede it by id.
            candidates.retain(|candidate| candidate.timestamp >= last.timestamp);
            view.from = view.from.max(last.timestamp);
        }
    }
    let mut rows = read(&view, candidates)?;
    rows.sort_unstable_by(|a, b| (b.timestamp, &b.event_id).cmp(&(a.timestamp, &a.event_id)));
    let more = rows.len() >= needed;
    rows.truncate(query.limit.get());
    let cursor = |row: &Event| Cursor { timestamp: row.timestamp, event_id: row.event_id.clone() };
    let next = if more { rows.last().map(cursor) } else { None };
    Ok(EventsResponse { rows, next })
}

/// The newest selected rows of a chunk, newest first, at most `needed`.
fn newest(
    view: &View,
    index: usize,
    query: &EventsQuery,
    selected: &[Filter],
    needed: usize,
    context: &QueryContext,
) -> Result<Vec<Candidate>, StoreError> {
    let chunk = &view.chunks[index];
    let mut found: Vec<Candidate> = Vec::new();
    let mut end = chunk.rows();
    while end > 0 && found.len() < needed {
        context.check()?;
        // A sorted chunk is read from its end; in an unsorted one any row can be the newest.
        let start = if chunk.sorted() { end.saturating_sub(STRIDE) } else { 0 };
        let span = Span { chunk, rows: start..end };
        end = start;
        let Some(selection) = select(view, &span, selected)? else { continue };
        let rows = behind(view, chunk, &selection, query.after.as_ref())?;
        let candidate =
            |row: u32| Candidate { timestamp: selection.times.at(row as usize), chunk: index, row };
        if let Chunk::Memtable(block) = chunk {
            let ids = block.text(Column::EventId);
            let id = |row: u32| ids.and_then(|ids| ids.value(row as usize));
            found = rows.into_iter().map(candidate).collect();
            found.sort_unstable_by(|a, b| (b.timestamp, id(b.row)).cmp(&(a.timestamp, id(a.row))));
        } else {
            found.extend(rows.into_iter().rev().map(candidate));
        }
    }
    found.truncate(needed);
    Ok(found)
}

/// The selected rows that follow the cursor, in ascending order of row.
fn behind(
    view: &View,
    chunk: &Chunk,
    selection: &Selection,
    cursor: Option<&Cursor>,
) -> Result<Vec<u32>, StoreError> {
    let mut rows = match &selection.rows {
        Rows::Span(rows) => rows.clone().map(|row| row as u32).collect(),
        Rows::List(rows) => rows.clone(),
    };
    let Some(cursor) = cursor else { return Ok(rows) };
    let at = cursor.timestamp.millis();
    let ties: Vec<u32> = rows.iter().copied().filter(|row| selection.times.at(*row as usize) == at).collect();
    if ties.is_empty() {
        return Ok(rows);
    }
    let ids = match chunk {
        Chunk::Segment(segment) => view.columns.some_texts(segment, Column::EventId, &ties)?,
        Chunk::Memtable(block) => {
            let ids = block.text(Column::EventId);
            let id = |row: &u32| ids.and_then(|ids| ids.value(*row as usize)).unwrap_or_default().to_owned();
            ties.iter().map(id).collect()
        }
    };
    let before: Vec<u32> =
        ties.into_iter().zip(ids).filter(|(_, id)| *id >= cursor.event_id).map(|(row, _)| row).collect();
    rows.retain(|row| before.binary_search(row).is_err());
    Ok(rows)
}

fn read(view: &View, mut candidates: Vec<Candidate>) -> Result<Vec<Event>, StoreError> {
    candidates.sort_unstable_by_key(|candidate| (candidate.chunk, candidate.row));
    let mut events = Vec::with_capacity(candidates.len());
    for of_chunk in candidates.chunk_by(|a, b| a.chunk == b.chunk) {
        match &view.chunks[of_chunk[0].chunk] {
            Chunk::Memtable(block) => {
                events.extend(of_chunk.iter().map(|candidate| block.row(candidate.row as usize).to_event()));
            }
            Chunk::Segment(segment) => read_segment_rows(view, segment, of_chunk, &mut events)?,
        }
    }
    Ok(events)
}

fn read_segment_rows(
    view: &View,
    segment: &Segment,
    candidates: &[Candidate],
    events: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let rows: Vec<u32> = candidates.iter().map(|candidate| candidate.row).collect();
    view.columns.some_rows(segment, &rows, |row| events.push(row.to_event()))
}
