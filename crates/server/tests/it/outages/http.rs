//! Requests of the campaign: to a server that may not be there, with a timeout as clients have one.

use std::io::{self, BufRead as _, BufReader};
use std::time::Duration;

use anyhow::ensure;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::{ALWAYS, Project};

/// How long a client waits for a response.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What reads `/metrics`.
pub(super) const METRICS_TOKEN: &str = "a-token-for-the-campaign";

/// Where each server is now.
pub(super) type Addresses = [Mutex<String>; 2];

/// A response, or why there was none.
pub(super) struct Reply {
    /// `202`; `502 upstream_failed`; `timeout`; `no response`.
    pub(super) words: String,
    /// The status; 0 if there was no response.
    pub(super) status: u16,
    pub(super) body: Value,
}

/// A client with connections of its own.
pub(super) struct Client<'a> {
    agent: ureq::Agent,
    addresses: &'a Addresses,
    project: &'a Project,
}

impl<'a> Client<'a> {
    pub(super) fn new(addresses: &'a Addresses, project: &'a Project) -> Self {
        Self::with_timeout(addresses, project, TIMEOUT)
    }

    /// A client that waits for a response until it is read.
    pub(super) fn with_timeout(addresses: &'a Addresses, project: &'a Project, timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(timeout));
        Self { agent: config.build().into(), addresses, project }
    }

    /// Sends events to a server.
    pub(super) fn send(&self, server: usize, mut events: Vec<Value>) -> Reply {
        let (path, body) = match events.len() {
            1 => ("/v1/track", events.remove(0)),
            _ => ("/v1/batch", json!({ "events": events })),
        };
        let request = self.request("POST", server, path, &self.project.sk);
        let body = body.to_string();
        self.run(request.body(body))
    }

    /// Reads from a server.
    pub(super) fn get(&self, server: usize, path: &str) -> Reply {
        self.get_with(&self.project.rk, server, path)
    }

    fn get_with(&self, key: &str, server: usize, path: &str) -> Reply {
        let request = self.request("GET", server, path, key);
        self.run(request.body(()))
    }

    /// How many responses with a status of 5xx a server has in `/metrics`; 0 if it does not respond.
    pub(super) fn failures(&self, server: usize) -> u64 {
        let page = self.get_with(METRICS_TOKEN, server, "/metrics");
        let lines = page.body.as_str().unwrap_or_default().lines();
        let failed =
            lines.filter(|line| line.starts_with("http_requests_total{") && line.contains("status=\"5"));
        failed.filter_map(|line| line.split(' ').nth(1)?.parse::<u64>().ok()).sum()
    }

    /// How many events a server counts.
    pub(super) fn count(&self, server: usize) -> Reply {
        self.get(server, &format!("/v1/stats?{ALWAYS}"))
    }

    /// The lines of an export of all events.
    pub(super) fn export(&self, server: usize) -> anyhow::Result<impl Iterator<Item = io::Result<String>>> {
        let request = self.request("GET", server, &format!("/v1/export?{ALWAYS}"), &self.project.rk);
        let response = self.agent.run(request.body(())?)?;
        ensure!(response.status() == 200, "the export of server {server} got {}", response.status());
        Ok(BufReader::new(response.into_body().into_reader()).lines())
    }

    fn request(&self, method: &str, server: usize, path: &str, key: &str) -> ureq::http::request::Builder {
        let address = self.addresses[server].lock().clone();
        ureq::http::Request::builder()
            .method(method)
            .uri(format!("{address}{path}"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
    }

    fn run(&self, request: ureq::http::Result<ureq::http::Request<impl ureq::AsSendBody>>) -> Reply {
        let response = request.map_err(ureq::Error::from).and_then(|request| self.agent.run(request));
        let read = response.and_then(|mut response| {
            let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
            Ok((response.status().as_u16(), text))
        });
        match read {
            Ok((status, text)) => {
                let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
                let code = body["error"].as_str().unwrap_or_default();
                Reply { words: format!("{status} {code}").trim_end().to_owned(), status, body }
            }
            Err(error) => {
                let words = if matches!(error, ureq::Error::Timeout(_)) { "timeout" } else { "no response" };
                Reply { words: words.to_owned(), status: 0, body: Value::Null }
            }
        }
    }
}
