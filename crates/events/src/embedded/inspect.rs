//! A look at the files of a store from outside, also while somebody has it open: whether each
//! segment that the manifest names is there and whole. Changes nothing and reads no event.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::manifest::database_error;
use crate::StoreError;

const SEGMENTS: &str = "select path, bytes from segment order by path";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Segments that the manifest names.
    pub segments: usize,
    /// Those whose file is not what was written, and what is wrong with it.
    pub broken: BTreeMap<PathBuf, String>,
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
    let file = directory.join("events.db");
    // Without a write-ahead log nobody writes, and the file can be read as it is.
    let is_at_rest = !file.with_extension("db-wal").exists();
    let options = SqliteConnectOptions::new().filename(&file).read_only(true).immutable(is_at_rest);
    let mut connection = options.disable_statement_logging().connect().await.map_err(database_error)?;
    let named: Vec<(String, i64)> =
        sqlx::query_as(SEGMENTS).fetch_all(&mut connection).await.map_err(database_error)?;
    connection.close().await.map_err(database_error)?;
    let mut broken = BTreeMap::new();
    for (path, bytes) in &named {
        let path = directory.join("segments").join(path);
        if let Some(wrong) = wrong_with(&path, *bytes as u64) {
            broken.insert(path, wrong);
        }
    }
    Ok(Inspected { segments: named.len(), broken })
}

fn wrong_with(path: &Path, bytes: u64) -> Option<String> {
    match path.metadata() {
        Err(error) => Some(format!("cannot be read: {error}")),
        Ok(found) if found.len() != bytes => Some(format!("has {} bytes instead of {bytes}", found.len())),
        Ok(_) => None,
    }
}
