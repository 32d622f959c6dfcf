//! Rewrites memtable blocks or segments into new segments without the hidden rows.
//!
//! Flush, merge, erasure and retention all use [`rewrite`], with other inputs. It only writes files; the
//! writer swaps them in.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::Datelike as _;
use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use parking_lot::RwLock;
use uuid::Uuid;

use crate::columns::{Chunk, Columns};
use crate::encoding::event_key::EventKey;
use crate::encoding::row::instant;
use crate::encoding::text::TextColumn;
use crate::maintenance::{Maintenance, reclassify};
use crate::resources::priority;
use crate::segment::Segment;
use crate::segment::file;
use crate::segment::file::Source;
use crate::segment::id_filter::KnownIds;
use crate::state::scope::Scope;
use crate::state::tombstones::Tombstones;
use crate::wal::commands::{Command, FlushInput, Swap};
use crate::wal::manifest::NewSegment;
use millimetric_core::column::Column;
use millimetric_events::parquet::id_encoding::EventId;
use millimetric_events::{LocalError, StoreError};
use std::thread;

/// Niceness of the thread that rewrites segments.
const REWRITER_NICENESS: i32 = 10;
/// Most segments of one rewrite. Each month gets its own segment; if there are more months, the oldest
/// share one, so that events scattered over centuries do not create thousands of files.
const MAX_MONTHS: usize = 24;

/// The number of events removed for each erasure.
pub(crate) type Erased = Vec<(ErasureId, u64)>;

/// Returns whether a rewrite must stop; called before each text column is written.
pub(crate) type Halt<'a> = &'a (dyn Fn() -> bool + Sync);

/// The result of a rewrite.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    pub(crate) segments: Vec<NewSegment>,
    pub(crate) erased: Erased,
}

impl Rewritten {
    /// Number of events in the new segments.
    pub(crate) fn rows(&self) -> u64 {
        self.segments.iter().map(|new| new.segment.rows as u64).sum()
    }
}

/// A row of an input: the index of the input, and of the row in it.
#[derive(Debug, Clone, Copy)]
struct RowRef {
    timestamp: i64,
    input: u32,
    row: u32,
}

/// The event ids of all rows, by input. Other columns are read when they are written; the ids are needed
/// before, for sorting.
struct Ids(Vec<Vec<EventId>>);

impl Ids {
    fn at(&self, row: &RowRef) -> &EventId {
        &self.0[row.input as usize][row.row as usize]
    }
}

/// Writes the rows of the inputs that are not hidden into new segments, one for each month (UTC), sorted
/// by (timestamp, `event_id`).
///
/// # Errors
/// `Internal` if `halt` returned true; files that were written already are deleted.
pub(crate) fn rewrite(
    work: &Maintenance,
    scope: EventScope,
    inputs: &[Chunk],
    tombstones: &Tombstones,
    halt: Halt<'_>,
) -> Result<Rewritten, StoreError> {
    let (mut rows, erased) = visible_rows(&work.state.columns, inputs, tombstones)?;
    let ids = inputs.iter().map(|chunk| work.state.columns.event_ids(chunk));
    let ids = Ids(ids.collect::<Result<_, StoreError>>()?);
    // The stable sort detects sorted runs, so inputs that are sorted segments are only merged.
    rows.sort_by(|a, b| a.timestamp.cmp(&b.timestamp).then_with(|| ids.at(a).cmp(ids.at(b))));
    let mut segments = Vec::new();
    for (month, range) in months(&rows) {
        let segment =
            SegmentRows { scope, columns: &work.state.columns, inputs, ids: &ids, rows: &rows[range], halt };
        match segment.write(work, &month) {
            Ok(segment) => segments.push(segment),
            Err(error) => {
                discard(&segments);
                return Err(error);
            }
        }
    }
    Ok(Rewritten { segments, erased })
}

/// Rewrites chunks of a scope without the rows that its tombstones hide now.
pub(crate) fn rewrite_visible(
    work: &Maintenance,
    scope: &Scope,
    inputs: &[Chunk],
    halt: Halt<'_>,
) -> Result<Rewritten, StoreError> {
    let tombstones = scope.data.read().tombstones.complete();
    rewrite(work, scope.id, inputs, &tombstones, halt)
}

