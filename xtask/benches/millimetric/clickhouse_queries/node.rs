//! A ClickHouse server of ours, asked over HTTP.

use std::time::Instant;

use anyhow::{anyhow, bail};
use millimetric_events::{ClickHouseUrl, EventsUrl};
use millimetric_test_servers::ClickHouse;
use serde_json::Value;
use ureq::Agent;

use crate::queries::Timed;

/// The settings of all statements; with that of `FINAL` that the store uses too.
const SETTINGS: &str = "wait_end_of_query=1&do_not_merge_across_partitions_select_final=1&\
                        output_format_json_quote_64bit_integers=0";

/// A running server; ended, and its data removed, when it is dropped.
#[derive(Debug)]
pub(super) struct Node {
    server: ClickHouse,
    agent: Agent,
}

impl Node {
    /// Starts a server, and waits until it responds.
    pub(super) fn start() -> anyhow::Result<Self> {
        let config = Agent::config_builder().http_status_as_error(false).build();
        Ok(Self { server: ClickHouse::start()?, agent: config.into() })
    }

    /// The URL of its database.
    pub(super) fn url(&self) -> anyhow::Result<ClickHouseUrl> {
        match self.server.url("default").parse()? {
            EventsUrl::ClickHouse(url) => Ok(url),
            EventsUrl::File(_) => Err(anyhow!("not a URL of ClickHouse")),
        }
    }

    /// The response to a statement.
    pub(super) fn text(&self, sql: &str) -> anyhow::Result<String> {
        let url = format!("http://127.0.0.1:{}/?{SETTINGS}", self.server.port());
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
