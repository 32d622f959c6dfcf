//! A second connection to `events.db`, which reads one moment of it while the writer goes on.

use std::path::Path;

use millimetric_events::StoreError;
use rusqlite::{Connection, OpenFlags};

use super::manifest::database_error;

/// The first read of a transaction decides which state of the database it sees.
const BEGIN_AND_READ: &str = "begin; select count(*) from main.meta";

/// Fixes what the connection sees of the database from now on.
pub(crate) fn begin(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(BEGIN_AND_READ).map_err(database_error)
}

/// Opens an existing database, beside other connections to it.
pub(crate) fn connect(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(file, flags).map_err(database_error)?;
    connection.execute_batch("pragma secure_delete = on").map_err(database_error)?;
    Ok(connection)
}

/// How `SQLite` is to open a database that is only read. Without a write-ahead log nobody writes
/// it, so it can be read as it is, also where nothing can be written (sqlite.org/uri.html).
pub(crate) fn name_to_read(file: &Path) -> String {
    if file.with_extension("db-wal").exists() {
        return file.to_string_lossy().into_owned();
    }
    let bytes = file.as_os_str().as_encoded_bytes().iter();
    let escaped = bytes.fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    format!("file:{escaped}?immutable=1")
}