/// Rewrites a segment without the rows that its tombstones hide now, and replaces it. What a re-classification
/// will replace it by is rewritten in the same way, so that its work is not lost.
pub(crate) fn replace(
    work: &Maintenance,
    scope: &Scope,
    segment: Arc<Segment>,
    halt: Halt<'_>,
) -> Result<Replaced, StoreError> {
    let tombstones = scope.data.read().tombstones.complete();
    let rewrite =
        |segment: Arc<Segment>| rewrite(work, scope.id, &[Chunk::Segment(segment)], &tombstones, halt);
    let rewritten = rewrite(Arc::clone(&segment))?;
    let staged = match &rewritten.segments[..] {
        [new] => reclassify::carry_over(work, &segment, new.segment.id, rewrite),
        // It is classified again, if anything is left of it.
        _ => Vec::new(),
    };
    let replaced = Replaced { rows: rewritten.rows(), erased: rewritten.erased.iter().map(|(_, n)| n).sum() };
    let Rewritten { segments: added, erased } = rewritten;
    let (scope, removed, rows) =
        (scope.id, vec![segment], staged.iter().map(|(row, _)| row.clone()).collect());
    let swap = Swap { scope, flushed: None, removed, added, erased, reclassified: None, staged: rows };
    let swapped = work.queue.execute(Command::Swap(swap));
    if let Err(error) = &swapped
        && !matches!(error, StoreError::Local(LocalError::NotWritable(_)))
    {
        staged.iter().filter_map(|(_, file)| file.as_ref()).for_each(mark_useless);
    }
    swapped.map(|_| replaced)
}

/// What became of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replaced {
    /// Number of events that are left.
    pub(crate) rows: u64,
    /// Number of events that were erased.
    pub(crate) erased: u64,
}

/// Replaces the rows or segments that were rewritten by the new segments.
pub(crate) fn swap(
    work: &Maintenance,
    scope: &Scope,
    flushed: Option<FlushInput>,
    removed: Vec<Arc<Segment>>,
    rewritten: Rewritten,
) -> Result<(), StoreError> {
    let Rewritten { segments: added, erased } = rewritten;
    let (scope, reclassified, staged) = (scope.id, None, Vec::new());
    let swap = Swap { scope, flushed, removed, added, erased, reclassified, staged };
    work.queue.execute(Command::Swap(swap)).map(|_| ())
}

/// Runs work on a new thread of low priority, and waits for it. The thread is new each time because an
/// ordinary user cannot raise a priority that was lowered.
pub(crate) fn on_a_background_thread<T: Send>(
    work: impl FnOnce() -> Result<T, StoreError> + Send,
) -> Result<T, StoreError> {
    thread::scope(|threads| {
        let lowered = || {
            priority::lower(REWRITER_NICENESS);
            work()
        };
        let thread = thread::Builder::new().name("events-rewriter".to_owned()).spawn_scoped(threads, lowered);
        let thread =
            thread.map_err(|error| StoreError::Internal(format!("no thread to rewrite: {error}")))?;
        thread.join().map_err(|_| StoreError::Internal("rewriting panicked".to_owned()))?
    })
}

/// Marks segments that will not be swapped in, so that their files are deleted when they are dropped.
pub(super) fn discard(segments: &[NewSegment]) {
    segments.iter().map(|new| &new.segment).for_each(mark_useless);
}

fn mark_useless(segment: &Segment) {
    segment.replaced.store(true, Ordering::Release);
}

/// Returns the rows that the tombstones do not hide, and the numbers of erased events.
fn visible_rows(
    columns: &Columns,
    inputs: &[Chunk],
    tombstones: &Tombstones,
) -> Result<(Vec<RowRef>, Erased), StoreError> {
    let mut rows = Vec::with_capacity(inputs.iter().map(Chunk::rows).sum());
    let mut erased: BTreeMap<ErasureId, u64> = BTreeMap::new();
    for (input, chunk) in (0..).zip(inputs) {
        let times = columns.times(chunk)?;
        let marks = tombstones.marks(columns, chunk)?;
        for row in 0..chunk.rows() as u32 {
            let timestamp = times.at(row as usize);
            match marks.as_ref().map_or(0, |marks| marks[row as usize]) {
                0 if timestamp >= tombstones.retention_watermark => {
                    rows.push(RowRef { timestamp, input, row });
                }
                0 => {}
                person => *erased.entry(tombstones.people[person as usize - 1].erasure).or_default() += 1,
            }
        }
    }
    Ok((rows, erased.into_iter().collect()))
}

