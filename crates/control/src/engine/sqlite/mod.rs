//! The `SQLite` engine: the database file, its settings, its migrations; below, opening it to read and
//! copying it. Errors say what to do.

pub(crate) mod backup;
mod reading;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, ConnectOptions, Connection, raw_sql};

pub(crate) use self::reading::open_to_read;
use crate::engine::pool::is_reusable;
use crate::engine::schema;
use crate::{Control, ControlError};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Pool of one handle; `SQLite` has one writer at a time, so more would only wait.
const MAX_CONNECTIONS: u32 = 4;
/// How long a call waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often, and how far apart, the switch to the write-ahead log is tried: 5 s in all.
const WAL_ATTEMPTS: u32 = 200;
const WAL_PAUSE: Duration = Duration::from_millis(25);

/// Settings of each connection: wait 5 s for another process's write, lose nothing that was
/// committed, keep references true, overwrite what is deleted.
const SETTINGS: &str = "pragma busy_timeout = 5000; pragma synchronous = full; \
     pragma foreign_keys = on; pragma secure_delete = on;";
/// A setting of the file: readers and the writer do not wait for each other.
const WRITE_AHEAD_LOG: &str = "pragma journal_mode = wal";
/// Takes the write lock first, so that two processes that start together migrate in turn.
const BEGIN_MIGRATION: &str = "begin immediate";

/// Opens the database at `path` (created, readable by its owner alone, if absent) and migrates it to
/// this version's schema. The directory must exist.
pub(crate) async fn open(path: &Path) -> Result<Control, ControlError> {
    let cannot_open = |cause: ControlError| explain(path, &cause);
    let file = ensure_file(path).map_err(|e| cannot_open(ControlError::Unavailable(e.to_string())))?;
    let options = options(&url(&file, "mode=rw"))?;
    // One connection by itself first: the pool would try again and again, and hide the cause.
    prepare(&options).await.map_err(cannot_open)?;
    let pool = AnyPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| Box::pin(configure(connection)))
        // Where the disk was full, `SQLite` may have ended a transaction by itself; the driver then takes every
        // later one for a part of it, whose commit stores nothing. Such a connection is closed.
        .after_release(|connection, _| Box::pin(is_reusable(connection)))
        .connect_with(options)
        .await?;
    Ok(Control::on(pool))
}

impl Control {
    /// A database that lives as long as its handles, for tests.
    pub async fn open_in_memory() -> Result<Self, ControlError> {
        // A second connection would be a second, empty database.
        let pool = AnyPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(|connection, _| Box::pin(configure(connection)))
            .connect_with(options("sqlite::memory:")?)
            .await?;
        migrate(&mut *pool.acquire().await?).await?;
        Ok(Self::on(pool))
    }
}

fn options(url: &str) -> Result<AnyConnectOptions, ControlError> {
    install_default_drivers();
    Ok(AnyConnectOptions::from_str(url)?)
}

/// Creates the file if absent and returns its absolute path.
///
/// An existing file is not opened here: closing it again would drop the locks that another
/// handle of this process holds on it (sqlite.org/howtocorrupt.html, section 2.2).
fn ensure_file(path: &Path) -> std::io::Result<PathBuf> {
    let directory = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = directory.canonicalize()?.join(path.file_name().unwrap_or_default());
    let mut create = std::fs::OpenOptions::new();
    create.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut create, 0o600);
    match create.open(&file) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(file),
    }
}

/// The path as sqlx wants it; every byte that could mean something in a URL is escaped.
fn url(file: &Path, mode: &str) -> String {
    let bytes = file.as_os_str().as_encoded_bytes();
    let escaped: String = bytes
        .iter()
        .map(|&byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("sqlite://{escaped}?{mode}")
}

async fn configure(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    raw_sql(SETTINGS).execute(connection).await.map(|_| ())
}

async fn prepare(options: &AnyConnectOptions) -> Result<(), ControlError> {
    let mut connection = options.connect().await?;
    configure(&mut connection).await?;
    switch_to_write_ahead_log(&mut connection).await?;
    migrate(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// `SQLite` does not wait for this one lock, whatever the busy timeout; so it is tried again while
/// another process starts on the same new file.
async fn switch_to_write_ahead_log(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    for _ in 1..WAL_ATTEMPTS {
        match raw_sql(WRITE_AHEAD_LOG).execute(&mut *connection).await {
            Err(sqlx::Error::Database(cause)) if is_busy(&*cause) => tokio::time::sleep(WAL_PAUSE).await,
            other => return other.map(|_| ()),
        }
    }
    raw_sql(WRITE_AHEAD_LOG).execute(connection).await.map(|_| ())
}

/// `SQLITE_BUSY` and `SQLITE_BUSY_RECOVERY`.
fn is_busy(cause: &dyn sqlx::error::DatabaseError) -> bool {
    matches!(cause.code().as_deref(), Some("5" | "261"))
}

async fn migrate(connection: &mut AnyConnection) -> Result<(), ControlError> {
    let mut turn = connection.begin_with(BEGIN_MIGRATION).await?;
    schema::migrate(&MIGRATIONS, &mut turn).await?;
    turn.commit().await?;
    Ok(())
}

fn explain(path: &Path, cause: &ControlError) -> ControlError {
    let path = path.display();
    match cause {
        ControlError::Unavailable(cause) => ControlError::CannotOpen(format!(
            "cannot open the control database {path}: {cause}; check that its directory exists and that this \
             user may write to both"
        )),
        ControlError::Corrupt(cause) => ControlError::CannotOpen(format!(
            "{path} is damaged or not a control database ({cause}): restore it from a backup, or move it \
             away to start with an empty one"
        )),
        other => ControlError::CannotOpen(format!("cannot open the control database {path}: {other}")),
    }
}
