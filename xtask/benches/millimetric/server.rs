//! The server under test: a child process over a folder, gone when it is dropped; so is the folder
//! where it is a temporary one.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::client::Connection;

/// Arguments of a server that takes whatever a load sends.
const UNLIMITED: &[&str] = &["--rate-limit-track", "off", "--rate-limit-batch", "off"];
/// What `/metrics` asks for.
const METRICS_TOKEN: &str = "a-token-for-the-bench";
/// The longest wait for a start or a stop.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(1);

/// The keys of a project.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// The pk, of web pages.
    pub(crate) public: String,
    /// The sk, which sends and reads.
    pub(crate) secret: String,
    /// The rk, which reads.
    pub(crate) read: String,
}

/// A running server with one project.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    home: PathBuf,
    /// Where it listens: loopback.
    pub(crate) address: SocketAddr,
    /// From the start of the process until it was ready.
    pub(crate) ready_after: Duration,
    /// The key that sends.
    pub(crate) secret_key: String,
    /// The key that reads.
    pub(crate) read_key: String,
    /// Where the folder is one for this run only: it goes when the server goes.
    temporary: Option<TempDir>,
}

impl Server {
    /// Starts the binary over an empty temporary folder, with these arguments besides, waits until it
    /// is ready, makes a project.
    pub(crate) async fn start(binary: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_program(binary, &[UNLIMITED, arguments].concat(), binary).await
    }

    /// The same, of this program's own server that flushes often (`often.rs`).
    pub(crate) async fn start_flushing_often(binary: &Path) -> anyhow::Result<Self> {
        Self::start_program(&std::env::current_exe()?, UNLIMITED, binary).await
    }

    async fn start_program(program: &Path, arguments: &[&str], binary: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut server = Self::over_with(program, folder.path(), arguments).await?;
        server.temporary = Some(folder);
        server.make_project(binary)?;
        Ok(server)
    }

    /// Starts the binary over [`data_of`] this folder and waits until it is ready; it has no keys.
    pub(crate) async fn over(binary: &Path, home: &Path) -> anyhow::Result<Self> {
        Self::over_with(binary, home, UNLIMITED).await
    }

