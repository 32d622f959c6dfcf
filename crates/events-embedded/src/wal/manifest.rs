//! `events.db`: the hot log, the list of segments, erasures and floors, in SQLite.
//!
//! Every change is one transaction, synced before the call returns. Only the writer's thread
//! holds this; nothing here knows what is in memory. What is read at start is in `stored.rs`.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use millimetric_core::event::EventScope;
use millimetric_core::ids::ErasureId;
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::resources::options::OpenError;
use crate::segment::Segment;
use crate::segment::id_filter::IdFilter;
use crate::state::erasures::ErasureRecord;
use crate::wal::batch_codec;
use crate::wal::stored::{LogRow, env, project};
use millimetric_events::StoreError;

/// The format of `events.db` that this release writes.
pub(crate) const FORMAT: i64 = 2;
/// Format 1 knew no moments: its filters are of all ids of a segment.
const FROM_1: &str = "alter table segment add column ids_made blob";
/// SQLite's extended result code when the index of the write-ahead log cannot grow.
const IOERR_SHMSIZE: i32 = 4874;
const TABLES: &str = include_str!("tables.sql");
const BEGIN: &str = "begin immediate";
const COMMIT: &str = "commit";
const ROLLBACK: &str = "rollback";
const INSERT_HOT: &str =
    "insert into hot_log (seq, project, env, rows, format, data) values (?, ?, ?, ?, ?, ?)";
/// The transaction of one row in one call: each call to the driver costs two switches of threads.
const APPEND_ONE: &str = "begin immediate;
    insert into hot_log (seq, project, env, rows, format, data) values (?, ?, ?, ?, ?, ?);
    commit";
const PURGE_HOT: &str = "delete from hot_log where seq >= ? and seq < ? and project = ? and env = ?";
const PURGE_ALL_HOT: &str = "delete from hot_log where seq <= (select seq from sealed
    where project = hot_log.project and env = hot_log.env)";
const UPSERT_SEALED: &str = "insert into sealed (project, env, seq) values (?, ?, ?)
    on conflict (project, env) do update set seq = excluded.seq";
const INSERT_SEGMENT: &str =
    "insert into segment (id, project, env, month, path, rows, bytes, earliest, latest,
    latest_received, dedup_filter, ids_made) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const DELETE_SEGMENT: &str = "delete from segment where id = ?";
const DROP_KNOWN_IDS: &str = "update segment set dedup_filter = null, ids_made = null where id = ?";
const COUNT_ERASED: &str = "update erasure set events_deleted = events_deleted + ? where id = ?";
const INSERT_ERASURE: &str =
    "insert into erasure (id, project, env, kind, subject, include_linked, linked, at,
    events_deleted, finished_at) values (?, ?, ?, ?, ?, ?, null, ?, 0, null) on conflict (id) do nothing";
const LINK_ERASURE: &str = "update erasure set linked = ? where id = ?";
const FINISH_ERASURE: &str = "update erasure set finished_at = ? where id = ?";
/// Two mebibytes, which takes a few milliseconds.
const VACUUM_SOME: &str = "pragma incremental_vacuum(512)";
const FREE_PAGES: &str = "pragma freelist_count";
/// Only now the file becomes shorter.
const COPY_LOG: &str = "pragma wal_checkpoint(passive)";
/// Its first column tells whether somebody was in the way (sqlite.org/pragma.html).
const EMPTY_LOG: &str = "pragma wal_checkpoint(truncate)";
const UPSERT_FLOOR: &str = "insert into floor (project, env, before) values (?, ?, ?)
    on conflict (project, env) do update set before = excluded.before";

/// The database, open.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) connection: SqliteConnection,
}

/// A new segment beside what only the manifest keeps of it.
#[derive(Debug)]
pub(crate) struct NewSegment {
    pub(crate) segment: Segment,
    /// The calendar month of its earliest event, `2026-05`.
    pub(crate) month: String,
    /// Its path below the segments' folder.
    pub(crate) path: String,
    /// The filter of its ids that tell when they were made, for the cache: not kept here.
    pub(crate) made_ids: Option<IdFilter>,
}

/// What a rewrite changes, in one transaction.
#[derive(Debug)]
pub(crate) struct SwapRows<'a> {
    pub(crate) scope: EventScope,
    pub(crate) sealed_seq: Option<i64>,
    pub(crate) removed: &'a [i64],
    pub(crate) added: &'a [NewSegment],
    pub(crate) erased: &'a [(ErasureId, u64)],
}

