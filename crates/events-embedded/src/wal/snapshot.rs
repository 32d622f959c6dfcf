//! A second connection to `events.db`, which reads one moment of it while the writer goes on.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};

use super::manifest::database_error;
use millimetric_events::StoreError;

const BEGIN: &str = "begin";
/// The first read of a transaction decides which state of the database it sees.
const PIN: &str = "select count(*) from main.meta";

/// Fixes what the connection sees of the database from now on.
pub(crate) async fn pin(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(BEGIN).execute(&mut *connection).await.map_err(database_error)?;
    sqlx::query(PIN).fetch_one(connection).await.map(|_| ()).map_err(database_error)
}

/// Opens a database that is there, beside whoever else has it open.
pub(crate) async fn connect(file: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(false);
    let options = options.pragma("secure_delete", "on").disable_statement_logging();
    options.connect().await.map_err(database_error)
}
