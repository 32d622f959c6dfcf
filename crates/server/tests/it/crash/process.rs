//! The server of the campaign as a process: started, queried, watched by its metrics, killed. Kills
//! nothing but what it started, and reaches nothing beyond the loopback interface.
//!
//! The process is this test binary, which runs the same server as the program with a lower bound on
//! events in memory, so that a short round flushes and merges many times.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};
use millimetric::app::server::Bounds;
use serde_json::Value;

use crate::support::{PATIENCE, clean, serve_with};

const METRICS_TOKEN: &str = "a-token-for-the-campaign";
/// Events of a project in memory that are flushed together.
const FLUSH_ROWS: Option<NonZeroUsize> = NonZeroUsize::new(1500);
/// Tells a copy of this binary to serve this data folder.
const DATA: &str = "MILLIMETRIC_CRASH_DATA";

/// The body of the process that [`Process::spawn`] starts; a test only because this binary has no other
/// entry point, and at once at its end where nobody set [`DATA`].
#[test]
fn server() {
    let Some(data) = std::env::var_os(DATA) else { return };
    let unlimited = ["--rate-limit-track", "off", "--rate-limit-batch", "off"];
    let flags = [&unlimited[..], &["--log", "warn", "--metrics-token", METRICS_TOKEN]].concat();
    let bounds = Bounds { flush_rows: FLUSH_ROWS, ..Bounds::default() };
    serve_with(Path::new(&data), &flags, bounds);
}

/// A server that was started; dropped, it is killed.
pub(super) struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Where it listens, once it has said so.
    url: Option<String>,
}

impl Process {
    /// Starts it over a folder.
    pub(super) fn spawn(data: &Path, log: File) -> anyhow::Result<Self> {
        let mut child = clean(Command::new(std::env::current_exe()?), data)
            .args(["--exact", "crash::process::server", "--nocapture"])
            .env(DATA, data)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let output = BufReader::new(child.stdout.take().context("the server has no output")?);
        Ok(Self { child, output, url: None })
    }

    /// Waits until it listens, and connects.
    pub(super) fn connect(&mut self) -> anyhow::Result<Connection> {
        let mut lines = self.output.by_ref().lines();
        while self.url.is_none() {
            let line = lines.next().context("the server ended instead of listening; see its log")?;
            self.url = address(&line?);
        }
        Ok(Connection::to(self.url.as_deref().unwrap_or_default()))
    }

    /// Ends it as a power cut would; it must have been alive. Tells whether it had begun to listen.
    pub(super) fn kill(mut self) -> anyhow::Result<bool> {
        ensure!(self.child.try_wait()?.is_none(), "the server had ended by itself; see its log");
        self.child.kill()?;
        self.child.wait()?;
        let mut rest = String::new();
        self.output.read_to_string(&mut rest)?;
        Ok(self.url.is_some() || rest.lines().any(|line| address(line).is_some()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(line: &str) -> Option<String> {
    let rest = line.strip_prefix("Millimetric listens on ")?;
    Some(rest.split(' ').next()?.replace("localhost", "127.0.0.1"))
}

/// What the metrics say is under way.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct UnderWay {
    pub(super) flushing: bool,
    pub(super) merging: bool,
    pub(super) erasing: bool,
    /// Erasures that are not finished: asked for, under way, or before their last step.
    pub(super) erasures: u64,
    /// Re-classifications that are not finished.
    pub(super) reclassifications: u64,
    pub(super) segments: u64,
}

/// One client's connection to a server.
pub(super) struct Connection {
    agent: ureq::Agent,
    url: String,
}

impl Connection {
    pub(super) fn to(url: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        Self { agent: config.build().into(), url: url.to_owned() }
    }

    /// The status and the JSON of the response; an error if there is none.
    pub(super) fn post(&self, path: &str, key: &str, body: &Value) -> Result<(u16, Value), ureq::Error> {
        let request = ureq::http::Request::post(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json");
        let mut response = self.agent.run(request.body(body.to_string())?)?;
        let text = response.body_mut().read_to_string()?;
        Ok((response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// The body of the response, as it arrives.
    pub(super) fn get(&self, path: &str, key: &str) -> anyhow::Result<impl std::io::BufRead + use<>> {
        let request = ureq::http::Request::get(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {key}"));
        let response = self.agent.run(request.body(())?)?;
        ensure!(response.status() == 200, "{path} returned {}", response.status());
        Ok(BufReader::new(response.into_body().into_reader()))
    }

    /// The JSON of a response.
    pub(super) fn ask(&self, path: &str, key: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_reader(self.get(path, key)?)?)
    }

    /// Looks at the metrics.
    pub(super) fn under_way(&self) -> anyhow::Result<UnderWay> {
        let mut page = String::new();
        self.get("/metrics", METRICS_TOKEN)?.read_to_string(&mut page)?;
        let figure = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.with_context(|| format!("{name} is missing in /metrics"))?.parse::<u64>().context("a figure")
        };
        Ok(UnderWay {
            flushing: figure("store_flush_running")? > 0,
            merging: figure("store_merge_running")? > 0,
            erasing: figure("store_erase_running")? > 0,
            erasures: figure("store_erasures_pending")?,
            reclassifications: figure("store_reclassifications_pending")?,
            segments: figure("store_segments")?,
        })
    }
}