impl Manifest {
    /// Opens or makes the file; also gives the store's key for keyed hashes.
    pub(crate) async fn open(directory: &Path, new_key: [u8; 16]) -> Result<(Self, [u8; 16]), OpenError> {
        let file = directory.join("events.db");
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&file)
            .map_err(|cause| OpenError::Unwritable { directory: directory.to_path_buf(), cause })?;
        let failed = |error: sqlx::Error| OpenError::database(&file, &database_error(error));
        let mut connection = connect(&file).await.map_err(failed)?;
        let format: i64 =
            sqlx::query_scalar("pragma user_version").fetch_one(&mut connection).await.map_err(failed)?;
        if format > FORMAT {
            return Err(OpenError::Format { file: file.clone(), found: format, known: FORMAT });
        }
        if format == 1 {
            sqlx::raw_sql(FROM_1).execute(&mut connection).await.map_err(failed)?;
        }
        sqlx::raw_sql(TABLES).execute(&mut connection).await.map_err(failed)?;
        let key: Vec<u8> = sqlx::query_scalar(
            "insert into meta (key, value) values ('hash_key', ?) on conflict (key) do update set value = value
             returning value",
        )
        .bind(new_key.as_slice())
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
        let key = key.try_into().map_err(|_| OpenError::Database {
            file: file.clone(),
            cause: "the key for keyed hashes has the wrong length".to_owned(),
        })?;
        Ok((Self { connection }, key))
    }

    /// Stores the rows, all or none, and syncs.
    pub(crate) async fn append(&mut self, rows: &[LogRow]) -> Result<(), StoreError> {
        if let [row] = rows {
            let done = insert_row(&mut self.connection, APPEND_ONE, row).await;
            return self.all_or_none(done).await;
        }
        self.begin().await?;
        let done = insert_rows(&mut self.connection, rows).await;
        self.end(done).await
    }

    /// Replaces hot rows or segments by new segments.
    pub(crate) async fn swap(&mut self, swap: &SwapRows<'_>) -> Result<(), StoreError> {
        self.begin().await?;
        let done = swap_rows(&mut self.connection, swap).await;
        self.end(done).await
    }

    /// Begins a transaction. The statements are our own, and not those of the driver's
    /// transaction: when the disk is full SQLite may have rolled back by itself, the driver then
    /// counts one transaction too many, and what it later calls a commit would be none.
    async fn begin(&mut self) -> Result<(), StoreError> {
        sqlx::query(BEGIN).execute(&mut self.connection).await.map(|_| ()).map_err(database_error)
    }

    /// Commits what was done, or takes all of it back.
    async fn end(&mut self, done: Result<(), sqlx::Error>) -> Result<(), StoreError> {
        let committed = match done {
            Ok(()) => sqlx::query(COMMIT).execute(&mut self.connection).await.map(|_| ()),
            error => error,
        };
        self.all_or_none(committed).await
    }

    /// Takes everything back if the transaction was not committed.
    async fn all_or_none(&mut self, committed: Result<(), sqlx::Error>) -> Result<(), StoreError> {
        if committed.is_err() {
            // It says so when SQLite has rolled back already. Were a transaction still open, the
            // next one could not begin.
            let _ = sqlx::query(ROLLBACK).execute(&mut self.connection).await;
        }
        committed.map_err(database_error)
    }

    /// Deletes sealed rows of the hot log, those numbered `from` to before `to`.
    pub(crate) async fn purge(&mut self, scope: EventScope, from: i64, to: i64) -> Result<(), StoreError> {
        let query = sqlx::query(PURGE_HOT).bind(from).bind(to).bind(project(scope)).bind(env(scope));
        query.execute(&mut self.connection).await.map(|_| ()).map_err(database_error)
    }

    /// Deletes every sealed row of the hot log that is left from before the start.
    pub(crate) async fn purge_all(&mut self) -> Result<(), StoreError> {
        sqlx::query(PURGE_ALL_HOT).execute(&mut self.connection).await.map(|_| ()).map_err(database_error)
    }

    /// Empties the write-ahead log. An error when it could not be emptied, since another program
    /// reads the database.
    pub(crate) async fn empty_log(&mut self) -> Result<(), StoreError> {
        let kept: bool =
            sqlx::query_scalar(EMPTY_LOG).fetch_one(&mut self.connection).await.map_err(database_error)?;
        if kept {
            let why = "events.db: another program reads it, so that its write-ahead log cannot be emptied";
            return Err(StoreError::Internal(why.to_owned()));
        }
        Ok(())
    }

    /// Gives some free pages back to the system when there are more than `spare`, and tells whether
    /// it did. Batches wait only for so few at a time.
    pub(crate) async fn shrink(&mut self, spare: i64) -> Result<bool, StoreError> {
        let before = self.free_pages().await?;
        if before <= spare {
            return Ok(false);
        }
        for pragma in [VACUUM_SOME, COPY_LOG] {
            sqlx::query(pragma).fetch_all(&mut self.connection).await.map_err(database_error)?;
        }
        Ok(self.free_pages().await? < before)
    }

    async fn free_pages(&mut self) -> Result<i64, StoreError> {
        sqlx::query_scalar(FREE_PAGES).fetch_one(&mut self.connection).await.map_err(database_error)
    }

    pub(crate) async fn drop_known_ids(&mut self, segments: &[i64]) -> Result<(), StoreError> {
        self.begin().await?;
        let mut done = Ok(());
        for id in segments {
            let dropped = sqlx::query(DROP_KNOWN_IDS).bind(id).execute(&mut self.connection).await;
            done = done.and(dropped.map(|_| ()));
        }
        self.end(done).await
    }

    pub(crate) async fn insert_erasure(&mut self, erasure: &ErasureRecord) -> Result<(), StoreError> {
        sqlx::query(INSERT_ERASURE)
            .bind(erasure.id.uuid().as_bytes().as_slice())
            .bind(project(erasure.scope))
            .bind(env(erasure.scope))
            .bind(i64::from(erasure.is_user))
            .bind(erasure.subject.to_le_bytes().as_slice())
            .bind(i64::from(erasure.include_linked))
            .bind(erasure.at)
            .execute(&mut self.connection)
            .await
            .map(|_| ())
            .map_err(database_error)
    }

    pub(crate) async fn link_erasure(&mut self, id: ErasureId, linked: &[u128]) -> Result<(), StoreError> {
        let bytes: Vec<u8> = linked.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let query = sqlx::query(LINK_ERASURE).bind(bytes).bind(id.uuid().as_bytes().to_vec());
        query.execute(&mut self.connection).await.map(|_| ()).map_err(database_error)
    }

    pub(crate) async fn finish_erasure(&mut self, id: ErasureId, at: i64) -> Result<(), StoreError> {
        let query = sqlx::query(FINISH_ERASURE).bind(at).bind(id.uuid().as_bytes().to_vec());
        query.execute(&mut self.connection).await.map(|_| ()).map_err(database_error)
    }

    pub(crate) async fn set_floor(&mut self, scope: EventScope, before: i64) -> Result<(), StoreError> {
        let query = sqlx::query(UPSERT_FLOOR).bind(project(scope)).bind(env(scope)).bind(before);
        query.execute(&mut self.connection).await.map(|_| ()).map_err(database_error)
    }

    pub(crate) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "events.db did not close cleanly; nothing is lost");
        }
    }
}

