//! What `events.db` holds, as it is read at start: rows of the hot log, segments, erasures,
//! floors. Changes nothing.
//!
//! A row that cannot be read is damage, which is handed on by name beside all other rows: what it
//! means for their project is decided in `open.rs`.

use futures_util::TryStreamExt as _;
use millimetric_core::event::EventScope;
use millimetric_core::ids::{ErasureId, ProjectId};
use millimetric_core::key::Env;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::encoding::uuid_time::TimeSpans;
use crate::segment::id_filter::IdFilter;
use crate::segment::id_filter::KnownIds;
use crate::state::erasures::ErasureRecord;
use crate::wal::batch_codec;
use crate::wal::manifest::{Manifest, database_error};
use millimetric_events::StoreError;

const SELECT_HOT: &str = "select seq, project, env, rows, format, data from hot_log as log
    where seq > coalesce((select seq from sealed where project = log.project and env = log.env), 0) order by seq";
const LAST_SEQ: &str =
    "select max(coalesce((select max(seq) from hot_log), 0), coalesce((select max(seq) from sealed), 0))";
const LAST_SEGMENT: &str = "select coalesce(max(id), 0) from segment";
const SELECT_SEGMENTS: &str = "select id, project, env, path, rows, bytes, earliest, latest, latest_received,
    dedup_filter, ids_made from segment order by id";
const SELECT_ERASURES: &str =
    "select id, project, env, kind, subject, include_linked, linked, at, events_deleted,
    finished_at from erasure order by at, id";
const SELECT_FLOORS: &str = "select project, env, before from floor";

/// A row of the hot log.
#[derive(Debug)]
pub(crate) struct LogRow {
    pub(crate) seq: i64,
    pub(crate) scope: EventScope,
    pub(crate) rows: usize,
    pub(crate) frames: Vec<u8>,
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
    /// What is wrong with the row. Its file is not known then, and the path names none.
    pub(crate) damage: Option<Damage>,
    /// What is known of its ids cannot be read, and is to be made from the file.
    pub(crate) ids_damaged: bool,
}

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The row and what is wrong with it, like `segment 7, column project: …`.
    pub(crate) name: String,
    /// Whose it is, where that can be read.
    pub(crate) scope: Option<EventScope>,
}

impl Damage {
    fn of(what: &str, id: &str, scope: Option<EventScope>, error: &sqlx::Error) -> Self {
        Self { name: format!("{what} {id}: {error}"), scope }
    }
}

impl Manifest {
    pub(crate) async fn last_seq(&mut self) -> Result<i64, StoreError> {
        sqlx::query_scalar(LAST_SEQ).fetch_one(&mut self.connection).await.map_err(database_error)
    }

    /// The highest id that a segment has, readable or not.
    pub(crate) async fn last_segment(&mut self) -> Result<i64, StoreError> {
        sqlx::query_scalar(LAST_SEGMENT).fetch_one(&mut self.connection).await.map_err(database_error)
    }

    /// Calls `each` with the rows of the hot log that are not sealed, in order.
    pub(crate) async fn hot_log(
        &mut self,
        mut each: impl FnMut(Result<LogRow, Damage>),
    ) -> Result<(), StoreError> {
        let mut stored = sqlx::query(SELECT_HOT).fetch(&mut self.connection);
        while let Some(row) = stored.try_next().await.map_err(database_error)? {
            let format: i64 = row.try_get("format").map_err(database_error)?;
            if format != batch_codec::FORMAT {
                let text = format!("events.db: the hot log has format {format}: use a newer release");
                return Err(StoreError::Internal(text));
            }
            each(log_row(&row).map_err(|error| Damage::of("row", &number(&row, "seq"), None, &error)));
        }
        Ok(())
    }

    /// Every segment whose project can be read, damaged or not, and the damage of all others.
    pub(crate) async fn segments(&mut self) -> Result<Vec<Result<StoredSegment, Damage>>, StoreError> {
        let rows =
            sqlx::query(SELECT_SEGMENTS).fetch_all(&mut self.connection).await.map_err(database_error)?;
        Ok(rows.iter().map(segment).collect())
    }

    pub(crate) async fn erasures(&mut self) -> Result<Vec<Result<ErasureRecord, Damage>>, StoreError> {
        let rows =
            sqlx::query(SELECT_ERASURES).fetch_all(&mut self.connection).await.map_err(database_error)?;
        let read = |row: &SqliteRow| {
            erasure(row).map_err(|error| Damage::of("erasure", &erasure_name(row), scope(row).ok(), &error))
        };
        Ok(rows.iter().map(read).collect())
    }

    pub(crate) async fn floors(&mut self) -> Result<Vec<Result<(EventScope, i64), Damage>>, StoreError> {
        let read = |row: &SqliteRow| {
            let read = || Ok::<_, sqlx::Error>((scope(row)?, row.try_get("before")?));
            read().map_err(|error| Damage::of("floor", &number(row, "before"), None, &error))
        };
        let rows =
            sqlx::query(SELECT_FLOORS).fetch_all(&mut self.connection).await.map_err(database_error)?;
        Ok(rows.iter().map(read).collect())
    }

