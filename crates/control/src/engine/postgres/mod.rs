//! The `PostgreSQL` engine: its connections, their settings, its migrations, and which of several servers takes
//! writes. Errors say what to do.

mod inspect;
mod instances;
mod refusals;
mod url;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AnyPool, ConnectOptions as _, Connection as _, query_scalar, raw_sql};
use tokio::time::timeout;

pub use self::inspect::ServerState;
pub use self::instances::{BucketSize, Instances};
pub use self::url::{PostgresUrl, PostgresUrlError};
use crate::engine::pool::{Pool, is_reusable};
use crate::engine::schema;
use crate::{Control, ControlError};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Connections of one instance. A server allows 100 by default, which several instances share.
const MAX_CONNECTIONS: u32 = 8;
/// How long a call waits for a free connection, or for a new one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one server may take to accept a connection and to say what it is.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The oldest version that has every feature used here, as `server_version_num` says it.
const OLDEST_VERSION: i64 = 130_000;

/// Settings of each connection, in milliseconds: a statement ends before its caller gives up, a lock is waited for
/// no longer than by `SQLite`, and a transaction whose instance is gone lets others go on.
const SETTINGS: &str = "set statement_timeout = 8000; set lock_timeout = 5000;
    set idle_in_transaction_session_timeout = 30000;";
const READ_ONLY: &str = "set default_transaction_read_only = on;";
const TAKES_WRITES: &str = "select case when pg_is_in_recovery() then 0::bigint else 1::bigint end";
const VERSION: &str = "select current_setting('server_version_num')::bigint";
const ENCODING: &str = "select current_setting('server_encoding')";

/// The servers of a store, to find the one that takes writes.
#[derive(Clone)]
pub(crate) struct Servers(Arc<Vec<(String, AnyConnectOptions)>>);

/// Without what connects to them, which has the password.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The statements that create the tables in `PostgreSQL`, each with its name, in their order. Opening a store applies
/// those that it does not have.
pub fn postgres_migrations() -> impl Iterator<Item = (&'static str, &'static str)> {
    MIGRATIONS.iter().map(|migration| (&*migration.description, migration.sql.as_str()))
}

/// Opens the store and migrates it to this version's schema.
pub(crate) async fn open(url: &PostgresUrl) -> Result<Control, ControlError> {
    let (servers, primary) = servers(url).await?;
    prepare(&primary).await.map_err(|cause| explain(&url.shown(), &cause))?;
    Ok(Control { pool: pool(primary, &[SETTINGS]).await?, servers: Some(servers) })
}

/// Opens the store without changing anything; see [`Control::open_to_read`].
pub(crate) async fn open_to_read(url: &PostgresUrl) -> Result<Control, ControlError> {
    let (servers, primary) = servers(url).await?;
    let control = Control { pool: pool(primary, &[SETTINGS, READ_ONLY]).await?, servers: Some(servers) };
    schema::check(&MIGRATIONS, &control.pool).await.map_err(|cause| match cause {
        ControlError::Older => cause,
        other => explain(&url.shown(), &other),
    })?;
    Ok(control)
}

impl Servers {
    /// Finds the server that takes writes, for the connections that are opened from now on. Open connections to
    /// another server are closed before their next use. Changes nothing if no server takes writes.
    pub(crate) async fn find_primary(&self, pool: &Pool) -> Result<(), ControlError> {
        pool.set_connect_options(self.primary().await?);
        Ok(())
    }

    /// The first server that responds and takes writes; else why each of them is not used.
    async fn primary(&self) -> Result<AnyConnectOptions, ControlError> {
        let mut refusals = Vec::new();
        for (name, options) in self.0.iter() {
            match timeout(CONNECT_TIMEOUT, takes_writes(options)).await {
                Ok(Ok(true)) => return Ok(options.clone()),
                Ok(Ok(false)) => refusals.push(format!("{name} is a standby")),
                Ok(Err(error)) => refusals.push(format!("{name}: {error}")),
                Err(_) => refusals.push(format!("{name} does not respond")),
            }
        }
        Err(ControlError::Unavailable(refusals.join("; ")))
    }
}

/// The servers of the URL, and the one that takes writes.
async fn servers(url: &PostgresUrl) -> Result<(Servers, AnyConnectOptions), ControlError> {
    install_default_drivers();
    let servers = url.servers().map_err(|error| ControlError::CannotOpen(error.to_string()))?;
    let servers = Servers(Arc::new(servers));
    let primary = servers.primary().await.map_err(|cause| explain(&url.shown(), &cause))?;
    Ok((servers, primary))
}

async fn takes_writes(options: &AnyConnectOptions) -> Result<bool, sqlx::Error> {
    let mut connection = options.connect().await?;
    let answer = is_primary(&mut connection).await;
    connection.close().await?;
    answer
}

async fn is_primary(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    Ok(query_scalar::<_, i64>(TAKES_WRITES).fetch_one(connection).await? == 1)
}

/// Checks the server, and migrates under a lock of the database: of instances that start together one migrates, and
/// the others find it done.
async fn prepare(primary: &AnyConnectOptions) -> Result<(), ControlError> {
    let mut connection = primary.connect().await?;
    let version: i64 = query_scalar(VERSION).fetch_one(&mut connection).await?;
    if version < OLDEST_VERSION {
        let (is, least) = (version / 10_000, OLDEST_VERSION / 10_000);
        return Err(ControlError::CannotOpen(format!("it is PostgreSQL {is}: use {least} or newer")));
    }
    let encoding: String = query_scalar(ENCODING).fetch_one(&mut connection).await?;
    if encoding != "UTF8" {
        return Err(ControlError::CannotOpen(format!(
            "its database is encoded in {encoding}: create one with `createdb --encoding=UTF8 --template=template0`"
        )));
    }
    schema::migrate(&MIGRATIONS, &mut connection).await?;
    connection.close().await?;
    Ok(())
}

async fn configure(
    connection: &mut AnyConnection,
    settings: &'static [&'static str],
) -> Result<(), sqlx::Error> {
    for setting in settings {
        raw_sql(*setting).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn pool(primary: AnyConnectOptions, settings: &'static [&'static str]) -> Result<Pool, ControlError> {
    let pool: AnyPool = AnyPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| Box::pin(configure(connection, settings)))
        // In place of a ping: a primary that became a standby responds, but takes no writes.
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(is_primary(connection)))
        .after_release(|connection, _| Box::pin(is_reusable(connection)))
        .connect_with(primary)
        .await?;
    Ok(Pool::new(pool))
}

fn explain(servers: &str, cause: &ControlError) -> ControlError {
    let cause = match cause {
        ControlError::Unavailable(cause) => {
            format!("{cause}; check that it runs, and the host, database, user and password of --control-url")
        }
        other => other.to_string(),
    };
    ControlError::CannotOpen(format!("cannot open the control database at {servers}: {cause}"))
}