async fn connect(file: &PathBuf) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).disable_statement_logging();
    // The vacuum mode must stand before the first page is written, which the journal mode does. A
    // file with pages has it; closing a connection would empty its write-ahead log for nothing.
    if std::fs::metadata(file).is_ok_and(|file| file.len() == 0) {
        options.clone().auto_vacuum(SqliteAutoVacuum::Incremental).connect().await?.close().await?;
    }
    let mut connection = options.pragma("secure_delete", "on").connect().await?;
    sqlx::raw_sql("pragma auto_vacuum = incremental; pragma journal_mode = wal; pragma synchronous = full")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

async fn insert_rows(connection: &mut SqliteConnection, rows: &[LogRow]) -> Result<(), sqlx::Error> {
    for row in rows {
        insert_row(connection, INSERT_HOT, row).await?;
    }
    Ok(())
}

/// Runs a statement that inserts this row of the hot log.
async fn insert_row(
    connection: &mut SqliteConnection,
    statement: &'static str,
    row: &LogRow,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(statement)
        .bind(row.seq)
        .bind(project(row.scope))
        .bind(env(row.scope))
        .bind(row.rows as i64)
        .bind(batch_codec::FORMAT)
        .bind(row.frames.as_slice());
    query.execute(connection).await.map(|_| ())
}

async fn swap_rows(connection: &mut SqliteConnection, swap: &SwapRows<'_>) -> Result<(), sqlx::Error> {
    for new in swap.added {
        insert_segment(connection, new).await?;
    }
    for id in swap.removed {
        sqlx::query(DELETE_SEGMENT).bind(id).execute(&mut *connection).await?;
    }
    for (id, count) in swap.erased {
        let query = sqlx::query(COUNT_ERASED).bind(*count as i64).bind(id.uuid().as_bytes().as_slice());
        query.execute(&mut *connection).await?;
    }
    if let Some(seq) = swap.sealed_seq {
        let query = sqlx::query(UPSERT_SEALED).bind(project(swap.scope)).bind(env(swap.scope)).bind(seq);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_segment(connection: &mut SqliteConnection, new: &NewSegment) -> Result<(), sqlx::Error> {
    let segment = &new.segment;
    let known = segment.known_ids.read().clone();
    let others = known.as_ref().and_then(|known| known.others.as_ref()).map(IdFilter::to_bytes);
    sqlx::query(INSERT_SEGMENT)
        .bind(segment.id)
        .bind(project(segment.scope))
        .bind(env(segment.scope))
        .bind(&new.month)
        .bind(&new.path)
        .bind(segment.rows as i64)
        .bind(segment.bytes as i64)
        .bind(segment.earliest)
        .bind(segment.latest)
        .bind(segment.latest_received)
        .bind(others)
        .bind(known.map(|known| known.made.to_bytes()))
        .execute(connection)
        .await
        .map(|_| ())
}

/// A failure of SQLite as the store's own, by its primary result code (sqlite.org/rescode.html).
pub(crate) fn database_error(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    let text = format!("events.db: {error}");
    match code.map(|code| code & 0xff) {
        // Full; also when there is no room for the index of the write-ahead log.
        Some(13) => StoreError::StorageFull,
        _ if code == Some(IOERR_SHMSIZE) => StoreError::StorageFull,
        Some(10 | 8) => StoreError::NotWritable(text),
        Some(11 | 26) => StoreError::Corrupt(text),
        _ => StoreError::Internal(text),
    }
}
