//! Rewriting: hot rows or segments in, new segments out, without the rows that must go.
//!
//! Sealing, merging, erasing and retention are this one function with other inputs. It writes files and
//! changes nothing else: what it made counts once the writer has swapped it in.

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
use crate::maintenance::Maintenance;
use crate::resources::priority;
use crate::segment::Segment;
use crate::segment::file;
use crate::segment::file::Source;
use crate::segment::id_filter::KnownIds;
use crate::state::scope::Scope;
use crate::state::tombstones::Tombstones;
use crate::wal::commands::{Command, Frozen, Swap};
use crate::wal::manifest::NewSegment;
use millimetric_core::column::Column;
use millimetric_events::StoreError;
use millimetric_events::parquet::id_encoding::EventId;
use std::thread;

/// How much the thread that rewrites segments gives way.
const REWRITER_NICENESS: i32 = 10;
/// Months that one rewrite keeps apart; older ones share a file, so that a batch of events
/// scattered over centuries makes no thousand files.
const MOST_MONTHS: usize = 24;

/// Events left out for each erasure.
pub(crate) type Erased = Vec<(ErasureId, u64)>;

/// Tells a rewrite to give up; it is asked before each column.
pub(crate) type Halt<'a> = &'a (dyn Fn() -> bool + Sync);

/// What a rewrite made.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    pub(crate) segments: Vec<NewSegment>,
    pub(crate) erased: Erased,
}

impl Rewritten {
    /// Events in the new segments.
    pub(crate) fn rows(&self) -> u64 {
        self.segments.iter().map(|new| new.segment.rows as u64).sum()
    }
}

/// One row of one input.
#[derive(Debug, Clone, Copy)]
struct Place {
    timestamp: i64,
    input: u32,
    row: u32,
}

/// The event ids of the inputs' rows. All else is read when its column is written; these are needed
/// for the order too.
struct Ids(Vec<Vec<EventId>>);

impl Ids {
    fn at(&self, place: &Place) -> &EventId {
        &self.0[place.input as usize][place.row as usize]
    }
}

/// Writes the inputs' rows that are not hidden into new segments, a month each.
pub(crate) fn rewrite(
    work: &Maintenance,
    scope: EventScope,
    inputs: &[Chunk],
    tombstones: &Tombstones,
    halt: Halt<'_>,
) -> Result<Rewritten, StoreError> {
    let (mut places, erased) = kept(&work.state.columns, inputs, tombstones)?;
    let ids = inputs.iter().map(|chunk| work.state.columns.event_ids(chunk));
    let ids = Ids(ids.collect::<Result<_, StoreError>>()?);
    // This sort takes the order that sealed inputs have already as a gift.
    places.sort_by(|a, b| a.timestamp.cmp(&b.timestamp).then_with(|| ids.at(a).cmp(ids.at(b))));
    let mut segments = Vec::new();
    for (month, rows) in months(&places) {
        let part =
            Part { scope, columns: &work.state.columns, inputs, ids: &ids, places: &places[rows], halt };
        match part.write(work, &month) {
            Ok(segment) => segments.push(segment),
            Err(error) => {
                discard(&segments);
                return Err(error);
            }
        }
    }
    Ok(Rewritten { segments, erased })
}

/// Rewrites chunks of a scope without what is hidden now.
pub(crate) fn rewrite_visible(
    work: &Maintenance,
    scope: &Scope,
    inputs: &[Chunk],
    halt: Halt<'_>,
) -> Result<Rewritten, StoreError> {
    let tombstones = scope.data.read().tombstones.complete();
    rewrite(work, scope.id, inputs, &tombstones, halt)
}

/// Puts new segments in the place of what they were made from.
pub(crate) fn swap(
    work: &Maintenance,
    scope: &Scope,
    frozen: Option<Frozen>,
    removed: Vec<Arc<Segment>>,
    rewritten: Rewritten,
) -> Result<(), StoreError> {
    let Rewritten { segments: added, erased } = rewritten;
    work.log.execute(Command::Swap(Swap { scope: scope.id, frozen, removed, added, erased })).map(|_| ())
}

/// Runs work that can wait on a thread that takes only the time nobody else wants: a priority
/// once lowered cannot be raised again by an ordinary user.
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

/// Lets the files of segments go that will not be swapped in.
fn discard(segments: &[NewSegment]) {
    for new in segments {
        new.segment.replaced.store(true, Ordering::Release);
    }
}

fn kept(
    columns: &Columns,
    inputs: &[Chunk],
    tombstones: &Tombstones,
) -> Result<(Vec<Place>, Erased), StoreError> {
    let mut places = Vec::with_capacity(inputs.iter().map(Chunk::rows).sum());
    let mut erased: BTreeMap<ErasureId, u64> = BTreeMap::new();
    for (input, chunk) in (0..).zip(inputs) {
        let times = columns.times(chunk)?;
        let marks = tombstones.marks(columns, chunk)?;
        for row in 0..chunk.rows() as u32 {
            let timestamp = times.at(row as usize);
            match marks.as_ref().map_or(0, |marks| marks[row as usize]) {
                0 if timestamp >= tombstones.floor => places.push(Place { timestamp, input, row }),
                0 => {}
                person => *erased.entry(tombstones.people[person as usize - 1].erasure).or_default() += 1,
            }
        }
    }
    Ok((places, erased.into_iter().collect()))
}

