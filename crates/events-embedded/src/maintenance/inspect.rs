//! A look at the files of a store from outside, also while somebody has it open: whether each
//! segment that the manifest names is there and whole, and each row of the manifest readable.
//! Changes and migrates nothing, and reads no event.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::wal::manifest::{FORMAT, Manifest, database_error};
use crate::wal::snapshot::read_only_name;
use millimetric_events::StoreError;

const SEGMENTS: &str = "select path, bytes from segment order by path";
const VERSION: &str = "pragma user_version";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Segments that the manifest names.
    pub segments: usize,
    /// Those whose file is not what was written, and what is wrong with it.
    pub broken: BTreeMap<PathBuf, String>,
    /// Rows of `events.db` that cannot be read, by name. Of an older format they are not looked at.
    pub damaged: Vec<String>,
    /// Whether an older release wrote `events.db`, so that the next start brings it up to date.
    pub is_older: bool,
}

/// Whether an older release wrote the store in that folder, so that opening it would change its
/// format.
pub fn is_older(directory: &Path) -> Result<bool, StoreError> {
    let connection = connect(directory)?;
    let older = format(&connection)? < FORMAT;
    Ok(older)
}

/// Compares the segments' files with the manifest of the store in that folder.
pub fn inspect(directory: &Path) -> Result<Inspected, StoreError> {
    let first = look(directory)?;
    if first.broken.is_empty() {
        return Ok(first);
    }
    // A running store may have replaced a segment after its name was read.
    let mut again = look(directory)?;
    again.broken.retain(|path, _| first.broken.contains_key(path));
    Ok(again)
}

fn look(directory: &Path) -> Result<Inspected, StoreError> {
    let connection = connect(directory)?;
    let is_older = format(&connection)? < FORMAT;
    let rows = files(&connection).map_err(database_error)?;
    let mut broken = BTreeMap::new();
    let segments = rows.len();
    // A row that cannot be read is among the damaged ones.
    for (path, bytes) in rows.into_iter().flatten() {
        let path = directory.join("segments").join(path);
        if let Some(wrong) = wrong_with(&path, bytes as u64) {
            broken.insert(path, wrong);
        }
    }
    let mut manifest = Manifest { connection };
    let damaged = if is_older { Vec::new() } else { manifest.damage()? };
    manifest.close();
    Ok(Inspected { segments, broken, damaged, is_older })
}

/// Path and bytes of each segment; `None` for a row that cannot be read.
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

/// The format that the file says it has.
pub(crate) fn format(connection: &Connection) -> Result<i64, StoreError> {
    connection.query_row(VERSION, [], |row| row.get(0)).map_err(database_error)
}

fn wrong_with(path: &Path, bytes: u64) -> Option<String> {
    match path.metadata() {
        Err(error) => Some(format!("cannot be read: {error}")),
        Ok(found) if found.len() != bytes => Some(format!("has {} bytes instead of {bytes}", found.len())),
        Ok(_) => None,
    }
}
