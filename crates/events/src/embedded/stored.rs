//! What `events.db` holds, as it is read at start: rows of the hot log, segments, erasures,
//! floors. Changes nothing.

use futures_util::TryStreamExt as _;
use millimetric_core::event::EventScope;
use millimetric_core::ids::{ErasureId, ProjectId};
use millimetric_core::key::Env;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::dedup::{IdFilter, KnownIds};
use super::frame;
use super::made::Spans;
use super::manifest::{Manifest, database_error};
use crate::StoreError;

const SELECT_HOT: &str = "select seq, project, env, rows, format, data from hot_log as log
    where seq > coalesce((select seq from sealed where project = log.project and env = log.env), 0) order by seq";
const LAST_SEQ: &str =
    "select max(coalesce((select max(seq) from hot_log), 0), coalesce((select max(seq) from sealed), 0))";
const SELECT_SEGMENTS: &str = "select id, project, env, path, rows, bytes, earliest, latest, latest_received,
    dedup_filter, ids_made from segment order by id";
const SELECT_ERASURES: &str =
    "select id, project, env, kind, subject, include_linked, linked, at, events_deleted,
    finished_at from erasure order by at, id";
const SELECT_FLOORS: &str = "select project, env, before from floor";

/// A row of the hot log.
#[derive(Debug)]
pub(super) struct LogRow {
    pub(super) seq: i64,
    pub(super) scope: EventScope,
    pub(super) rows: usize,
    pub(super) frames: Vec<u8>,
}

/// A segment as the manifest lists it.
#[derive(Debug)]
pub(super) struct StoredSegment {
    pub(super) id: i64,
    pub(super) scope: EventScope,
    pub(super) path: String,
    pub(super) rows: usize,
    pub(super) bytes: u64,
    pub(super) earliest: i64,
    pub(super) latest: i64,
    pub(super) latest_received: i64,
    pub(super) known_ids: Option<KnownIds>,
}

/// An erasure as it is stored: hashes, never an id in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredErasure {
    pub(super) id: ErasureId,
    pub(super) scope: EventScope,
    pub(super) is_user: bool,
    pub(super) subject: u128,
    pub(super) include_linked: bool,
    /// The linked visitors, once they are known.
    pub(super) linked: Option<Vec<u128>>,
    pub(super) at: i64,
    pub(super) events_deleted: u64,
    pub(super) finished_at: Option<i64>,
}

impl Manifest {
    pub(super) async fn last_seq(&mut self) -> Result<i64, StoreError> {
        sqlx::query_scalar(LAST_SEQ).fetch_one(&mut self.connection).await.map_err(database_error)
    }

    /// Calls `each` with the rows of the hot log that are not sealed, in order.
    pub(super) async fn hot_log(&mut self, mut each: impl FnMut(LogRow)) -> Result<(), StoreError> {
        let mut stored = sqlx::query(SELECT_HOT).fetch(&mut self.connection);
        while let Some(row) = stored.try_next().await.map_err(database_error)? {
            let format: i64 = row.try_get("format").map_err(database_error)?;
            if format != frame::FORMAT {
                let text = format!("events.db: the hot log has format {format}: use a newer release");
                return Err(StoreError::Internal(text));
            }
            each(log_row(&row).map_err(database_error)?);
        }
        Ok(())
    }

    pub(super) async fn segments(&mut self) -> Result<Vec<StoredSegment>, StoreError> {
        let read = |row: &SqliteRow| {
            Ok::<_, sqlx::Error>(StoredSegment {
                id: row.try_get("id")?,
                scope: scope(row)?,
                path: row.try_get("path")?,
                rows: row.try_get::<i64, _>("rows")? as usize,
                bytes: row.try_get::<i64, _>("bytes")? as u64,
                earliest: row.try_get("earliest")?,
                latest: row.try_get("latest")?,
                latest_received: row.try_get("latest_received")?,
                known_ids: known_ids(row)?,
            })
        };
        let rows =
            sqlx::query(SELECT_SEGMENTS).fetch_all(&mut self.connection).await.map_err(database_error)?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(database_error)
    }

    pub(super) async fn erasures(&mut self) -> Result<Vec<StoredErasure>, StoreError> {
        let rows =
            sqlx::query(SELECT_ERASURES).fetch_all(&mut self.connection).await.map_err(database_error)?;
        rows.iter().map(erasure).collect::<Result<_, _>>().map_err(database_error)
    }

    pub(super) async fn floors(&mut self) -> Result<Vec<(EventScope, i64)>, StoreError> {
        let read = |row: &SqliteRow| Ok::<_, sqlx::Error>((scope(row)?, row.try_get("before")?));
        let rows =
            sqlx::query(SELECT_FLOORS).fetch_all(&mut self.connection).await.map_err(database_error)?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(database_error)
    }
}

/// A scope's project as it is stored.
pub(super) fn project(scope: EventScope) -> Vec<u8> {
    scope.project.uuid().as_bytes().to_vec()
}

/// A scope's side as it is stored.
pub(super) fn env(scope: EventScope) -> i64 {
    match scope.env {
        Env::Live => 0,
        Env::Test => 1,
    }
}

fn scope(row: &SqliteRow) -> Result<EventScope, sqlx::Error> {
    let project = ProjectId::new(uuid(row.try_get("project")?)?);
    let env = if row.try_get::<i64, _>("env")? == 0 { Env::Live } else { Env::Test };
    Ok(EventScope { project, env })
}

fn uuid(bytes: &[u8]) -> Result<Uuid, sqlx::Error> {
    Uuid::from_slice(bytes).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn hash(bytes: &[u8]) -> u128 {
    bytes.try_into().map_or(0, u128::from_le_bytes)
}

fn log_row(row: &SqliteRow) -> Result<LogRow, sqlx::Error> {
    Ok(LogRow {
        seq: row.try_get("seq")?,
        scope: scope(row)?,
        rows: row.try_get::<i64, _>("rows")? as usize,
        frames: row.try_get("data")?,
    })
}

/// `None` once the window has passed. A filter without moments is of format 1, and of all ids.
fn known_ids(row: &SqliteRow) -> Result<Option<KnownIds>, sqlx::Error> {
    let others = row.try_get::<Option<&[u8]>, _>("dedup_filter")?.and_then(IdFilter::from_bytes);
    let made = row.try_get::<Option<&[u8]>, _>("ids_made")?.map(Spans::from_bytes);
    let made = made.or_else(|| others.is_some().then(Spans::all));
    Ok(made.map(|made| KnownIds { made, others }))
}

fn erasure(row: &SqliteRow) -> Result<StoredErasure, sqlx::Error> {
    let linked: Option<&[u8]> = row.try_get("linked")?;
    Ok(StoredErasure {
        id: ErasureId::new(uuid(row.try_get("id")?)?),
        scope: scope(row)?,
        is_user: row.try_get::<i64, _>("kind")? == 1,
        subject: hash(row.try_get("subject")?),
        include_linked: row.try_get::<i64, _>("include_linked")? == 1,
        linked: linked.map(|bytes| bytes.chunks(16).map(hash).collect()),
        at: row.try_get("at")?,
        events_deleted: row.try_get::<i64, _>("events_deleted")? as u64,
        finished_at: row.try_get("finished_at")?,
    })
}
