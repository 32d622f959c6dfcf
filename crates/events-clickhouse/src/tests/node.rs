//! A ClickHouse server for the tests of this process, started with `xtask/clickhouse/node.py`.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

use millimetric_events::suite::{StartError, within};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::engine::url_of;
use crate::client::Client;

/// How often to look whether the server responds.
const POLL: Duration = Duration::from_millis(10);

/// The server that tests share: each has a database of its own. It ends with the last of them.
static SHARED: Mutex<Weak<Node>> = Mutex::const_new(Weak::new());

/// A server and its data. Dropping it ends the server.
pub(super) struct Node {
    pub(super) port: u16,
    tcp_port: u16,
    library: PathBuf,
    directory: TempDir,
    /// The process, if it runs.
    process: parking_lot::Mutex<Option<Child>>,
}

impl Node {
    /// The server that tests share, which is started if it does not run.
    pub(super) async fn shared() -> Result<Arc<Self>, StartError> {
        let mut shared = SHARED.lock().await;
        if let Some(node) = shared.upgrade() {
            return Ok(node);
        }
        let node = Self::start().await?;
        *shared = Arc::downgrade(&node);
        Ok(node)
    }

    /// Starts a server with a data folder of its own.
    pub(super) async fn start() -> Result<Arc<Self>, StartError> {
        let node = Self {
            port: free_port().map_err(failed)?,
            tcp_port: free_port().map_err(failed)?,
            library: library()?,
            directory: TempDir::new().map_err(failed)?,
            process: parking_lot::Mutex::new(None),
        };
        node.run().await?;
        Ok(Arc::new(node))
    }

    /// Starts the server, and waits until it responds.
    pub(super) async fn run(&self) -> Result<(), StartError> {
        let mut command = Command::new("python3");
        command.arg(root().join("xtask/clickhouse/node.py")).arg(self.directory.path());
        command.args([self.port, self.tcp_port].map(|port| port.to_string()));
        command.env("LIBCHDB", &self.library).stdin(Stdio::piped());
        let process = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => StartError::Unavailable("the ClickHouse server needs python3".to_owned()),
            _ => failed(error),
        })?;
        *self.process.lock() = Some(process);
        let client = Client::new(&url_of(self, "default"));
        let responds = async {
            while client.ping().await.is_err() {
                tokio::time::sleep(POLL).await;
            }
        };
        within("the ClickHouse server to respond", responds).await;
        Ok(())
    }

    /// Kills the server, which has no time to write anything.
    pub(super) fn kill(&self) {
        if let Some(mut process) = self.process.lock().take() {
            // It may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn failed(error: std::io::Error) -> StartError {
    StartError::Failed(format!("the server does not start: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The library that contains the server.
fn library() -> Result<PathBuf, StartError> {
    let named = std::env::var_os("MILLIMETRIC_TEST_CLICKHOUSE").map(PathBuf::from);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let installed = target.join("node/clickhouse/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so");
    let library = named.unwrap_or(installed);
    if library.is_file() {
        return Ok(library);
    }
    Err(StartError::Unavailable(
        "there is no ClickHouse server here: `cargo xtask test` installs one (on Linux, x86-64), or \
         MILLIMETRIC_TEST_CLICKHOUSE names a libchdb.so"
            .to_owned(),
    ))
}

/// A port that nobody listens on.
pub(super) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
