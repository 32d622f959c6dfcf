//! Opening a database that is there, for commands that only read or copy it: nothing is created,
//! nothing is migrated.

use std::path::{Path, PathBuf};

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, ConnectOptions as _, Connection as _, query_scalar, raw_sql};

use super::{ACQUIRE_TIMEOUT, MIGRATIONS, SETTINGS, explain, newer, options, url};
use crate::{Control, ControlError};

/// Settings of a connection that only reads.
const READING: &str = "pragma busy_timeout = 5000; pragma query_only = on;";
const APPLIED: &str = "select version from _sqlx_migrations order by version";

/// Opens the database at `path` without creating or changing anything; see [`Control::open_to_read`].
pub(crate) async fn open_to_read(path: &Path) -> Result<Control, ControlError> {
    let cannot_open = |cause: ControlError| explain(path, &cause);
    let file = existing_file(path)?;
    // Without a write-ahead log nobody writes, and the file can be read as it is. `SQLite` would
    // make a log and its index otherwise, and leave them (sqlite.org/wal.html, section 5).
    let is_at_rest = !beside(&file, "-wal").exists();
    let mode = if is_at_rest { "mode=ro&immutable=true" } else { "mode=ro" };
    let pool = single(&url(&file, mode), READING).await.map_err(cannot_open)?;
    check_version(&pool).await.map_err(|cause| match cause {
        ControlError::Older => cause,
        other => cannot_open(other),
    })?;
    Ok(Control { pool })
}

impl Control {
    /// Opens the database at `path` as it is, whatever version wrote it, to copy it.
    pub async fn open_to_copy(path: &Path) -> Result<Self, ControlError> {
        let file = existing_file(path)?;
        let pool = single(&url(&file, "mode=rw"), SETTINGS).await.map_err(|cause| explain(path, &cause))?;
        Ok(Self { pool })
    }
}

/// The absolute path of a file that is there.
fn existing_file(path: &Path) -> Result<PathBuf, ControlError> {
    path.canonicalize().map_err(|error| {
        let shown = path.display();
        ControlError::CannotOpen(format!(
            "cannot open the control database {shown}: {error}; name the server's data folder with --data-dir"
        ))
    })
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A pool of one connection.
async fn single(url: &str, settings: &'static str) -> Result<AnyPool, ControlError> {
    let options = options(url)?;
    // By itself first, as the pool would hide the cause.
    options.connect().await?.close().await?;
    let pool = AnyPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
    let pool = pool.after_connect(move |connection, _| {
        Box::pin(async move { raw_sql(settings).execute(connection).await.map(|_| ()) })
    });
    Ok(pool.connect_with(options).await?)
}

/// Whether the database has exactly the migrations of this version.
async fn check_version(pool: &AnyPool) -> Result<(), ControlError> {
    let applied: Vec<i64> =
        query_scalar(APPLIED).fetch_all(pool).await.map_err(|error| match error.into() {
            ControlError::Unavailable(cause) => {
                ControlError::CannotOpen(format!("it is no control database of this program ({cause})"))
            }
            other => other,
        })?;
    let known: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    if applied.iter().any(|version| !known.contains(version)) {
        return Err(newer());
    }
    if applied.len() < known.len() { Err(ControlError::Older) } else { Ok(()) }
}
