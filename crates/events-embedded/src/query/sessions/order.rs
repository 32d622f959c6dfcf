//! Sorts rows of several chunks by visitor, time, then `event_id`.

use hashbrown::HashMap;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

use crate::columns::Chunk;
use crate::query::sessions::view::{ChunkView, RowRef};
use crate::query::view::View;

/// Sorts by what `key` returns: the visitor, the time, and the row whose `event_id` decides between equal ones.
/// Ids are read only for those.
pub(crate) fn sort_by_event<T>(
    view: &View,
    chunks: &[ChunkView],
    items: &mut [T],
    key: impl Fn(&T) -> (u64, i64, RowRef),
) -> Result<(), StoreError> {
    items.sort_unstable_by_key(|item| {
        let (visitor, at, RowRef { chunk, row }) = key(item);
        (visitor, at, chunk, row)
    });
    let tie = |a: &T, b: &T| {
        let ((visitor, at, _), (other, other_at, _)) = (key(a), key(b));
        (visitor, at) == (other, other_at)
    };
    // The rows of one sorted chunk are in the order of their ids.
    let is_ordered = |tied: &[T]| {
        let chunk = |item: &T| key(item).2.chunk;
        let first = chunk(&tied[0]);
        tied.len() == 1
            || (chunks[first as usize].chunk.sorted() && tied.iter().all(|item| chunk(item) == first))
    };
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); chunks.len()];
    for item in items.chunk_by(tie).filter(|tied| !is_ordered(tied)).flatten() {
        let row = key(item).2;
        rows[row.chunk as usize].push(row.row);
    }
    let mut ids: Vec<HashMap<u32, String>> = Vec::with_capacity(chunks.len());
    for (of_chunk, mut rows) in chunks.iter().zip(rows) {
        rows.sort_unstable();
        let texts = event_ids(view, &of_chunk.chunk, &rows)?;
        ids.push(rows.into_iter().zip(texts).collect());
    }
    let id = |item: &T| {
        let row = key(item).2;
        ids[row.chunk as usize].get(&row.row)
    };
    for tied in items.chunk_by_mut(tie).filter(|tied| !is_ordered(tied)) {
        tied.sort_by(|a, b| id(a).cmp(&id(b)));
    }
    Ok(())
}

/// The `event_id` of these rows, which must be ascending.
pub(crate) fn event_ids(view: &View, chunk: &Chunk, rows: &[u32]) -> Result<Vec<String>, StoreError> {
    match chunk {
        Chunk::Segment(segment) => view.columns.some_texts(segment, Column::EventId, rows),
        Chunk::Memtable(_) => {
            let column = view.columns.text(chunk, Column::EventId)?;
            Ok(rows.iter().map(|row| column.value(*row as usize).unwrap_or_default().to_owned()).collect())
        }
    }
}
