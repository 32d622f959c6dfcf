//! The manifest, `events.db` in SQLite: the write-ahead log of events, the list of segments, erasures
//! and retention watermarks (re-classifications: `manifest/reclassifications.rs`).
//!
//! Every change is one transaction, which is synced before the call returns. While a store is open,
//! only its writer's thread writes through this. `stored.rs` reads the rows at start.

mod reclassifications;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use rusqlite::{Connection, params};

use crate::resources::options::OpenError;
use crate::segment::Segment;
use crate::segment::id_filter::IdFilter;
use crate::state::erasures::ErasureRecord;
use crate::state::reclassifications::{ReclassificationRecord, StagedRow};
use crate::wal::batch_codec;
use crate::wal::stored::{LogRow, env, project};
use millimetric_events::{LocalError, StoreError};

/// The format of `events.db` that this release writes.
pub(crate) const FORMAT: i64 = 2;
/// Format 1 had no spans of UUID times: its filters contain all ids of a segment.
const FROM_1: &str = "alter table segment add column ids_made blob";
/// SQLite's extended result code if the shared-memory index of its write-ahead log cannot grow.
const IOERR_SHMSIZE: i32 = 4874;
const TABLES: &str = include_str!("tables.sql");
const HASH_KEY: &str = "insert into meta (key, value) values ('hash_key', ?)
    on conflict (key) do update set value = value returning value";
const BEGIN: &str = "begin immediate";
const COMMIT: &str = "commit";
const ROLLBACK: &str = "rollback";
const INSERT_LOG_ROW: &str =
    "insert into hot_log (seq, project, env, rows, format, data) values (?, ?, ?, ?, ?, ?)";
const DELETE_FLUSHED: &str = "delete from hot_log where seq >= ? and seq < ? and project = ? and env = ?";
const DELETE_ALL_FLUSHED: &str = "delete from hot_log where seq <= (select seq from sealed
    where project = hot_log.project and env = hot_log.env)";
const UPSERT_FLUSHED: &str = "insert into sealed (project, env, seq) values (?, ?, ?)
    on conflict (project, env) do update set seq = excluded.seq";
const INSERT_SEGMENT: &str =
    "insert into segment (id, project, env, month, path, rows, bytes, earliest, latest,
    latest_received, dedup_filter, ids_made) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const DELETE_SEGMENT: &str = "delete from segment where id = ?";
const DROP_KNOWN_IDS: &str = "update segment set dedup_filter = null, ids_made = null where id = ?";
/// What was written to replace a segment is of no use once something else has replaced it.
const UNSTAGE: &str = "delete from reclassified where segment = ?";
const COUNT_ERASED: &str = "update erasure set events_deleted = events_deleted + ? where id = ?";
const INSERT_ERASURE: &str =
    "insert into erasure (id, project, env, kind, subject, include_linked, linked, at,
    events_deleted, finished_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing";
const LINK_ERASURE: &str = "update erasure set linked = ? where id = ?";
const FINISH_ERASURE: &str = "update erasure set finished_at = ? where id = ?";
/// 512 pages are 2 MiB, which takes a few milliseconds.
const VACUUM_SOME: &str = "pragma incremental_vacuum(512)";
const FREE_PAGES: &str = "pragma freelist_count";
/// The file becomes shorter only with a checkpoint.
const CHECKPOINT: &str = "pragma wal_checkpoint(passive)";
/// The first column is 1 if another connection blocked it (sqlite.org/pragma.html).
const TRUNCATE_WAL: &str = "pragma wal_checkpoint(truncate)";
const UPSERT_RETENTION_WATERMARK: &str = "insert into floor (project, env, before) values (?, ?, ?)
    on conflict (project, env) do update set before = excluded.before";

/// The open database.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) connection: Connection,
}

/// A new segment, with what only the manifest stores of it.
#[derive(Debug)]
pub(crate) struct NewSegment {
    pub(crate) segment: Segment,
    /// The calendar month of its earliest event, `2026-05`.
    pub(crate) month: String,
    /// Its path relative to the folder `segments`.
    pub(crate) path: String,
    /// The filter of its ids that are UUIDs of version 7; it goes to the cache and is not stored.
    pub(crate) timed_filter: Option<IdFilter>,
}

/// The changes of a rewrite, for one transaction.
#[derive(Debug)]
pub(crate) struct SwapRows<'a> {
    pub(crate) scope: EventScope,
    /// `seq` of the last flushed row, if this is a flush.
    pub(crate) flushed_seq: Option<i64>,
    pub(crate) removed: &'a [i64],
    pub(crate) added: &'a [NewSegment],
    pub(crate) erased: &'a [(ErasureId, u64)],
    /// The re-classification that this finishes.
    pub(crate) reclassified: Option<&'a ReclassificationRecord>,
    /// What re-classifications will replace the new segments by.
    pub(crate) staged: &'a [StagedRow],
}

