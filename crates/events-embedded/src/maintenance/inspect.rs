//! Checks the files of a store from outside, also while a process has it open: whether each segment that
//! the manifest lists exists with the recorded size, and whether each row of the manifest can be read.
//!
//! It changes and migrates nothing. It reads no Parquet file, so damage within a file of the right size is
//! not found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::wal::manifest::{FORMAT, Manifest, database_error};
use crate::wal::snapshot::read_only_name;
use millimetric_events::StoreError;

const SEGMENTS: &str = "select path, bytes from segment order by path";
const VERSION: &str = "pragma user_version";

/// The result of an inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Number of segments that the manifest lists.
    pub segments: usize,
    /// Segments whose file is missing or has another size, by path, with the reason.
    pub broken: BTreeMap<PathBuf, String>,
    /// Names of the rows of `events.db` that cannot be read; empty for an older format, which is not checked.
    pub damaged: Vec<String>,
    /// Whether `events.db` has an older format, which the next start migrates.
    pub is_older: bool,
}

/// Returns whether the store in `directory` has an older format, which opening it would migrate.
pub fn is_older(directory: &Path) -> Result<bool, StoreError> {
    let connection = connect(directory)?;
    let older = format(&connection)? < FORMAT;
    Ok(older)
}

/// Compares the segment files of the store in `directory` with its manifest.
pub fn inspect(directory: &Path) -> Result<Inspected, StoreError> {
    let first = check(directory)?;
    if first.broken.is_empty() {
        return Ok(first);
    }
    // A running store may have replaced a segment after its row was read.
    let mut again = check(directory)?;
    again.broken.retain(|path, _| first.broken.contains_key(path));
    Ok(again)
}

fn check(directory: &Path) -> Result<Inspected, StoreError> {
    let connection = connect(directory)?;
    let is_older = format(&connection)? < FORMAT;
    let rows = files(&connection).map_err(database_error)?;
    let mut broken = BTreeMap::new();
    let segments = rows.len();
    // Rows that cannot be read are in `damaged`.
    for (path, bytes) in rows.into_iter().flatten() {
        let path = directory.join("segments").join(path);
        if let Some(defect) = defect(&path, bytes as u64) {
            broken.insert(path, defect);
        }
    }
    let mut manifest = Manifest { connection };
    let damaged = if is_older { Vec::new() } else { manifest.damage()? };
    manifest.close();
    Ok(Inspected { segments, broken, damaged, is_older })
}

/// Path and size in bytes of each segment; `None` for a row that cannot be read.
fn files(connection: &Connection) -> Result<Vec<Option<(String, i64)>>, rusqlite::Error> {
    let mut statement = connection.prepare(SEGMENTS)?;
    let file = |row: &rusqlite::Row<'_>| Ok(row.get("path").ok().zip(row.get("bytes").ok()));
    statement.query_map([], file)?.collect()
}

fn connect(directory: &Path) -> Result<Connection, StoreError> {
    let file = directory.join("events.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(read_only_name(&file), flags).map_err(database_error)
}

/// The format version of `events.db`.
pub(crate) fn format(connection: &Connection) -> Result<i64, StoreError> {
    connection.query_row(VERSION, [], |row| row.get(0)).map_err(database_error)
}

/// Why the file is not the segment that was written; `None` if it has the recorded size.
fn defect(path: &Path, bytes: u64) -> Option<String> {
    match path.metadata() {
        Err(error) => Some(format!("cannot be read: {error}")),
        Ok(found) if found.len() != bytes => Some(format!("has {} bytes instead of {bytes}", found.len())),
        Ok(_) => None,
    }
}
