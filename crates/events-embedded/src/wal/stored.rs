//! Reads the rows of `events.db` at start and for inspection: the write-ahead log, segments, erasures
//! and retention watermarks. Writes nothing.
//!
//! A row that cannot be read is returned as [`Damage`] with its name, and does not stop the others;
//! `store/open.rs` decides what it means for its project.

use millimetric_core::event::EventScope;
use millimetric_core::ids::{ErasureId, ProjectId};
use millimetric_core::key::Env;
use rusqlite::Row;
use rusqlite::types::Type;
use uuid::Uuid;

use crate::encoding::uuid_time::TimeSpans;
use crate::segment::id_filter::IdFilter;
use crate::segment::id_filter::KnownIds;
use crate::state::erasures::ErasureRecord;
use crate::wal::batch_codec;
use crate::wal::manifest::{Manifest, database_error};
use millimetric_events::StoreError;

const SELECT_LOG_ROWS: &str = "select seq, project, env, rows, format, data from hot_log as log
    where seq > coalesce((select seq from sealed where project = log.project and env = log.env), 0) order by seq";
const LAST_SEQ: &str =
    "select max(coalesce((select max(seq) from hot_log), 0), coalesce((select max(seq) from sealed), 0))";
const LAST_SEGMENT: &str = "select coalesce(max(id), 0) from segment";
const SELECT_SEGMENTS: &str = "select id, project, env, path, rows, bytes, earliest, latest, latest_received,
    dedup_filter, ids_made from segment order by id";
const SELECT_ERASURES: &str =
    "select id, project, env, kind, subject, include_linked, linked, at, events_deleted,
    finished_at from erasure order by at, id";
const SELECT_RETENTION_WATERMARKS: &str = "select project, env, before from floor";

/// A row of the write-ahead log (the table `hot_log`).
#[derive(Debug)]
pub(crate) struct LogRow {
    pub(crate) seq: i64,
    pub(crate) scope: EventScope,
    pub(crate) rows: usize,
    pub(crate) frames: Vec<u8>,
    /// Number of columns that its events have.
    pub(crate) columns: usize,
}

/// A segment as the manifest lists it.
#[derive(Debug)]
pub(crate) struct StoredSegment {
    pub(crate) id: i64,
    pub(crate) scope: EventScope,
    pub(crate) path: String,
    pub(crate) rows: usize,
    pub(crate) bytes: u64,
    pub(crate) earliest: i64,
    pub(crate) latest: i64,
    pub(crate) latest_received: i64,
    pub(crate) known_ids: Option<KnownIds>,
    /// Set if path, rows or bytes cannot be read; then the path is of a file that does not exist.
    pub(crate) damage: Option<Damage>,
    /// Whether the id filter cannot be read and must be rebuilt from the file.
    pub(crate) ids_damaged: bool,
}

/// A row, or why it cannot be read.
pub(crate) type Readable<T> = Result<T, Damage>;

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The row and the error, such as `segment 7: Invalid column type …`.
    pub(crate) name: String,
    /// Its scope, if that can be read.
    pub(crate) scope: Option<EventScope>,
}

impl Damage {
    pub(crate) fn of(what: &str, id: &str, scope: Option<EventScope>, error: &rusqlite::Error) -> Self {
        Self { name: format!("{what} {id}: {error}"), scope }
    }
}

impl Manifest {
    /// The highest `seq` that was ever in the write-ahead log, flushed rows included.
    pub(crate) fn last_seq(&mut self) -> Result<i64, StoreError> {
        self.connection.query_row(LAST_SEQ, [], |row| row.get(0)).map_err(database_error)
    }

    /// The highest id of a segment, whether its row is readable or not; 0 without segments.
    pub(crate) fn last_segment(&mut self) -> Result<i64, StoreError> {
        self.connection.query_row(LAST_SEGMENT, [], |row| row.get(0)).map_err(database_error)
    }

