//! A look at the files of a store from outside, also while somebody has it open: whether each
//! segment that the manifest names is there and whole, and each row of the manifest readable.
//! Changes and migrates nothing, and reads no event.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use crate::wal::manifest::{FORMAT, Manifest, database_error};
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
pub async fn is_older(directory: &Path) -> Result<bool, StoreError> {
    let mut connection = connect(directory).await?;
    let older = format(&mut connection).await? < FORMAT;
    connection.close().await.map_err(database_error)?;
    Ok(older)
}

/// Compares the segments' files with the manifest of the store in that folder.
pub async fn inspect(directory: &Path) -> Result<Inspected, StoreError> {
    let first = look(directory).await?;
    if first.broken.is_empty() {
        return Ok(first);
    }
    // A running store may have replaced a segment after its name was read.
    let mut again = look(directory).await?;
    again.broken.retain(|path, _| first.broken.contains_key(path));
    Ok(again)
}

async fn look(directory: &Path) -> Result<Inspected, StoreError> {
    let mut connection = connect(directory).await?;
    let is_older = format(&mut connection).await? < FORMAT;
    let rows = sqlx::query(SEGMENTS).fetch_all(&mut connection).await.map_err(database_error)?;
    let mut broken = BTreeMap::new();
    for row in &rows {
        // What cannot be read is among the damaged rows.
        let (Ok(path), Ok(bytes)) = (row.try_get::<&str, _>("path"), row.try_get::<i64, _>("bytes")) else {
            continue;
        };
        let path = directory.join("segments").join(path);
        if let Some(wrong) = wrong_with(&path, bytes as u64) {
            broken.insert(path, wrong);
        }
    }
    let mut manifest = Manifest { connection };
    let damaged = if is_older { Vec::new() } else { manifest.damage().await? };
    manifest.close().await;
    Ok(Inspected { segments: rows.len(), broken, damaged, is_older })
}

async fn connect(directory: &Path) -> Result<SqliteConnection, StoreError> {
    let file = directory.join("events.db");
    // Without a write-ahead log nobody writes, and the file can be read as it is.
    let is_at_rest = !file.with_extension("db-wal").exists();
    let options = SqliteConnectOptions::new().filename(&file).read_only(true).immutable(is_at_rest);
    options.disable_statement_logging().connect().await.map_err(database_error)
}

/// The format that the file says it has.
pub(crate) async fn format(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    sqlx::query_scalar(VERSION).fetch_one(connection).await.map_err(database_error)
}

fn wrong_with(path: &Path, bytes: u64) -> Option<String> {
    match path.metadata() {
        Err(error) => Some(format!("cannot be read: {error}")),
        Ok(found) if found.len() != bytes => Some(format!("has {} bytes instead of {bytes}", found.len())),
        Ok(_) => None,
    }
}
