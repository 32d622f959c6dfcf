//! Export: every row of a view that passes the filters, in bounded memory.
//!
//! Rows are read a few at a time and not through the column cache, so that an export does not evict what
//! queries need.

use std::ops::ControlFlow;

use futures_util::stream::{self, StreamExt as _};
use millimetric_core::event::Event;
use millimetric_core::query::{ExportQuery, Filter};

use crate::columns::Chunk;
use crate::encoding::keyed_hash::IdKind;
use crate::encoding::row::{Row, memory_of};
use crate::query::select::row_filter::RowFilter;
use crate::query::view::View;
use millimetric_core::column::Column;
use millimetric_events::{EventStream, StoreError};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::spawn_blocking;

/// Most events of a batch.
const BATCH_EVENTS: usize = 1000;
/// Approximate memory of a batch in bytes.
const BATCH_BYTES: usize = 1 << 20;

/// An item of the stream.
type Batch = Result<Vec<Event>, StoreError>;

/// Number of batches that wait for the reader of the stream.
const AHEAD: usize = 1;

/// Streams the rows of the view as events, chunk by chunk in order of the earliest event. A thread opens the
/// view and reads them; it ends when the stream is dropped.
pub(crate) fn stream(
    view: impl FnOnce() -> Result<View, StoreError> + Send + 'static,
    query: ExportQuery,
) -> EventStream {
    sent_by_a_thread(move |sender| {
        let mut sink = Sink { batch: Vec::new(), bytes: 0, sender };
        if let Err(error) = view().and_then(|view| read(view, &query, &mut sink)) {
            // If the stream is dropped, the error has no receiver.
            let _ = sink.sender.blocking_send(Err(error));
        }
    })
}

/// Streams what `work` sends. If it panics, the stream ends with an error, so that an export that is cut
/// short never looks complete.
fn sent_by_a_thread(work: impl FnOnce(Sender<Batch>) + Send + 'static) -> EventStream {
    let (sender, receiver) = channel(AHEAD);
    let thread = spawn_blocking(move || work(sender));
    stream::unfold(Some((receiver, thread)), |open| async {
        let (mut receiver, thread) = open?;
        if let Some(batch) = receiver.recv().await {
            return Some((batch, Some((receiver, thread))));
        }
        let error = thread.await.err()?;
        Some((Err(StoreError::Internal(format!("an export failed: {error}"))), None))
    })
    .boxed()
}

fn read(mut view: View, query: &ExportQuery, sink: &mut Sink) -> Result<(), StoreError> {
    let mut chunks = std::mem::take(&mut view.chunks);
    chunks.sort_by_key(Chunk::earliest);
    let (by_row, by_column): (Vec<Filter>, Vec<Filter>) =
        query.events.and(&query.filters).into_iter().partition(Filter::is_of_rows);
    for chunk in chunks {
        let filter = RowFilter::of(&view, &chunk, &by_column)?;
        let mut take = |index: usize, row: Row<'_>| {
            if is_selected(&view, &by_row, &row) && filter.passes(index) {
                Ok(sink.push(row.to_event()))
            } else {
                Ok(sink.continue_while_open())
            }
        };
        if rows(&view, &chunk, &mut take)?.is_break() {
            return Ok(());
        }
    }
    // This is the end, whether or not the stream is still open.
    let _ = sink.flush();
    Ok(())
}

fn rows(
    view: &View,
    chunk: &Chunk,
    take: &mut impl FnMut(usize, Row<'_>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<ControlFlow<()>, StoreError> {
    match chunk {
        Chunk::Segment(segment) => {
            let reader = view.columns.reader(segment)?;
            let is_inside = view.from <= segment.earliest && segment.latest < view.to;
            let range = if is_inside {
                0..segment.rows
            } else {
                let times = reader.timestamps()?;
                let start = times.partition_point(|time| *time < view.from);
                start..times.partition_point(|time| *time < view.to).max(start)
            };
            let mut index = range.clone();
            reader.each_row(range, |row: Row<'_>| take(index.next().unwrap_or_default(), row))
        }
        Chunk::Memtable(block) => {
            let mut order: Vec<usize> = (0..block.rows()).collect();
            let key = |row: usize| (block.timestamps.at(row), block.row(row).text(Column::EventId));
            order.sort_unstable_by(|a, b| key(*a).cmp(&key(*b)));
            for row in order {
                if take(row, block.row(row))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        }
    }
}

/// Whether a row is in the range, passes the filters by its own columns, and is not hidden.
fn is_selected(view: &View, filters: &[Filter], row: &Row<'_>) -> bool {
    let in_range = view.from <= row.timestamp && row.timestamp < view.to;
    let passes = |filter: &Filter| filter.passes_row(&|column| row.text(column));
    in_range && filters.iter().all(passes) && !is_hidden(view, row)
}

fn is_hidden(view: &View, row: &Row<'_>) -> bool {
    let mut people = view.tombstones.people.iter().filter(|person| row.timestamp < person.at).peekable();
    if people.peek().is_none() {
        return false;
    }
    let hash = &view.columns.hash;
    let user = row.text(Column::UserId).map(|user| hash.of(IdKind::User, user));
    let visitor = hash.of(IdKind::Visitor, row.text(Column::AnonymousId).unwrap_or_default());
    people.any(|person| (user.is_some() && person.user == user) || person.visitors.contains(&visitor))
}

/// Collects events into batches and sends them.
struct Sink {
    batch: Vec<Event>,
    bytes: usize,
    sender: Sender<Batch>,
}

impl Sink {
    fn push(&mut self, event: Event) -> ControlFlow<()> {
        self.bytes += memory_of(&event);
        self.batch.push(event);
        let is_full = self.batch.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES;
        if is_full { self.flush() } else { ControlFlow::Continue(()) }
    }

    fn flush(&mut self) -> ControlFlow<()> {
        self.bytes = 0;
        if self.batch.is_empty() {
            return ControlFlow::Continue(());
        }
        match self.sender.blocking_send(Ok(std::mem::take(&mut self.batch))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Breaks if the stream was dropped.
    fn continue_while_open(&self) -> ControlFlow<()> {
        if self.sender.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_export_that_panics_ends_with_an_error() {
        let mut stream = sent_by_a_thread(|sender| {
            sender.blocking_send(Ok(Vec::new())).unwrap();
            panic!("a damaged page");
        });
        assert!(matches!(stream.next().await, Some(Ok(_))));
        assert!(matches!(stream.next().await, Some(Err(StoreError::Internal(_)))));
        assert!(stream.next().await.is_none());
    }
}
