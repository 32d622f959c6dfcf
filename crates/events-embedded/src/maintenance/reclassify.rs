//! Classifies stored events again, from the request to the swap.
//!
//! Each segment in which something changes is written to a new file, which no query reads yet. When all are
//! written, one command swaps them in, so all responses change at one moment. What is written is recorded
//! segment by segment: a restart goes on with the next one. An erasure or an expiry that rewrites a segment
//! meanwhile also rewrites the file that was written for it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chrono::Datelike as _;
use millimetric_core::column::Column;
use millimetric_core::event::EventScope;
use millimetric_core::ids::ReclassificationId;
use millimetric_core::query::{RuleChangeCounter, RuleChanges};
use millimetric_events::parquet::id_encoding::EventId;
use millimetric_events::{LocalError, Reclassify, ReclassifyReport, ReclassifyStatus, StoreError};
use parking_lot::RwLock;
use uuid::Uuid;

use super::Maintenance;
use super::flush::flush_scope;
use super::maintainer::Maintainer;
use super::rewrite::{Rewritten, discard, on_a_background_thread};
use crate::columns::reclassified::{NewText, Reclassified};
use crate::columns::rows::Rows;
use crate::columns::{Chunk, Columns};
use crate::encoding::row::instant;
use crate::segment::Segment;
use crate::segment::file::{self, Source};
use crate::state::State;
use crate::state::reclassifications::{ReclassificationRecord, ReclassificationState, Staged, StagedRow};
use crate::state::scope::Scope;
use crate::wal::commands::{Command, Swap};
use crate::wal::manifest::NewSegment;

/// How long it goes on if an erasure is pending; within a minute that is to be done too.
const TURN: Duration = Duration::from_secs(10);

/// Builds the record of a request.
pub(crate) fn record(state: &State, scope: EventScope, request: Reclassify) -> ReclassificationRecord {
    let range = request.range.map(|range| (range.from().millis(), range.to().millis()));
    ReclassificationRecord {
        id: request.id,
        scope,
        range: range.unwrap_or((i64::MIN, i64::MAX)),
        rules: request.rules,
        at: state.now(),
        finished_at: None,
        changes: RuleChanges::default(),
    }
}

/// Returns the report of a re-classification.
pub(crate) fn report(state: &State, found: &ReclassificationState) -> ReclassifyReport {
    let ReclassificationState { record, staged, failed } = found;
    if record.finished_at.is_some() {
        let (status, changes) = (ReclassifyStatus::Done, record.changes.clone());
        let events = changes.events + changes.unreadable;
        return ReclassifyReport { status, events_done: events, events_total: events, changes };
    }
    let scope = state.scopes.get_or_new(record.scope);
    let (mut done, mut total) = (0, scope.data.read().memtable_rows() as u64);
    let mut counter = RuleChangeCounter::default();
    for segment in segments_in_range(&scope, record) {
        total += segment.rows as u64;
        if let Some(staged) = staged.get(&segment.id) {
            done += segment.rows as u64;
            counter.add_all(staged.changes.clone());
        }
    }
    let status = if *failed { ReclassifyStatus::Failed } else { ReclassifyStatus::Running };
    ReclassifyReport { status, events_done: done, events_total: total, changes: counter.finish() }
}

/// The segments with events in the range.
fn segments_in_range(scope: &Scope, record: &ReclassificationRecord) -> Vec<Arc<Segment>> {
    let (from, to) = record.range;
    let mut segments = scope.data.read().segments.clone();
    segments.retain(|segment| segment.latest >= from && segment.earliest < to);
    segments
}

impl Maintainer {
    /// Executes all unfinished re-classifications, until the store closes. If an erasure is pending, it stops
    /// after some time, and the next round goes on.
    pub(crate) fn reclassify_pending(&mut self) -> Result<(), StoreError> {
        let (mut all, until) = (Ok(()), Instant::now() + TURN);
        for record in self.work.state.reclassifications.pending() {
            let done = self.reclassify(&record, until);
            if self.must_stop(until) {
                return all;
            }
            if let Some(state) = self.work.state.reclassifications.by_id.write().get_mut(&record.id) {
                state.failed = done.is_err();
            }
            all = all.and(done);
        }
        all
    }

