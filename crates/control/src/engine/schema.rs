//! Which version of the schema a database has, and how it gets the one of this program. Each engine has
//! migrations of its own.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, query_scalar};

use crate::ControlError;
use crate::engine::pool::Pool;

const APPLIED: &str = "select version from _sqlx_migrations order by version";

/// Applies the migrations that the database does not have yet.
pub(crate) async fn migrate(to: &Migrator, connection: &mut AnyConnection) -> Result<(), ControlError> {
    // Not `run`, whose bounds keep the caller's future from being `Send`.
    to.run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) => newer(),
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => cause.into(),
        other => ControlError::CannotOpen(format!("{other}: restore it from a backup")),
    })
}

/// Whether the database has exactly these migrations; [`ControlError::Older`] if some are missing.
pub(crate) async fn check(expected: &Migrator, pool: &Pool) -> Result<(), ControlError> {
    let applied: Vec<i64> =
        query_scalar(APPLIED).fetch_all(pool).await.map_err(|error| match error.into() {
            ControlError::Unavailable(cause) => {
                ControlError::CannotOpen(format!("it is no control database of this program ({cause})"))
            }
            other => other,
        })?;
    let known: Vec<i64> = expected.iter().map(|migration| migration.version).collect();
    if applied.iter().any(|version| !known.contains(version)) {
        return Err(newer());
    }
    if applied.len() < known.len() { Err(ControlError::Older) } else { Ok(()) }
}

fn newer() -> ControlError {
    ControlError::CannotOpen(
        "it was written by a newer version of this program: start that version, or a later one".into(),
    )
}