    /// Calls `each` with the rows of the write-ahead log that are not flushed, in order.
    ///
    /// # Errors
    /// `Internal` if a newer release wrote a row.
    pub(crate) fn hot_log(&mut self, mut each: impl FnMut(Result<LogRow, Damage>)) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(SELECT_LOG_ROWS).map_err(database_error)?;
        let mut rows = statement.query([]).map_err(database_error)?;
        while let Some(row) = rows.next().map_err(database_error)? {
            let format: i64 = row.get("format").map_err(database_error)?;
            let Some(columns) = batch_codec::columns_of(format) else {
                let text = format!("events.db: the write-ahead log has format {format}: use a newer release");
                return Err(StoreError::Internal(text));
            };
            each(log_row(row, columns).map_err(|error| Damage::of("row", &number(row, "seq"), None, &error)));
        }
        Ok(())
    }

    /// Every segment whose scope can be read, even if other columns are damaged, and the damage of the rest.
    pub(crate) fn segments(&mut self) -> Result<Vec<Readable<StoredSegment>>, StoreError> {
        self.read_all(SELECT_SEGMENTS, segment)
    }

    pub(crate) fn erasures(&mut self) -> Result<Vec<Readable<ErasureRecord>>, StoreError> {
        let read = |row: &Row<'_>| {
            erasure(row).map_err(|error| Damage::of("erasure", &erasure_name(row), scope(row).ok(), &error))
        };
        self.read_all(SELECT_ERASURES, read)
    }

    pub(crate) fn retention_watermarks(&mut self) -> Result<Vec<Readable<(EventScope, i64)>>, StoreError> {
        let read = |row: &Row<'_>| {
            let read = || Ok::<_, rusqlite::Error>((scope(row)?, row.get("before")?));
            read().map_err(|error| Damage::of("floor", &number(row, "before"), None, &error))
        };
        self.read_all(SELECT_RETENTION_WATERMARKS, read)
    }

    pub(crate) fn read_all<T>(&self, sql: &str, read: impl Fn(&Row<'_>) -> T) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare(sql).map_err(database_error)?;
        let rows = statement.query_map([], |row| Ok(read(row))).map_err(database_error)?;
        rows.collect::<Result<_, _>>().map_err(database_error)
    }

    /// The names of all rows that cannot be read.
    pub(crate) fn damage(&mut self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for segment in self.segments()? {
            let (damage, ids_damaged, id) = match segment {
                Ok(segment) => (segment.damage, segment.ids_damaged, segment.id),
                Err(damage) => (Some(damage), false, 0),
            };
            names.extend(damage.map(|damage| damage.name));
            names.extend(ids_damaged.then(|| format!("segment {id}: the filter of its ids")));
        }
        names.extend(self.erasures()?.into_iter().filter_map(Result::err).map(|damage| damage.name));
        names.extend(
            self.retention_watermarks()?.into_iter().filter_map(Result::err).map(|damage| damage.name),
        );
        names.extend(self.reclassifications()?.into_iter().filter_map(Result::err).map(|damage| damage.name));
        self.hot_log(|row| names.extend(row.err().map(|damage| damage.name)))?;
        Ok(names)
    }
}

/// An integer column as text, for the name of a row; `?` if it cannot be read.
fn number(row: &Row<'_>, column: &str) -> String {
    row.get::<_, i64>(column).map_or_else(|_| "?".to_owned(), |number| number.to_string())
}

fn erasure_name(row: &Row<'_>) -> String {
    let id = blob(row, "id").and_then(uuid);
    id.map_or_else(|_| "?".to_owned(), |id| ErasureId::new(id).to_string())
}

/// Reads a segment's row. If its file is unknown, it stays a segment of its scope with a path that does
/// not exist: queries over its time range must fail rather than omit its events.
fn segment(row: &Row<'_>) -> Result<StoredSegment, Damage> {
    let id = number(row, "id");
    let scope = scope(row).map_err(|error| Damage::of("segment", &id, None, &error))?;
    let known = known_ids(row);
    let (ids_damaged, known_ids) = (known.is_err(), known.unwrap_or_default());
    let named = |error| Damage::of("segment", &id, Some(scope), &error);
    let file = file_of(row).map_err(named);
    let time = |column| row.get::<_, i64>(column);
    let (path, rows, bytes) = file.clone().unwrap_or_else(|_| (format!("row-{id}-is-damaged"), 1, 0));
    let read = || {
        let id = row.get("id")?;
        let (earliest, latest) = (time("earliest")?, time("latest")?);
        let latest_received = time("latest_received")?;
        let damage = file.err();
        Ok(StoredSegment {
            id,
            scope,
            path,
            rows,
            bytes,
            earliest,
            latest,
            latest_received,
            known_ids,
            damage,
            ids_damaged,
        })
    };
    read().map_err(|error| Damage::of("segment", &number(row, "id"), Some(scope), &error))
}

