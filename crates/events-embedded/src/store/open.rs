//! Opens a data directory: takes the lock, reads the manifest, deletes files that a crash left behind, and
//! replays the write-ahead log.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use millimetric_core::event::EventScope;
use parking_lot::RwLock;

use crate::columns::Columns;
use crate::columns::cache::ColumnCache;
use crate::encoding::event_key::EventKey;
use crate::encoding::keyed_hash::KeyedHash;
use millimetric_core::column::Column;

use crate::maintenance::Maintenance;
use crate::resources::directory_lock::DirectoryLock;
use crate::resources::options::{OpenError, Options};
use crate::resources::query_context::QueryResources;
use crate::segment::Segment;
use crate::segment::id_filter::KnownIds;
use crate::state::State;
use crate::state::reclassifications::StagedRow;
use crate::wal::manifest::Manifest;
use crate::wal::queue::WriterQueue;
use crate::wal::recent_ids::RecentIds;
use crate::wal::replay;
use crate::wal::stored::{Damage, StoredSegment};
use crate::wal::writer::Writer;
use millimetric_events::{LocalError, StoreError};

/// A store that is read, before its threads run.
pub(crate) struct Opened {
    pub(crate) lock: DirectoryLock,
    pub(crate) writer: Writer,
    pub(crate) maintenance: Arc<Maintenance>,
    pub(crate) queries: Arc<QueryResources>,
}

/// Locks the directory and reads its store.
pub(crate) fn open(directory: &Path, options: Options) -> Result<Opened, OpenError> {
    let lock = DirectoryLock::take(directory)?;
    let unwritable = |cause| OpenError::Unwritable { directory: directory.to_path_buf(), cause };
    let mut new_key = [0; 16];
    getrandom::fill(&mut new_key).map_err(|error| unwritable(io::Error::other(error)))?;
    let (mut manifest, key) = Manifest::open(directory, new_key)?;
    let columns = Columns { cache: ColumnCache::new(options.cache_bytes), hash: KeyedHash::new(key) };
    let queries = QueryResources::new(options.query_bytes, options.query_timeout).map_err(unwritable)?;
    let queue = Arc::new(WriterQueue::new(options.queue_bytes));
    let state = Arc::new(State::new(directory.to_path_buf(), options, columns));
    let read = read(&state, &mut manifest);
    let (ids, next_seq) = read.map_err(|error| OpenError::database(&directory.join("events.db"), &error))?;
    let maintenance = Arc::new(Maintenance::new(Arc::clone(&state), Arc::clone(&queue)));
    // The previous process may have ended during an expiry.
    let has_expired =
        state.scopes.all().iter().any(|scope| scope.data.read().tombstones.retention_watermark > i64::MIN);
    maintenance.expired_in_database.store(has_expired, Ordering::Relaxed);
    let flush = Arc::clone(&maintenance.flush_signal);
    let writer = Writer { state, queue, flush, manifest, ids, next_seq };
    Ok(Opened { lock, writer, maintenance, queries: Arc::new(queries) })
}

fn read(state: &State, manifest: &mut Manifest) -> Result<(HashMap<EventScope, RecentIds>, i64), StoreError> {
    let staged = manifest.staged()?;
    add_segments(state, manifest.segments()?, &staged)?;
    read_reclassifications(state, manifest, staged)?;
    state.segments.continue_after(manifest.last_segment()?);
    for stored in manifest.retention_watermarks()? {
        // A lost watermark is set again: the server applies retention at every start.
        let Ok((scope, before)) = stored.inspect_err(report) else { continue };
        state.scopes.get_or_new(scope).data.write().tombstones.retention_watermark = before;
    }
    let mut scopes = HashSet::new();
    for erasure in manifest.erasures()? {
        let stored = match erasure.inspect_err(report) {
            Ok(stored) => stored,
            Err(damage) => {
                refuse_queries(state, damage)?;
                continue;
            }
        };
        scopes.insert(stored.scope);
        state.erasures.insert(stored);
    }
    for scope in scopes {
        state.update_tombstones(scope);
    }
    let last_seq = manifest.last_seq()?;
    let ids = replay::replay(state, |each| {
        // The row stays in the file, so that its events are back once it is repaired.
        let readable = |row: Result<_, Damage>| row.inspect_err(report).into_iter().for_each(&mut *each);
        manifest.hot_log(readable)
    })?;
    Ok((ids, last_seq))
}

fn report(damage: &Damage) {
    tracing::error!("events.db: {}: the row cannot be read and is skipped", damage.name);
}

