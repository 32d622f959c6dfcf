//! Second connections to `events.db` that read a snapshot of it while the writer continues, or read a
//! store that is not open.

use std::path::Path;

use millimetric_events::StoreError;
use rusqlite::{Connection, OpenFlags};

use super::manifest::database_error;

/// A transaction sees the database as of its first read (sqlite.org/isolation.html).
const BEGIN_AND_READ: &str = "begin; select count(*) from main.meta";

/// Begins a read transaction: the connection sees the database as it is now until the transaction ends.
pub(crate) fn begin(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(BEGIN_AND_READ).map_err(database_error)
}

/// Opens an existing database for reading and writing; other connections may have it open.
pub(crate) fn connect(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(file, flags).map_err(database_error)?;
    connection.execute_batch("pragma secure_delete = on").map_err(database_error)?;
    Ok(connection)
}

/// Returns the path or URI with which SQLite opens a database to read it only. If there is no
/// `events.db-wal`, no process writes to it: it is opened as immutable, which also works in a read-only
/// directory (sqlite.org/uri.html).
pub(crate) fn read_only_name(file: &Path) -> String {
    if file.with_extension("db-wal").exists() {
        return file.to_string_lossy().into_owned();
    }
    let bytes = file.as_os_str().as_encoded_bytes().iter();
    let escaped = bytes.fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    format!("file:{escaped}?immutable=1")
}