    /// The same with exactly these arguments: without any, the server has its default settings.
    pub(crate) async fn over_with(binary: &Path, home: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let address = free_address()?;
        let log = File::create(home.join("server.log"))?;
        let begin = Instant::now();
        let child = command(binary, &["serve"], home)
            .args(["--listen", &address.to_string(), "--metrics-token", METRICS_TOKEN])
            .args(arguments)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} does not start", binary.display()))?;
        let mut server = Self {
            child,
            home: home.to_owned(),
            address,
            ready_after: Duration::ZERO,
            secret_key: String::new(),
            read_key: String::new(),
            temporary: None,
        };
        server.wait_until_ready().await?;
        server.ready_after = begin.elapsed();
        Ok(server)
    }

    /// Its metrics.
    pub(crate) async fn metrics(&self) -> anyhow::Result<String> {
        let (status, body) = Connection::get(self.address, "/metrics", Some(METRICS_TOKEN)).await?;
        ensure!(status == 200, "{status}: {body}");
        Ok(body)
    }

    /// The process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// How many events it holds, by its own response.
    pub(crate) async fn stored_events(&self) -> anyhow::Result<u64> {
        let path = "/v1/stats?metric=count&from=2000-01-01&to=2100-01-01";
        let (status, body) = Connection::get(self.address, path, Some(&self.read_key)).await?;
        let response: Value = serde_json::from_str(&body).with_context(|| format!("{status}: {body}"))?;
        response["rows"][0]["value"].as_u64().with_context(|| format!("no count in {status}: {body}"))
    }

    /// Asks it to stop, as an operator does, and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("the server ended with {status}: {}", self.log());
            }
            sleep(POLL).await;
        }
        bail!("the server did not stop (asked: {asked}): {}", self.log())
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at its start with {status}: {}", self.log());
            }
            if matches!(Connection::get(self.address, "/readyz", None).await, Ok((200, _))) {
                return Ok(());
            }
            sleep(POLL).await;
        }
        bail!("the server was not ready in time: {}", self.log())
    }

    /// Makes a project and takes its keys.
    pub(crate) fn make_project(&mut self, binary: &Path) -> anyhow::Result<()> {
        let keys = self.create_project(binary, "bench", &[])?;
        (self.secret_key, self.read_key) = (keys.secret, keys.read);
        Ok(())
    }

    /// Creates a project of this name with these allowed origins; returns its keys.
    pub(crate) fn create_project(&self, binary: &Path, name: &str, origins: &[&str]) -> anyhow::Result<Keys> {
        let mut create = command(binary, &["project", "create", "--name", name, "--json"], &self.home);
        create.args(origins.iter().flat_map(|origin| ["--origin", origin]));
        let project = json_of(&mut create)?;
        let key = |kind: &str| {
            project["keys"][kind].as_str().map(str::to_owned).with_context(|| format!("no {kind} key"))
        };
        Ok(Keys { public: key("pk")?, secret: key("sk")?, read: key("rk")? })
    }

    /// Creates an ak key of the account that the projects belong to.
    pub(crate) fn create_account_key(&self, binary: &Path) -> anyhow::Result<String> {
        let arguments = ["key", "mint", "--account", "default", "--kind", "ak", "--json"];
        let key = json_of(&mut command(binary, &arguments, &self.home))?;
        key["key"].as_str().map(str::to_owned).context("no key of the account")
    }

    /// A new access token of somebody who owns the account.
    pub(crate) fn create_access_token(&self, binary: &Path) -> anyhow::Result<String> {
        let email = "script@example.com";
        json_of(&mut command(binary, &["user", "create", email, "--json"], &self.home))?;
        let arguments = ["user", "token", "create", email, "--scope", "write", "--json"];
        let token = json_of(&mut command(binary, &arguments, &self.home))?;
        token["token"].as_str().map(str::to_owned).context("no access token")
    }

    /// Stores so many events of the demo's last sixty days in its project.
    pub(crate) fn fill(&self, binary: &Path, events: u64) -> anyhow::Result<()> {
        self.fill_project(binary, "bench", events)
    }

    /// The same in the project of this name.
    pub(crate) fn fill_project(&self, binary: &Path, name: &str, events: u64) -> anyhow::Result<()> {
        eprintln!("making {events} events");
        let arguments = ["demo", "--project", name, "--events", &events.to_string(), "--days", "60"];
        let output = command(binary, &arguments, &self.home).output()?;
        ensure!(output.status.success(), "no events: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// The path of the link that makes the dashboard's first owner.
    pub(crate) fn setup_link(&self) -> anyhow::Result<String> {
        let said = fs::read_to_string(self.home.join("server.log"))?;
        let link =
            said.split_whitespace().find_map(|word| word.find("/setup/").map(|at| word[at..].to_owned()));
        link.context("the server printed no link to set it up")
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether the process is still there.
    pub(crate) fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// All that the process has written to standard output and standard error.
    pub(crate) fn output(&self) -> String {
        fs::read(self.home.join("server.log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The end of what the server said.
    fn log(&self) -> String {
        let text = self.output();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail on a process that has ended, which is the usual case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the server of a folder keeps its data.
pub(crate) fn data_of(home: &Path) -> PathBuf {
    home.join("data")
}

/// Copies a folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// A command of the binary over the folder, untouched by settings of this shell.
pub(crate) fn command(binary: &Path, arguments: &[&str], home: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(arguments).arg("--data-dir").arg(data_of(home)).stdin(Stdio::null());
    let ours = |name: &String| name.starts_with("MILLIMETRIC_");
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(ours) {
        command.env_remove(name);
    }
    command
}

/// What a command prints, as JSON.
fn json_of(command: &mut Command) -> anyhow::Result<Value> {
    let output = command.output()?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("no JSON: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A port of the loopback interface that nobody listened on a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