/// Path, rows and bytes of a segment's file.
fn file_of(row: &Row<'_>) -> Result<(String, usize, u64), rusqlite::Error> {
    let count = |column| u64::try_from(row.get::<_, i64>(column)?).map_err(unreadable);
    Ok((row.get("path")?, count("rows")? as usize, count("bytes")?))
}

pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, Box::new(error))
}

pub(crate) fn blob<'a>(row: &'a Row<'_>, column: &str) -> Result<&'a [u8], rusqlite::Error> {
    row.get_ref(column)?.as_blob().map_err(unreadable)
}

fn optional_blob<'a>(row: &'a Row<'_>, column: &str) -> Result<Option<&'a [u8]>, rusqlite::Error> {
    row.get_ref(column)?.as_blob_or_null().map_err(unreadable)
}

/// A scope's project as it is stored: the 16 bytes of its UUID.
pub(crate) fn project(scope: EventScope) -> Vec<u8> {
    scope.project.uuid().as_bytes().to_vec()
}

/// A scope's environment as it is stored.
pub(crate) fn env(scope: EventScope) -> i64 {
    match scope.env {
        Env::Live => 0,
        Env::Test => 1,
    }
}

pub(crate) fn scope(row: &Row<'_>) -> Result<EventScope, rusqlite::Error> {
    let project = ProjectId::new(uuid(blob(row, "project")?)?);
    let env = if row.get::<_, i64>("env")? == 0 { Env::Live } else { Env::Test };
    Ok(EventScope { project, env })
}

pub(crate) fn uuid(bytes: &[u8]) -> Result<Uuid, rusqlite::Error> {
    Uuid::from_slice(bytes).map_err(unreadable)
}

fn hash(bytes: &[u8]) -> Result<u128, rusqlite::Error> {
    bytes.try_into().map(u128::from_le_bytes).map_err(unreadable)
}

fn log_row(row: &Row<'_>, columns: usize) -> Result<LogRow, rusqlite::Error> {
    Ok(LogRow {
        columns,
        seq: row.get("seq")?,
        scope: scope(row)?,
        // Only a hint for dividing the work; the frames determine the rows.
        rows: usize::try_from(row.get::<_, i64>("rows")?).unwrap_or_default(),
        frames: blob(row, "data")?.to_vec(),
    })
}

/// `None` once the deduplication window has passed. A filter without time spans was written in format 1
/// and contains all ids.
fn known_ids(row: &Row<'_>) -> Result<Option<KnownIds>, rusqlite::Error> {
    let damaged = |what: &str| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, what.into());
    let untimed = optional_blob(row, "dedup_filter")?;
    let untimed = untimed.map(|bytes| IdFilter::from_bytes(bytes).ok_or_else(|| damaged("no filter")));
    let untimed = untimed.transpose()?;
    let times = optional_blob(row, "ids_made")?;
    let times =
        times.map(|bytes| TimeSpans::from_bytes(bytes).ok_or_else(|| damaged("no spans"))).transpose()?;
    let times = times.or_else(|| untimed.is_some().then(TimeSpans::all));
    Ok(times.map(|uuid_times| KnownIds { uuid_times, untimed }))
}

fn erasure(row: &Row<'_>) -> Result<ErasureRecord, rusqlite::Error> {
    let linked = optional_blob(row, "linked")?;
    Ok(ErasureRecord {
        id: ErasureId::new(uuid(blob(row, "id")?)?),
        scope: scope(row)?,
        is_user: row.get::<_, i64>("kind")? == 1,
        subject: hash(blob(row, "subject")?)?,
        include_linked: row.get::<_, i64>("include_linked")? == 1,
        linked: linked.map(|bytes| bytes.chunks(16).map(hash).collect()).transpose()?,
        at: row.get("at")?,
        events_deleted: row.get::<_, i64>("events_deleted")? as u64,
        finished_at: row.get("finished_at")?,
    })
}