impl Manifest {
    /// Opens or creates the file and migrates an older format. Also returns the store's key for keyed
    /// hashes, which is `new_key` if the store is new.
    pub(crate) fn open(directory: &Path, new_key: [u8; 16]) -> Result<(Self, [u8; 16]), OpenError> {
        let file = directory.join("events.db");
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&file)
            .map_err(|cause| OpenError::Unwritable { directory: directory.to_path_buf(), cause })?;
        let failed = |error: rusqlite::Error| OpenError::database(&file, &database_error(error));
        let connection = connect(&file).map_err(failed)?;
        let format = connection.query_row("pragma user_version", [], |row| row.get(0)).map_err(failed)?;
        if format > FORMAT {
            return Err(OpenError::Format { file: file.clone(), found: format, known: FORMAT });
        }
        if format == 1 {
            connection.execute_batch(FROM_1).map_err(failed)?;
        }
        connection.execute_batch(TABLES).map_err(failed)?;
        let key: Vec<u8> =
            connection.query_row(HASH_KEY, [new_key.as_slice()], |row| row.get(0)).map_err(failed)?;
        let key = key.try_into().map_err(|_| OpenError::Database {
            file: file.clone(),
            cause: "the key for keyed hashes has the wrong length".to_owned(),
        })?;
        Ok((Self { connection }, key))
    }

    /// Appends the rows to the write-ahead log, all or none, and syncs.
    pub(crate) fn append(&mut self, rows: &[LogRow]) -> Result<(), StoreError> {
        self.transaction(|connection| {
            let mut insert = connection.prepare_cached(INSERT_LOG_ROW)?;
            for row in rows {
                let (rows, data) = (row.rows as i64, row.frames.as_slice());
                let (project, env) = (project(row.scope), env(row.scope));
                insert.execute(params![row.seq, project, env, rows, batch_codec::FORMAT, data])?;
            }
            Ok(())
        })
    }

    /// Replaces rows of the log, or segments, by new segments.
    pub(crate) fn swap(&mut self, swap: &SwapRows<'_>) -> Result<(), StoreError> {
        self.transaction(|connection| {
            for new in swap.added {
                insert_segment(connection, new)?;
            }
            for id in swap.removed {
                connection.execute(DELETE_SEGMENT, [id])?;
                connection.execute(UNSTAGE, [id])?;
            }
            for (id, count) in swap.erased {
                connection.execute(COUNT_ERASED, params![*count as i64, id.uuid().as_bytes()])?;
            }
            for row in swap.staged {
                reclassifications::insert_staged(connection, row)?;
            }
            if let Some(record) = swap.reclassified {
                reclassifications::finish(connection, record)?;
            }
            if let Some(seq) = swap.flushed_seq {
                connection.execute(UPSERT_FLUSHED, params![project(swap.scope), env(swap.scope), seq])?;
            }
            Ok(())
        })
    }

    /// Runs statements in one transaction: commits all of them or rolls all of them back.
    pub(super) fn transaction(
        &self,
        statements: impl FnOnce(&Connection) -> Result<(), rusqlite::Error>,
    ) -> Result<(), StoreError> {
        let run = |sql| self.connection.prepare_cached(sql)?.execute([]).map(|_| ());
        run(BEGIN).map_err(database_error)?;
        let committed = statements(&self.connection).and_then(|()| run(COMMIT));
        // On a full disk SQLite may have rolled back by itself (sqlite.org/lang_transaction.html).
        if committed.is_err() && !self.connection.is_autocommit() {
            let _ = run(ROLLBACK);
        }
        committed.map_err(database_error)
    }

    /// Deletes flushed rows of the log with `from` ≤ `seq` < `to`.
    pub(crate) fn delete_flushed(&mut self, scope: EventScope, from: i64, to: i64) -> Result<(), StoreError> {
        self.execute(DELETE_FLUSHED, params![from, to, project(scope), env(scope)])
    }

    /// Deletes all flushed rows of the log, those of earlier processes included.
    pub(crate) fn delete_all_flushed(&mut self) -> Result<(), StoreError> {
        self.execute(DELETE_ALL_FLUSHED, [])
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), StoreError> {
        self.connection.execute(sql, values).map(|_| ()).map_err(database_error)
    }

    /// Checkpoints SQLite's write-ahead log and truncates it.
    ///
    /// # Errors
    /// `Internal` if another program reads the database, so that it could not be emptied.
    pub(crate) fn truncate_wal(&mut self) -> Result<(), StoreError> {
        let busy: bool =
            self.connection.query_row(TRUNCATE_WAL, [], |row| row.get(0)).map_err(database_error)?;
        if busy {
            let why = "events.db: another program reads it, so that its write-ahead log cannot be emptied";
            return Err(StoreError::Internal(why.to_owned()));
        }
        Ok(())
    }

    /// Returns up to 512 free pages to the file system if there are more than `spare_pages`, and reports
    /// whether it did. Batches wait meanwhile, so one call takes only a few milliseconds.
    pub(crate) fn vacuum(&mut self, spare_pages: i64) -> Result<bool, StoreError> {
        let before = self.free_pages()?;
        if before <= spare_pages {
            return Ok(false);
        }
        for pragma in [VACUUM_SOME, CHECKPOINT] {
            self.run_to_end(pragma).map_err(database_error)?;
        }
        Ok(self.free_pages()? < before)
    }

    /// Runs a statement that does its work while its rows are read.
    fn run_to_end(&self, sql: &str) -> Result<(), rusqlite::Error> {
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    fn free_pages(&self) -> Result<i64, StoreError> {
        self.connection.query_row(FREE_PAGES, [], |row| row.get(0)).map_err(database_error)
    }

    /// Deletes the id filters of these segments.
    pub(crate) fn drop_known_ids(&mut self, segments: &[i64]) -> Result<(), StoreError> {
        self.transaction(|connection| {
            segments.iter().try_for_each(|id| connection.execute(DROP_KNOWN_IDS, [id]).map(|_| ()))
        })
    }

    pub(crate) fn insert_erasure(&mut self, erasure: &ErasureRecord) -> Result<(), StoreError> {
        let id = erasure.id.uuid();
        let values = params![
            id.as_bytes(),
            project(erasure.scope),
            env(erasure.scope),
            i64::from(erasure.is_user),
            erasure.subject.to_le_bytes(),
            i64::from(erasure.include_linked),
            erasure.linked.as_deref().map(linked_bytes),
            erasure.at,
            erasure.events_deleted.cast_signed(),
            erasure.finished_at,
        ];
        self.execute(INSERT_ERASURE, values)
    }

    pub(crate) fn link_erasure(&mut self, id: ErasureId, linked: &[u128]) -> Result<(), StoreError> {
        self.execute(LINK_ERASURE, params![linked_bytes(linked), id.uuid().as_bytes()])
    }

    pub(crate) fn finish_erasure(&mut self, id: ErasureId, at: i64) -> Result<(), StoreError> {
        self.execute(FINISH_ERASURE, params![at, id.uuid().as_bytes()])
    }

    pub(crate) fn set_retention_watermark(
        &mut self,
        scope: EventScope,
        before: i64,
    ) -> Result<(), StoreError> {
        self.execute(UPSERT_RETENTION_WATERMARK, params![project(scope), env(scope), before])
    }

    pub(crate) fn close(self) {
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "events.db did not close cleanly; nothing is lost");
        }
    }
}