/// Splits sorted rows by calendar month (UTC): returns each month (`2026-05`) and the range of its rows.
fn months(rows: &[RowRef]) -> Vec<(String, Range<usize>)> {
    let month = |row: &RowRef| {
        let time = instant(row.timestamp).to_utc();
        (time.year(), time.month())
    };
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for group in rows.chunk_by(|a, b| month(a) == month(b)) {
        ranges.push(start..start + group.len());
        start += group.len();
    }
    let oldest = ranges.len().saturating_sub(MAX_MONTHS - 1);
    if oldest > 1 {
        let merged = 0..ranges[oldest - 1].end;
        ranges.splice(..oldest, [merged]);
    }
    let name = |range: &Range<usize>| {
        let (year, month) = month(&rows[range.start]);
        format!("{year:04}-{month:02}")
    };
    ranges.into_iter().map(|range| (name(&range), range)).collect()
}

/// The rows of one new segment.
struct SegmentRows<'a> {
    scope: EventScope,
    columns: &'a Columns,
    inputs: &'a [Chunk],
    ids: &'a Ids,
    rows: &'a [RowRef],
    halt: Halt<'a>,
}

impl SegmentRows<'_> {
    fn write(&self, work: &Maintenance, month: &str) -> Result<NewSegment, StoreError> {
        let folder = format!("{}/{}/{month}", self.scope.project, self.scope.env.as_str());
        let path = format!("{folder}/{}.parquet", Uuid::now_v7().simple());
        let root = work.state.segments_folder();
        file::create_folder(&work.state.directory, &root.join(folder))?;
        let file = SegmentSource { rows: self, project: self.scope.project.to_string() };
        let bytes = file::write(&root.join(&path), &file)?;
        let latest_received = file.received()?.into_iter().max().unwrap_or_default();
        let in_dedup_window = latest_received >= work.state.oldest_deduplicated();
        let (known_ids, timed_filter) =
            in_dedup_window.then(|| KnownIds::of(self.event_keys())).transpose()?.unzip();
        let segment = Segment {
            id: work.state.segments.next_id(),
            scope: self.scope,
            path: root.join(&path),
            rows: self.rows.len(),
            bytes,
            earliest: self.rows.first().map_or(0, |row| row.timestamp),
            latest: self.rows.last().map_or(0, |row| row.timestamp),
            latest_received,
            known_ids: RwLock::new(known_ids.map(Arc::new)),
            replaced: AtomicBool::new(false),
            uncompressed: OnceLock::new(),
        };
        Ok(NewSegment { segment, month: month.to_owned(), path, timed_filter })
    }

    fn event_keys(&self) -> impl Iterator<Item = EventKey> {
        let key = |id: &str| EventKey::of(&self.columns.hash, id);
        self.rows.iter().map(move |row| self.ids.at(row).with_text(key))
    }

    /// Returns an error if the rewrite must stop.
    fn check_halt(&self) -> Result<(), StoreError> {
        if (self.halt)() {
            return Err(StoreError::Internal("a rewrite was stopped".to_owned()));
        }
        Ok(())
    }
}

/// The rows of one new segment, column by column.
struct SegmentSource<'a> {
    rows: &'a SegmentRows<'a>,
    project: String,
}

impl Source for SegmentSource<'_> {
    fn project_id(&self) -> &str {
        &self.project
    }

    fn env(&self) -> &str {
        self.rows.scope.env.as_str()
    }

    fn rows(&self) -> usize {
        self.rows.rows.len()
    }

    fn timestamps(&self) -> Result<Vec<i64>, StoreError> {
        Ok(self.rows.rows.iter().map(|row| row.timestamp).collect())
    }

    fn received(&self) -> Result<Vec<i64>, StoreError> {
        let inputs: Vec<Vec<i64>> = self
            .rows
            .inputs
            .iter()
            .map(|chunk| match chunk {
                Chunk::Memtable(block) => Ok(block.received.clone()),
                Chunk::Segment(segment) => self.rows.columns.reader(segment)?.received(),
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(self.rows.rows.iter().map(|row| inputs[row.input as usize][row.row as usize]).collect())
    }

    fn event_ids(&self) -> Result<impl ExactSizeIterator<Item = &EventId>, StoreError> {
        self.rows.check_halt()?;
        Ok(self.rows.rows.iter().map(|row| self.rows.ids.at(row)))
    }

    fn texts(&self, field: Column, each: &mut dyn FnMut(Option<&str>)) -> Result<(), StoreError> {
        self.rows.check_halt()?;
        let inputs = self.rows.inputs.iter().map(|chunk| self.rows.columns.text_once(chunk, field));
        let inputs: Vec<Arc<TextColumn>> = inputs.collect::<Result<_, StoreError>>()?;
        for row in self.rows.rows {
            each(inputs[row.input as usize].value(row.row as usize));
        }
        Ok(())
    }
}