    fn reclassify(&self, record: &ReclassificationRecord, until: Instant) -> Result<(), StoreError> {
        let scope = self.work.state.scopes.get_or_new(record.scope);
        // The second time finds the few events that arrived during the first. Later ones were classified
        // long after the rules were set.
        for _ in 0..2 {
            flush_scope(&self.work, &scope)?;
            for segment in segments_in_range(&scope, record) {
                if self.is_staged(record.id, segment.id) {
                    continue;
                }
                self.check(until)?;
                on_a_background_thread(|| self.stage(&scope, record, &segment, until))?;
            }
        }
        self.check(until)?;
        self.finish(&scope, record)
    }

    /// Whether the work must stop: erasures have a deadline, and closing must be quick.
    fn must_stop(&self, until: Instant) -> bool {
        self.work.signal.is_closing() || (Instant::now() >= until && self.work.state.erasures.any_pending())
    }

    /// Returns an error if the work must stop.
    fn check(&self, until: Instant) -> Result<(), StoreError> {
        if self.must_stop(until) {
            return Err(StoreError::Internal("a re-classification was interrupted".to_owned()));
        }
        Ok(())
    }

    fn is_staged(&self, id: ReclassificationId, segment: i64) -> bool {
        let by_id = self.work.state.reclassifications.by_id.read();
        by_id.get(&id).is_some_and(|state| state.staged.contains_key(&segment))
    }

    /// Classifies a segment, writes its new file if anything changes, and records that.
    pub(crate) fn stage(
        &self,
        scope: &Scope,
        record: &ReclassificationRecord,
        segment: &Arc<Segment>,
        until: Instant,
    ) -> Result<(), StoreError> {
        self.work.counters.reclassified.during(|| {
            let staged = match self.write(record, segment, until) {
                // Queries over a damaged file fail; its events keep what they have.
                Err(StoreError::Local(LocalError::Corrupt(why))) => {
                    tracing::error!(why, project = %scope.id.project, "a segment cannot be classified again");
                    let mut counter = RuleChangeCounter::default();
                    counter.add_unreadable(segment.rows as u64);
                    Staged { path: None, changes: counter.finish() }
                }
                staged => staged?,
            };
            let (path, events) = (staged.path.clone(), staged.changes.events);
            let recorded = self.work.queue.execute(Command::Stage(Box::new((segment.id, record.id, staged))));
            if let (Err(error), Some(path)) = (&recorded, path)
                && !matches!(error, StoreError::Local(LocalError::NotWritable(_)))
            {
                let _ = std::fs::remove_file(self.work.state.segments_folder().join(path));
            }
            recorded.map(|_| events)
        })
    }

    fn write(
        &self,
        record: &ReclassificationRecord,
        segment: &Arc<Segment>,
        until: Instant,
    ) -> Result<Staged, StoreError> {
        let columns = &self.work.state.columns;
        let chunk = Chunk::Segment(Arc::clone(segment));
        let times = columns.times(&chunk)?;
        let (all, (from, to)) = (0..segment.rows, record.range);
        let start = times.first_from(all.clone(), from);
        let rows = Rows::Span(start..times.first_from(start..all.end, to));
        let found = Reclassified::of(columns, &chunk, rows, &record.rules, &mut |_| self.check(until))?;
        let mut counter = RuleChangeCounter::default();
        let changes_any = found.count(None, &mut counter)?;
        let changes = counter.finish();
        if !changes_any {
            return Ok(Staged { path: None, changes });
        }
        let source = ReclassifiedSegment {
            columns,
            check: &|| self.check(until),
            ids: columns.event_ids(&chunk)?,
            project: segment.scope.project.to_string(),
            segment,
            chunk,
            found,
        };
        let folder = format!("{}/{}/{}", source.project, segment.scope.env.as_str(), month(segment));
        let path = format!("{folder}/{}.parquet", Uuid::now_v7().simple());
        let root = self.work.state.segments_folder();
        file::create_folder(&self.work.state.directory, &root.join(folder))?;
        file::write(&root.join(&path), &source)?;
        Ok(Staged { path: Some(path), changes })
    }

    /// Swaps the new files in.
    fn finish(&self, scope: &Scope, record: &ReclassificationRecord) -> Result<(), StoreError> {
        let staged = {
            let by_id = self.work.state.reclassifications.by_id.read();
            by_id.get(&record.id).map(|state| state.staged.clone()).unwrap_or_default()
        };
        let mut counter = RuleChangeCounter::default();
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for segment in segments_in_range(scope, record) {
            let Some(staged) = staged.get(&segment.id) else { continue };
            counter.add_all(staged.changes.clone());
            if let Some(path) = &staged.path {
                // A file that is gone is written again.
                let again = |_: &StoreError| drop(self.work.state.reclassifications.unstage(&[segment.id]));
                let new = staged_segment(&self.work.state, &segment, path).inspect_err(again)?;
                added.push(NewSegment {
                    segment: new,
                    month: month(&segment),
                    path: path.clone(),
                    timed_filter: None,
                });
                removed.push(segment);
            }
        }
        let finished_at = Some(self.work.state.now());
        let record = ReclassificationRecord { finished_at, changes: counter.finish(), ..record.clone() };
        let (scope, erased) = (scope.id, Vec::new());
        let reclassified = Some(Box::new(record));
        let staged = Vec::new();
        let swap = Swap { scope, flushed: None, removed, added, erased, reclassified, staged };
        self.work.queue.execute(Command::Swap(swap)).map(|_| ())
    }
}

