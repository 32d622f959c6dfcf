//! Opening a database that is there, for commands that only read or copy it: nothing is created,
//! nothing is migrated.

use std::path::{Path, PathBuf};

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, ConnectOptions as _, Connection as _, raw_sql};

use super::{ACQUIRE_TIMEOUT, MIGRATIONS, SETTINGS, explain, options, url};
use crate::engine::schema;
use crate::{Control, ControlError};

/// Settings of a connection that only reads.
const READING: &str = "pragma busy_timeout = 5000; pragma query_only = on;";

/// Opens the database at `path` without creating or changing anything; see [`Control::open_to_read`].
pub(crate) async fn open_to_read(path: &Path) -> Result<Control, ControlError> {
    let cannot_open = |cause: ControlError| explain(path, &cause);
    let file = existing_file(path)?;
    // Without a write-ahead log nobody writes, and the file can be read as it is. `SQLite` would
    // make a log and its index otherwise, and leave them (sqlite.org/wal.html, section 5).
    let is_at_rest = !beside(&file, "-wal").exists();
    let mode = if is_at_rest { "mode=ro&immutable=true" } else { "mode=ro" };
    let pool = single(&url(&file, mode), READING).await.map_err(cannot_open)?;
    let control = Control::on(pool);
    schema::check(&MIGRATIONS, &control.pool).await.map_err(|cause| match cause {
        ControlError::Older => cause,
        other => cannot_open(other),
    })?;
    Ok(control)
}

impl Control {
    /// Opens the database at `path` as it is, whatever version wrote it, to copy it.
    pub async fn open_to_copy(path: &Path) -> Result<Self, ControlError> {
        let file = existing_file(path)?;
        let pool = single(&url(&file, "mode=rw"), SETTINGS).await.map_err(|cause| explain(path, &cause))?;
        Ok(Self::on(pool))
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
