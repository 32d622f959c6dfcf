//! What a restored store must learn from a later one: who was erased and what expired after
//! the backup was made. Works on the files of stores that nobody has open; hashes only.

use std::path::Path;

use rusqlite::Connection;

use crate::wal::manifest::database_error;
use crate::wal::snapshot::{connect, read_only_name};
use millimetric_events::StoreError;

const ATTACH: &str = "attach ? as later";
const BEGIN: &str = "begin immediate";
const SAME_KEY: &str = "select count(*) from main.meta as old join later.meta as new using (key)
    where key = 'hash_key' and new.value = old.value";
/// An erasure that the restored store finished is done there; every other one of the later store
/// begins anew, with the linked visitors that the later store had found.
const ERASURES: &str = "insert into main.erasure
    select id, project, env, kind, subject, include_linked, linked, at, 0, null from later.erasure where true
    on conflict (id) do update set linked = coalesce(linked, excluded.linked)";
const WAITING: &str = "select count(*) from main.erasure where finished_at is null";
const RETENTION_WATERMARKS: &str =
    "insert into main.floor select project, env, before from later.floor where true
    on conflict (project, env) do update set before = max(before, excluded.before)";

/// What was learned from a later store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// It is another installation's: its hashes mean nothing here.
    Stranger,
    /// So many people are to be erased (again) at the next start.
    Erasures(u64),
}

/// Adds the erasures and expiries of the store in the folder `later` to that in `restored`:
/// unfinished, so that the next start hides those people at once and takes them off the disk.
pub fn learn_erasures(restored: &Path, later: &Path) -> Result<Learned, StoreError> {
    let connection = connect(&restored.join("events.db"))?;
    let name = read_only_name(&later.join("events.db"));
    connection.execute(ATTACH, [name]).map_err(database_error)?;
    let learned = learn(&connection).map_err(database_error);
    connection.close().map_err(|(_, error)| database_error(error))?;
    learned
}

fn learn(connection: &Connection) -> Result<Learned, rusqlite::Error> {
    let same: i64 = connection.query_row(SAME_KEY, [], |row| row.get(0))?;
    if same == 0 {
        return Ok(Learned::Stranger);
    }
    // Without a commit the transaction ends with the connection, and nothing of it is kept.
    connection.execute_batch(BEGIN)?;
    connection.execute(ERASURES, [])?;
    connection.execute(RETENTION_WATERMARKS, [])?;
    let waiting: i64 = connection.query_row(WAITING, [], |row| row.get(0))?;
    connection.execute_batch("commit")?;
    Ok(Learned::Erasures(waiting as u64))
}
