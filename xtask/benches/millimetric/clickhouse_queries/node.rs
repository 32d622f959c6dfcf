//! A ClickHouse server of ours over a temporary folder (`xtask/clickhouse/node.py`), asked over HTTP.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use millimetric_events::{ClickHouseUrl, EventsUrl};
use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;

use crate::queries::Timed;

/// The Python program.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clickhouse/node.py");
/// The settings of all statements; with that of `FINAL` that the store uses too.
const SETTINGS: &str = "wait_end_of_query=1&do_not_merge_across_partitions_select_final=1&\
                        output_format_json_quote_64bit_integers=0";
/// How long a server may take to respond.
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// How often to look whether it does.
const POLL: Duration = Duration::from_millis(20);

/// A running server; ended, and its data removed, when it is dropped.
#[derive(Debug)]
pub(super) struct Node {
    child: Child,
    address: String,
    agent: Agent,
    _folder: TempDir,
}

impl Node {
    /// Starts a server, and waits until it responds.
    pub(super) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (http, tcp) = (free_port()?, free_port()?);
        let mut command = Command::new("python3");
        command.arg(PROGRAM).arg(folder.path()).args([http, tcp].map(|port| port.to_string()));
        // It ends with its input, so also when this process is killed.
        command.env("LIBCHDB", xtask::clickhouse::library()?).stdin(Stdio::piped());
        let child = command.spawn().context("python3 does not start")?;
        let config = Agent::config_builder().http_status_as_error(false).build();
        let node =
            Self { child, address: format!("127.0.0.1:{http}"), agent: config.into(), _folder: folder };
        let started = Instant::now();
        while node.text("SELECT 1").is_err() {
            if started.elapsed() > STARTS_WITHIN {
                bail!("the ClickHouse server does not respond");
            }
            std::thread::sleep(POLL);
        }
        Ok(node)
    }

    /// The URL of its database.
    pub(super) fn url(&self) -> anyhow::Result<ClickHouseUrl> {
        match format!("clickhouse://{}/default", self.address).parse()? {
            EventsUrl::ClickHouse(url) => Ok(url),
            EventsUrl::File(_) => Err(anyhow!("not a URL of ClickHouse")),
        }
    }

    /// The response to a statement.
    pub(super) fn text(&self, sql: &str) -> anyhow::Result<String> {
        let url = format!("http://{}/?{SETTINGS}", self.address);
        let mut response = self.agent.post(&url).send(sql)?;
        let text = response.body_mut().with_config().limit(u64::MAX).read_to_string()?;
        if response.status() != 200 {
            bail!("{sql}\n{text}");
        }
        Ok(text)
    }

    /// The rows of a query, an object each, and the time until the last byte of them.
    pub(super) fn ask(&self, sql: &str) -> anyhow::Result<Timed> {
        let start = Instant::now();
        let text = self.text(&format!("{sql} FORMAT JSONEachRow"))?;
        let millis = start.elapsed().as_secs_f64() * 1000.0;
        let rows: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        Ok(Timed { rows: rows?, millis, truncated: false, next_cursor: None })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail on a process that has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
