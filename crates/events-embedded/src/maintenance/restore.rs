//! What a restored store must learn from a later one: who was forgotten and what expired after
//! the backup was made. Works on the files of stores that nobody has open; hashes only.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use crate::wal::manifest::database_error;
use crate::wal::snapshot::connect;
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
const FLOORS: &str = "insert into main.floor select project, env, before from later.floor where true
    on conflict (project, env) do update set before = max(before, excluded.before)";

/// What was learned from a later store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// It is another installation's: its hashes mean nothing here.
    Stranger,
    /// So many people are to be forgotten (again) at the next start.
    Erasures(u64),
}

/// Adds the erasures and expiries of the store in the folder `later` to that in `restored`:
/// unfinished, so that the next start hides those people at once and takes them off the disk.
pub async fn learn_erasures(restored: &Path, later: &Path) -> Result<Learned, StoreError> {
    let mut connection = connect(&restored.join("events.db")).await?;
    let name = name_to_read(&later.join("events.db"));
    sqlx::query(ATTACH).bind(name).execute(&mut connection).await.map_err(database_error)?;
    let learned = learn(&mut connection).await.map_err(database_error);
    connection.close().await.map_err(database_error)?;
    learned
}

async fn learn(connection: &mut SqliteConnection) -> Result<Learned, sqlx::Error> {
    let same: i64 = sqlx::query_scalar(SAME_KEY).fetch_one(&mut *connection).await?;
    if same == 0 {
        return Ok(Learned::Stranger);
    }
    // Left without a commit, the transaction ends with the connection and nothing of it stays.
    sqlx::query(BEGIN).execute(&mut *connection).await?;
    sqlx::query(ERASURES).execute(&mut *connection).await?;
    sqlx::query(FLOORS).execute(&mut *connection).await?;
    let waiting: i64 = sqlx::query_scalar(WAITING).fetch_one(&mut *connection).await?;
    sqlx::query("commit").execute(&mut *connection).await?;
    Ok(Learned::Erasures(waiting as u64))
}

/// How `SQLite` is to open a database that is only read. Without a write-ahead log nobody writes
/// it, so it can be read as it is, also where nothing can be written (sqlite.org/uri.html).
fn name_to_read(file: &Path) -> String {
    if file.with_extension("db-wal").exists() {
        return file.to_string_lossy().into_owned();
    }
    let bytes = file.as_os_str().as_encoded_bytes().iter();
    let escaped = bytes.fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    format!("file:{escaped}?immutable=1")
}