/// The hashes of linked visitors as they are stored.
fn linked_bytes(linked: &[u128]) -> Vec<u8> {
    linked.iter().flat_map(|hash| hash.to_le_bytes()).collect()
}

fn connect(file: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(file)?;
    // The vacuum mode must be set before the first page is written; setting the journal mode writes it.
    connection.execute_batch(
        "pragma secure_delete = on; pragma auto_vacuum = incremental; pragma journal_mode = wal;
        pragma synchronous = full",
    )?;
    Ok(connection)
}

fn insert_segment(connection: &Connection, new: &NewSegment) -> Result<(), rusqlite::Error> {
    let segment = &new.segment;
    let known = segment.known_ids.read().clone();
    let untimed = known.as_ref().and_then(|known| known.untimed.as_ref()).map(IdFilter::to_bytes);
    let values = params![
        segment.id,
        project(segment.scope),
        env(segment.scope),
        new.month,
        new.path,
        segment.rows as i64,
        segment.bytes as i64,
        segment.earliest,
        segment.latest,
        segment.latest_received,
        untimed,
        known.map(|known| known.uuid_times.to_bytes()),
    ];
    connection.execute(INSERT_SEGMENT, values).map(|_| ())
}

/// Maps an error of SQLite to a [`StoreError`] by its primary result code (sqlite.org/rescode.html).
pub(crate) fn database_error(error: rusqlite::Error) -> StoreError {
    let code = error.sqlite_error().map(|error| error.extended_code);
    let text = format!("events.db: {error}");
    match code.map(|code| code & 0xff) {
        // SQLITE_FULL, and no space for the index of the write-ahead log.
        Some(13) => StoreError::Local(LocalError::DiskFull),
        _ if code == Some(IOERR_SHMSIZE) => StoreError::Local(LocalError::DiskFull),
        Some(10 | 8) => StoreError::Local(LocalError::NotWritable(text)),
        Some(11 | 26) => StoreError::Local(LocalError::Corrupt(text)),
        _ => StoreError::Internal(text),
    }
}