    /// The name of every row that cannot be read.
    pub(crate) async fn damage(&mut self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for segment in self.segments().await? {
            let (damage, ids_damaged, id) = match segment {
                Ok(segment) => (segment.damage, segment.ids_damaged, segment.id),
                Err(damage) => (Some(damage), false, 0),
            };
            names.extend(damage.map(|damage| damage.name));
            names.extend(ids_damaged.then(|| format!("segment {id}: what is known of its ids")));
        }
        names.extend(self.erasures().await?.into_iter().filter_map(Result::err).map(|damage| damage.name));
        names.extend(self.floors().await?.into_iter().filter_map(Result::err).map(|damage| damage.name));
        self.hot_log(|row| names.extend(row.err().map(|damage| damage.name))).await?;
        Ok(names)
    }
}

/// A number of a row as text, for its name.
fn number(row: &SqliteRow, column: &str) -> String {
    row.try_get::<i64, _>(column).map_or_else(|_| "?".to_owned(), |number| number.to_string())
}

fn erasure_name(row: &SqliteRow) -> String {
    let id = row.try_get("id").and_then(uuid);
    id.map_or_else(|_| "?".to_owned(), |id| ErasureId::new(id).to_string())
}

/// A segment's row. One that is damaged stays a segment of its project, with a file that is not
/// there: queries about its time must fail, and not be answered without it.
fn segment(row: &SqliteRow) -> Result<StoredSegment, Damage> {
    let id = number(row, "id");
    let scope = scope(row).map_err(|error| Damage::of("segment", &id, None, &error))?;
    let known = known_ids(row);
    let (ids_damaged, known_ids) = (known.is_err(), known.unwrap_or_default());
    let named = |error| Damage::of("segment", &id, Some(scope), &error);
    let file = file_of(row).map_err(named);
    let time = |column| row.try_get::<i64, _>(column);
    let (path, rows, bytes) = file.clone().unwrap_or_else(|_| (format!("row-{id}-is-damaged"), 1, 0));
    let read = || {
        let id = row.try_get("id")?;
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
fn file_of(row: &SqliteRow) -> Result<(String, usize, u64), sqlx::Error> {
    let count = |column| u64::try_from(row.try_get::<i64, _>(column)?).map_err(unreadable);
    Ok((row.try_get("path")?, count("rows")? as usize, count("bytes")?))
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

/// A scope's project as it is stored.
pub(crate) fn project(scope: EventScope) -> Vec<u8> {
    scope.project.uuid().as_bytes().to_vec()
}

/// A scope's side as it is stored.
pub(crate) fn env(scope: EventScope) -> i64 {
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
    Uuid::from_slice(bytes).map_err(unreadable)
}

fn hash(bytes: &[u8]) -> Result<u128, sqlx::Error> {
    bytes.try_into().map(u128::from_le_bytes).map_err(unreadable)
}

fn log_row(row: &SqliteRow) -> Result<LogRow, sqlx::Error> {
    Ok(LogRow {
        seq: row.try_get("seq")?,
        scope: scope(row)?,
        // A hint for those who divide the work; the frames tell what is in them.
        rows: usize::try_from(row.try_get::<i64, _>("rows")?).unwrap_or_default(),
        frames: row.try_get("data")?,
    })
}

/// `None` once the window has passed. A filter without moments is of format 1, and of all ids.
fn known_ids(row: &SqliteRow) -> Result<Option<KnownIds>, sqlx::Error> {
    let damaged = |what: &str| sqlx::Error::Decode(what.into());
    let others = row.try_get::<Option<&[u8]>, _>("dedup_filter")?;
    let others = others.map(|bytes| IdFilter::from_bytes(bytes).ok_or_else(|| damaged("no filter")));
    let others = others.transpose()?;
    let made = row.try_get::<Option<&[u8]>, _>("ids_made")?;
    let made =
        made.map(|bytes| TimeSpans::from_bytes(bytes).ok_or_else(|| damaged("no spans"))).transpose()?;
    let made = made.or_else(|| others.is_some().then(TimeSpans::all));
    Ok(made.map(|made| KnownIds { made, others }))
}

fn erasure(row: &SqliteRow) -> Result<ErasureRecord, sqlx::Error> {
    let linked: Option<&[u8]> = row.try_get("linked")?;
    Ok(ErasureRecord {
        id: ErasureId::new(uuid(row.try_get("id")?)?),
        scope: scope(row)?,
        is_user: row.try_get::<i64, _>("kind")? == 1,
        subject: hash(row.try_get("subject")?)?,
        include_linked: row.try_get::<i64, _>("include_linked")? == 1,
        linked: linked.map(|bytes| bytes.chunks(16).map(hash).collect()).transpose()?,
        at: row.try_get("at")?,
        events_deleted: row.try_get::<i64, _>("events_deleted")? as u64,
        finished_at: row.try_get("finished_at")?,
    })
}
