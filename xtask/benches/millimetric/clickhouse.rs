//! ClickHouse in a Python process of ours (`xtask/python/clickhouse.py`), a line of JSON each way.
//!
//! Its times are taken in Python around the call alone: the pipe costs it nothing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// The Python program.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/clickhouse.py");

/// A running ClickHouse over a folder; ended when it is dropped.
#[derive(Debug)]
pub(crate) struct ClickHouse {
    child: Child,
    requests: ChildStdin,
    responses: BufReader<ChildStdout>,
}

/// What a statement answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// An object for each row.
    pub(crate) rows: Vec<Value>,
    /// The time of the call.
    pub(crate) millis: f64,
}

impl ClickHouse {
    /// Starts over what the folder holds, and waits until statements are answered.
    pub(crate) fn start(python: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(python)
            .arg(PROGRAM)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start", python.display()))?;
        let (requests, responses) = child.stdin.take().zip(child.stdout.take()).context("no pipes")?;
        let mut started = Self { child, requests, responses: BufReader::new(responses) };
        started.ask("select 1")?;
        Ok(started)
    }

    /// The process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Runs a statement.
    pub(crate) fn ask(&mut self, sql: &str) -> anyhow::Result<Answer> {
        let mut response = self.exchange(&json!({ "sql": sql })).with_context(|| sql.to_owned())?;
        let Value::Array(rows) = response["rows"].take() else {
            bail!("ClickHouse answered no rows: {response}")
        };
        Ok(Answer { rows, millis: response["millis"].as_f64().context("ClickHouse returned no time")? })
    }

    /// Makes the system forget what it holds in memory of the files of these folders, and returns
    /// in which way.
    pub(crate) fn drop_cache(&mut self, folders: &[&Path]) -> anyhow::Result<String> {
        let response = self.exchange(&json!({ "drop_cache": folders }))?;
        Ok(response["way"].as_str().context("the cache was not dropped")?.to_owned())
    }

    fn exchange(&mut self, request: &Value) -> anyhow::Result<Value> {
        writeln!(self.requests, "{request}")?;
        let mut line = String::new();
        self.responses.read_line(&mut line)?;
        let response: Value = serde_json::from_str(&line).context("the Python program ended")?;
        match response["error"].as_str() {
            Some(error) => bail!("ClickHouse: {error}"),
            None => Ok(response),
        }
    }
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        // Both fail on a process that has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