/// Reads the re-classifications. What one has done with a segment is forgotten if the segment or the new file
/// is not there, as in a restored backup.
fn read_reclassifications(
    state: &State,
    manifest: &mut Manifest,
    rows: Vec<StagedRow>,
) -> Result<(), StoreError> {
    let segments: HashSet<i64> = state.scopes.all().iter().flat_map(|scope| scope.segment_ids()).collect();
    let is_there = |(segment, _, staged): &StagedRow| {
        let path = staged.path.as_ref().map(|path| state.segments_folder().join(path));
        segments.contains(segment) && path.is_none_or(|path| path.is_file())
    };
    let (staged, useless): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_there);
    manifest.unstage(&useless.iter().map(|(segment, ..)| *segment).collect::<Vec<_>>())?;
    for path in useless.into_iter().filter_map(|(.., staged)| staged.path) {
        // If it is there, its segment is not.
        let _ = std::fs::remove_file(state.segments_folder().join(path));
    }
    let mut by_id: HashMap<_, HashMap<i64, _>> = HashMap::new();
    for (segment, id, staged) in staged {
        by_id.entry(id).or_default().insert(segment, staged);
    }
    for record in manifest.reclassifications()? {
        // The server asks again for one that it does not find.
        let Ok(record) = record.inspect_err(report) else { continue };
        let staged = by_id.remove(&record.id).unwrap_or_default();
        state.reclassifications.insert(record, staged);
    }
    Ok(())
}

/// Refuses queries to the scope of an unreadable erasure: any response could contain the person's events.
///
/// # Errors
/// `Corrupt` if the scope is unknown too; then the store cannot be opened.
fn refuse_queries(state: &State, damage: Damage) -> Result<(), StoreError> {
    let Damage { name, scope } = damage;
    let why = format!("events.db: {name}, so the person to erase is unknown");
    let scope = scope.ok_or_else(|| StoreError::Local(LocalError::Corrupt(why.clone())))?;
    tracing::error!(project = %scope.project, "{why}: queries to this project fail until events.db is restored");
    state.erasures.refuse_queries(scope, why);
    Ok(())
}

fn add_segments(
    state: &State,
    rows: Vec<Result<StoredSegment, Damage>>,
    staged: &[StagedRow],
) -> Result<(), StoreError> {
    let mut files_are_known = true;
    let mut segments = Vec::with_capacity(rows.len());
    for row in rows {
        let segment = row.inspect_err(report);
        let damage = segment.as_ref().map_or_else(Some, |segment| segment.damage.as_ref());
        files_are_known &= damage.is_none();
        if let (Ok(_), Some(damage)) = (&segment, damage) {
            tracing::error!("events.db: {}: queries over its time range fail", damage.name);
        }
        segments.extend(segment.ok());
    }
    // The file of an unreadable row would look like one that the manifest does not list.
    if files_are_known {
        let staged = staged.iter().filter_map(|(.., staged)| staged.path.as_ref());
        let paths = segments.iter().map(|segment| &segment.path).chain(staged);
        remove_orphans(&state.segments_folder(), paths)?;
    }
    for segment in segments {
        add_segment(state, segment);
    }
    Ok(())
}

fn add_segment(state: &State, stored: StoredSegment) {
    let path = state.segments_folder().join(&stored.path);
    if !path.is_file() {
        tracing::error!(path = %path.display(), "a segment is missing: queries over its time range fail until the file is restored");
    }
    let segment = Segment {
        id: stored.id,
        scope: stored.scope,
        path,
        rows: stored.rows,
        bytes: stored.bytes,
        earliest: stored.earliest,
        latest: stored.latest,
        latest_received: stored.latest_received,
        known_ids: RwLock::new(stored.known_ids.map(Arc::new)),
        replaced: AtomicBool::new(false),
        uncompressed: OnceLock::new(),
    };
    if stored.ids_damaged {
        *segment.known_ids.write() = rebuild_known_ids(state, &segment);
    }
    state.scopes.get_or_new(stored.scope).data.write().segments.push(Arc::new(segment));
}

/// Rebuilds the id filter of a segment from its file; `None` if the file cannot be read either.
fn rebuild_known_ids(state: &State, segment: &Segment) -> Option<Arc<KnownIds>> {
    let key = |text: Option<&str>| EventKey::of(&state.columns.hash, text.unwrap_or_default());
    let ids = state.columns.reader(segment).and_then(|reader| reader.derive(Column::EventId, key));
    let known = ids.and_then(|ids| KnownIds::of(ids.into_iter()));
    let path = segment.path.display();
    match known {
        Ok((known, _)) => {
            tracing::warn!(%path, "the id filter of a segment in events.db was damaged and is rebuilt");
            Some(Arc::new(known))
        }
        Err(error) => {
            tracing::error!(%error, %path, "duplicates of a segment's events cannot be detected");
            None
        }
    }
}

/// Deletes files that the manifest does not list: unfinished ones, and those whose swap was not committed.
fn remove_orphans<'a>(folder: &Path, paths: impl Iterator<Item = &'a String>) -> Result<(), StoreError> {
    let known: HashSet<PathBuf> = paths.map(|path| folder.join(path)).collect();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let failed = |error: io::Error| StoreError::Internal(format!("{}: {error}", folder.display()));
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(path);
            } else if !known.contains(&path) {
                tracing::info!(path = %path.display(), "deleting a file that the manifest does not list");
                std::fs::remove_file(&path).map_err(failed)?;
            }
        }
    }
    Ok(())
}
