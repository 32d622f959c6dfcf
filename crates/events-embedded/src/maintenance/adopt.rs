//! Gives a store that is empty the hash key of the store whose content it will take.

use std::path::Path;

use millimetric_events::HashKey;

use crate::resources::directory_lock::DirectoryLock;
use crate::resources::options::OpenError;
use crate::wal::manifest::{Manifest, database_error};

const ADOPT: &str = "update meta set value = ? where key = 'hash_key'
    and not exists (select 1 from hot_log) and not exists (select 1 from segment)
    and not exists (select 1 from erasure) and not exists (select 1 from floor)";

/// Makes `key` the hash key of the store in a folder, which is created if it is missing and which no process has open.
/// Returns whether it is its key now: a store that has another one and is not empty keeps it. It blocks the thread.
pub fn adopt_hash_key(directory: &Path, key: HashKey) -> Result<bool, OpenError> {
    let _guard = DirectoryLock::take(directory)?;
    let (manifest, found) = Manifest::open(directory, key.0)?;
    let adopted = if found == key.0 {
        Ok(true)
    } else {
        manifest.connection.execute(ADOPT, [key.0.as_slice()]).map(|rows| rows > 0)
    };
    manifest.close();
    let file = directory.join("events.db");
    adopted.map_err(|error| OpenError::database(&file, &database_error(error)))
}
