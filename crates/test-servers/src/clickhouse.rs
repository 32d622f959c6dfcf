//! A ClickHouse server, which `xtask/clickhouse/node.py` starts from a library.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::StartError;
use crate::process::{Process, free_port};

/// How long a response may take before the server counts as one that does not respond.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a start is tried.
const TRIES: usize = 3;
const MISSING: &str = "this needs a ClickHouse server: `cargo xtask test` installs one (on Linux, x86-64), or \
                       MILLIMETRIC_TEST_CLICKHOUSE names a libchdb.so";

/// A server with a data folder of its own.
#[derive(Debug)]
pub struct ClickHouse {
    process: Process,
    library: PathBuf,
    folder: PathBuf,
    /// Removes the folder, if it is the server's own.
    own: Option<TempDir>,
    port: u16,
    tcp_port: u16,
}

impl ClickHouse {
    /// Starts a server in a folder of its own.
    pub fn start() -> Result<Self, StartError> {
        let own = TempDir::new().map_err(|error| StartError::Failed(error.to_string()))?;
        let mut server = Self::start_in(own.path())?;
        server.own = Some(own);
        Ok(server)
    }

    /// Starts a server in a folder that outlives it.
    pub fn start_in(folder: &Path) -> Result<Self, StartError> {
        let library = library()?;
        let folder = folder.to_owned();
        let mut tries = 0;
        loop {
            let (port, tcp_port) = (free_port()?, free_port()?);
            tries += 1;
            match serve(&library, &folder, port, tcp_port) {
                Ok(process) => return Ok(Self { process, library, folder, own: None, port, tcp_port }),
                // Somebody else may have taken a port meanwhile.
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Makes an empty database and returns its URL.
    pub fn database(&self, name: &str) -> Result<String, StartError> {
        let statement = format!("CREATE DATABASE {name} ENGINE = Atomic");
        self.query(&statement).map_err(StartError::Failed)?;
        Ok(self.url(name))
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("clickhouse://127.0.0.1:{}/{database}", self.port)
    }

    /// The port of its HTTP interface on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The number of its process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Runs a statement, and returns the lines of the response; the error is what the server says.
    pub fn query(&self, statement: &str) -> Result<String, String> {
        request(self.port, statement)
    }

    /// Kills the server, as a crash would.
    pub fn kill(&mut self) {
        self.process.end(Signal::KILL);
    }

    /// Starts the server again after [`ClickHouse::kill`], with its files and on its ports.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.process = serve(&self.library, &self.folder, self.port, self.tcp_port)?;
        Ok(())
    }

    /// Stops it (SIGSTOP): connections stay open, and nothing responds.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process.signal(Signal::CONT);
    }
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        self.process.end(Signal::KILL);
    }
}

fn serve(library: &Path, folder: &Path, port: u16, tcp_port: u16) -> Result<Process, StartError> {
    let library = format!("LIBCHDB={}", library.display());
    let script = root().join("xtask/clickhouse/node.py").display().to_string();
    let folder_name = folder.display().to_string();
    let (port_text, tcp_port) = (port.to_string(), tcp_port.to_string());
    let arguments = [&*library, "python3", &script, &folder_name, &port_text, &tcp_port];
    let log = folder.join("start.log");
    let mut process = Process::start_with_input(OsStr::new("env"), &arguments, &log)?;
    process.wait_until(|| request(port, "SELECT 1").is_ok(), &log)?;
    Ok(process)
}

/// Sends a statement over HTTP.
fn request(port: u16, statement: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut connection = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    connection.set_read_timeout(Some(RESPONSE_TIMEOUT)).map_err(failed)?;
    let length = statement.len();
    write!(
        connection,
        "POST /?wait_end_of_query=1 HTTP/1.0\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{statement}"
    )
    .map_err(failed)?;
    let mut response = String::new();
    connection.read_to_string(&mut response).map_err(failed)?;
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(body.to_owned()),
    }
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
    let has_python = Command::new("python3").arg("--version").output().is_ok();
    if library.is_file() && has_python { Ok(library) } else { Err(StartError::Missing(MISSING.to_owned())) }
}
