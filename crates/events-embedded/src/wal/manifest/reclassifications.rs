//! Re-classifications in `events.db`: the requests, and the files that are written and not yet swapped in.

use millimetric_core::classify::{ProjectRules, RuleSettings};
use millimetric_core::ids::ReclassificationId;
use millimetric_core::query::RuleChanges;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Manifest, database_error};
use crate::state::reclassifications::{ReclassificationRecord, Staged, StagedRow};
use crate::wal::stored::{Damage, Readable, blob, env, project, scope, unreadable, uuid};
use millimetric_events::StoreError;

/// Stores that an older release wrote lack the tables until they are opened for writing.
const HAS_TABLES: &str = "select 1 from sqlite_schema where name = 'reclassified'";
const INSERT: &str =
    "insert or replace into reclassification (id, project, env, range_from, range_to, rules, at,
    finished_at, counts) values (?, ?, ?, ?, ?, ?, ?, null, null)";
const STAGE: &str =
    "insert or replace into reclassified (segment, reclassification, path, counts) values (?, ?, ?, ?)";
const FINISH: &str = "update reclassification set finished_at = ?, counts = ? where id = ?";
const UNSTAGE_ALL: &str = "delete from reclassified where reclassification = ?";
const UNSTAGE: &str = "delete from reclassified where segment = ?";
const SELECT: &str = "select id, project, env, range_from, range_to, rules, at, finished_at, counts
    from reclassification order by at, id";
const SELECT_STAGED: &str = "select segment, reclassification, path, counts from reclassified";

impl Manifest {
    pub(crate) fn insert_reclassification(
        &mut self,
        record: &ReclassificationRecord,
    ) -> Result<(), StoreError> {
        let rules = json(record.rules.settings().unwrap_or(&RuleSettings::default()))?;
        let id = record.id.uuid();
        let values = params![
            id.as_bytes(),
            project(record.scope),
            env(record.scope),
            record.range.0,
            record.range.1,
            rules,
            record.at,
        ];
        self.transaction(|connection| connection.execute(INSERT, values).map(|_| ()))
    }

    pub(crate) fn stage(&mut self, row: &StagedRow) -> Result<(), StoreError> {
        self.transaction(|connection| insert_staged(connection, row))
    }

    /// Forgets what was done with these segments.
    pub(crate) fn unstage(&mut self, segments: &[i64]) -> Result<(), StoreError> {
        self.transaction(|connection| {
            segments.iter().try_for_each(|segment| connection.execute(UNSTAGE, [segment]).map(|_| ()))
        })
    }

    /// All re-classifications.
    pub(crate) fn reclassifications(&mut self) -> Result<Vec<Readable<ReclassificationRecord>>, StoreError> {
        if !self.has_tables()? {
            return Ok(Vec::new());
        }
        self.read_all(SELECT, |row| {
            record(row).map_err(|error| {
                let id = blob(row, "id").and_then(uuid).map(ReclassificationId::new);
                let id = id.map_or_else(|_| "?".to_owned(), |id| id.to_string());
                Damage::of("reclassification", &id, scope(row).ok(), &error)
            })
        })
    }

    /// What unfinished re-classifications have done. Rows that cannot be read are left out: the segment is
    /// done again.
    pub(crate) fn staged(&mut self) -> Result<Vec<StagedRow>, StoreError> {
        if !self.has_tables()? {
            return Ok(Vec::new());
        }
        let rows = self.read_all(SELECT_STAGED, |row| staged(row).ok())?;
        Ok(rows.into_iter().flatten().collect())
    }

    fn has_tables(&self) -> Result<bool, StoreError> {
        let found = self.connection.query_row(HAS_TABLES, [], |_| Ok(())).optional();
        found.map(|found| found.is_some()).map_err(database_error)
    }
}

/// Records what was done with a segment.
pub(super) fn insert_staged(
    connection: &Connection,
    (segment, id, staged): &StagedRow,
) -> Result<(), rusqlite::Error> {
    let counts = serde_json::to_string(&staged.changes).map_err(unreadable)?;
    let id = id.uuid();
    connection.execute(STAGE, params![segment, id.as_bytes(), staged.path, counts]).map(|_| ())
}

/// Marks a re-classification as finished. Its files are in the manifest now, or there are none.
pub(super) fn finish(
    connection: &Connection,
    record: &ReclassificationRecord,
) -> Result<(), rusqlite::Error> {
    let counts = serde_json::to_string(&record.changes).map_err(unreadable)?;
    let id = *record.id.uuid().as_bytes();
    connection.execute(FINISH, params![record.finished_at, counts, id])?;
    connection.execute(UNSTAGE_ALL, [id]).map(|_| ())
}

fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Internal(error.to_string()))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, rusqlite::Error> {
    serde_json::from_str(text).map_err(unreadable)
}

fn record(row: &Row<'_>) -> Result<ReclassificationRecord, rusqlite::Error> {
    let settings: RuleSettings = from_json(&row.get::<_, String>("rules")?)?;
    let changes: Option<String> = row.get("counts")?;
    let changes: Option<RuleChanges> = changes.map(|text| from_json(&text)).transpose()?;
    Ok(ReclassificationRecord {
        id: ReclassificationId::new(uuid(blob(row, "id")?)?),
        scope: scope(row)?,
        range: (row.get("range_from")?, row.get("range_to")?),
        rules: ProjectRules::new(settings).map_err(unreadable)?,
        at: row.get("at")?,
        finished_at: row.get("finished_at")?,
        changes: changes.unwrap_or_default(),
    })
}

fn staged(row: &Row<'_>) -> Result<StagedRow, rusqlite::Error> {
    let changes = from_json(&row.get::<_, String>("counts")?)?;
    let id = ReclassificationId::new(uuid(blob(row, "reclassification")?)?);
    Ok((row.get("segment")?, id, Staged { path: row.get("path")?, changes }))
}