/// The segment that a file will be, which has the same events as the old one.
fn staged_segment(state: &State, old: &Segment, path: &str) -> Result<Segment, StoreError> {
    let file = state.segments_folder().join(path);
    let bytes = file
        .metadata()
        .map_err(|error| StoreError::Local(LocalError::Corrupt(format!("{}: {error}", file.display()))))?;
    Ok(Segment {
        id: state.segments.next_id(),
        scope: old.scope,
        path: file,
        rows: old.rows,
        bytes: bytes.len(),
        earliest: old.earliest,
        latest: old.latest,
        latest_received: old.latest_received,
        known_ids: RwLock::new(old.known_ids.read().clone()),
        replaced: AtomicBool::new(false),
        uncompressed: OnceLock::new(),
    })
}

/// Rewrites what re-classifications will replace a segment by, for the segment of this id that replaces it
/// now. Returns each with its file, if there is one. A segment for which this fails is classified again.
pub(super) fn carry_over(
    work: &Maintenance,
    segment: &Segment,
    new_id: i64,
    rewrite: impl Fn(Arc<Segment>) -> Result<Rewritten, StoreError>,
) -> Vec<(StagedRow, Option<Segment>)> {
    let mut carried = Vec::new();
    for (id, Staged { path, changes }) in work.state.reclassifications.staged(segment.id) {
        let Some(path) = path else {
            carried.push(((new_id, id, Staged { path: None, changes }), None));
            continue;
        };
        let Ok(file) = staged_segment(&work.state, segment, &path).map(Arc::new) else { continue };
        let rewritten = rewrite(Arc::clone(&file)).map(|rewritten| rewritten.segments);
        work.state.columns.cache.remove(file.chunk_id());
        match rewritten.map(<[NewSegment; 1]>::try_from) {
            Ok(Ok([new])) => {
                let staged = Staged { path: Some(new.path), changes };
                carried.push(((new_id, id, staged), Some(new.segment)));
            }
            Ok(Err(others)) => discard(&others),
            Err(error) => tracing::warn!(%error, "a segment will be classified again"),
        }
    }
    carried
}

/// The calendar month (UTC) of the earliest event, `2026-05`.
fn month(segment: &Segment) -> String {
    let time = instant(segment.earliest).to_utc();
    format!("{:04}-{:02}", time.year(), time.month())
}

/// The rows of a segment with their new attributions and paths.
struct ReclassifiedSegment<'a> {
    columns: &'a Columns,
    /// Returns an error if the work must stop.
    check: &'a (dyn Fn() -> Result<(), StoreError> + Sync),
    segment: &'a Segment,
    chunk: Chunk,
    ids: Vec<EventId>,
    found: Reclassified,
    project: String,
}

impl Source for ReclassifiedSegment<'_> {
    fn project_id(&self) -> &str {
        &self.project
    }

    fn env(&self) -> &str {
        self.segment.scope.env.as_str()
    }

    fn rows(&self) -> usize {
        self.segment.rows
    }

    fn timestamps(&self) -> Result<Vec<i64>, StoreError> {
        self.columns.reader(self.segment)?.timestamps()
    }

    fn received(&self) -> Result<Vec<i64>, StoreError> {
        self.columns.reader(self.segment)?.received()
    }

    fn event_ids(&self) -> Result<impl ExactSizeIterator<Item = &EventId>, StoreError> {
        Ok(self.ids.iter())
    }

    fn texts(&self, field: Column, each: &mut dyn FnMut(Option<&str>)) -> Result<(), StoreError> {
        (self.check)()?;
        let stored = self.columns.text_once(&self.chunk, field)?;
        for row in 0..self.segment.rows {
            match self.found.new_text(field, row) {
                NewText::Same => each(stored.value(row)),
                NewText::Text(text) => each(text),
            }
        }
        Ok(())
    }
}
