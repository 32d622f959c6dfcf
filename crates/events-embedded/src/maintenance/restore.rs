//! Copies erasures and retention watermarks from the store that a restored backup replaces, so that a
//! restore brings no erased or expired event back. Works on the files of stores that no process has open.

use std::path::Path;

use rusqlite::Connection;

use crate::wal::manifest::database_error;
use crate::wal::snapshot::{connect, read_only_name};
use millimetric_events::StoreError;

const ATTACH: &str = "attach ? as later";
const BEGIN: &str = "begin immediate";
const SAME_KEY: &str = "select count(*) from main.meta as old join later.meta as new using (key)
    where key = 'hash_key' and new.value = old.value";
/// An erasure that the restored store has finished stays finished; all others of the later store are added
/// as unfinished, with the linked visitors that the later store had found.
const ERASURES: &str = "insert into main.erasure
    select id, project, env, kind, subject, include_linked, linked, at, 0, null from later.erasure where true
    on conflict (id) do update set linked = coalesce(linked, excluded.linked)";
const WAITING: &str = "select count(*) from main.erasure where finished_at is null";
const RETENTION_WATERMARKS: &str =
    "insert into main.floor select project, env, before from later.floor where true
    on conflict (project, env) do update set before = max(before, excluded.before)";

/// The result of [`learn_erasures`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// The later store has another hash key, so it belongs to another installation; nothing was copied.
    Stranger,
    /// The number of unfinished erasures, which the next start executes.
    Erasures(u64),
}

/// Adds the erasures and retention watermarks of the store in the folder `later` to the store in
/// `restored`. The erasures are unfinished there, so the next start hides those people at once and deletes
/// their events from disk.
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
    // If a statement fails, closing the connection rolls the transaction back.
    connection.execute_batch(BEGIN)?;
    connection.execute(ERASURES, [])?;
    connection.execute(RETENTION_WATERMARKS, [])?;
    let waiting: i64 = connection.query_row(WAITING, [], |row| row.get(0))?;
    connection.execute_batch("commit")?;
    Ok(Learned::Erasures(waiting as u64))
}