/// The sorted rows by calendar month (UTC), as the month's name and the range of its rows.
fn months(places: &[Place]) -> Vec<(String, Range<usize>)> {
    let month = |place: &Place| {
        let time = instant(place.timestamp).to_utc();
        (time.year(), time.month())
    };
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for group in places.chunk_by(|a, b| month(a) == month(b)) {
        ranges.push(start..start + group.len());
        start += group.len();
    }
    let oldest = ranges.len().saturating_sub(MOST_MONTHS - 1);
    if oldest > 1 {
        let together = 0..ranges[oldest - 1].end;
        ranges.splice(..oldest, [together]);
    }
    let name = |range: &Range<usize>| {
        let (year, month) = month(&places[range.start]);
        format!("{year:04}-{month:02}")
    };
    ranges.into_iter().map(|range| (name(&range), range)).collect()
}

/// The rows of one new segment.
struct Part<'a> {
    scope: EventScope,
    columns: &'a Columns,
    inputs: &'a [Chunk],
    ids: &'a Ids,
    places: &'a [Place],
    halt: Halt<'a>,
}

impl Part<'_> {
    fn write(&self, work: &Maintenance, month: &str) -> Result<NewSegment, StoreError> {
        let folder = format!("{}/{}/{month}", self.scope.project, self.scope.env.as_str());
        let path = format!("{folder}/{}.parquet", Uuid::now_v7().simple());
        let root = work.state.segments_folder();
        file::make_folder(&work.state.directory, &root.join(folder))?;
        let file = Rows { part: self, project: self.scope.project.to_string() };
        let bytes = file::write(&root.join(&path), &file)?;
        let latest_received = file.received()?.into_iter().max().unwrap_or_default();
        let asked = latest_received >= work.state.oldest_deduplicated();
        let (known_ids, made_ids) = asked.then(|| KnownIds::of(self.identities())).transpose()?.unzip();
        let segment = Segment {
            id: work.state.segments.next_id(),
            scope: self.scope,
            path: root.join(&path),
            rows: self.places.len(),
            bytes,
            earliest: self.places.first().map_or(0, |place| place.timestamp),
            latest: self.places.last().map_or(0, |place| place.timestamp),
            latest_received,
            known_ids: RwLock::new(known_ids.map(Arc::new)),
            replaced: AtomicBool::new(false),
            uncompressed: OnceLock::new(),
        };
        Ok(NewSegment { segment, month: month.to_owned(), path, made_ids })
    }

    fn identities(&self) -> impl Iterator<Item = EventKey> {
        let identity = |id: &str| EventKey::of(&self.columns.hash, id);
        self.places.iter().map(move |place| self.ids.at(place).with_text(identity))
    }

    /// An error when it is to be given up.
    fn go_on(&self) -> Result<(), StoreError> {
        if (self.halt)() {
            return Err(StoreError::Internal("a rewrite was given up".to_owned()));
        }
        Ok(())
    }
}

/// The rows of one new segment, column by column.
struct Rows<'a> {
    part: &'a Part<'a>,
    project: String,
}

impl Source for Rows<'_> {
    fn project_id(&self) -> &str {
        &self.project
    }

    fn env(&self) -> &str {
        self.part.scope.env.as_str()
    }

    fn rows(&self) -> usize {
        self.part.places.len()
    }

    fn timestamps(&self) -> Result<Vec<i64>, StoreError> {
        Ok(self.part.places.iter().map(|place| place.timestamp).collect())
    }

    fn received(&self) -> Result<Vec<i64>, StoreError> {
        let inputs: Vec<Vec<i64>> = self
            .part
            .inputs
            .iter()
            .map(|chunk| match chunk {
                Chunk::Memtable(block) => Ok(block.received.clone()),
                Chunk::Segment(segment) => self.part.columns.reader(segment)?.received(),
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(self.part.places.iter().map(|place| inputs[place.input as usize][place.row as usize]).collect())
    }

    fn event_ids(&self) -> Result<impl ExactSizeIterator<Item = &EventId>, StoreError> {
        self.part.go_on()?;
        Ok(self.part.places.iter().map(|place| self.part.ids.at(place)))
    }

    fn texts(&self, field: Column, each: &mut dyn FnMut(Option<&str>)) -> Result<(), StoreError> {
        self.part.go_on()?;
        let inputs = self.part.inputs.iter().map(|chunk| self.part.columns.text_once(chunk, field));
        let inputs: Vec<Arc<TextColumn>> = inputs.collect::<Result<_, StoreError>>()?;
        for place in self.part.places {
            each(inputs[place.input as usize].value(place.row as usize));
        }
        Ok(())
    }
}
