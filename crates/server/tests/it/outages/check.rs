//! Compares what is stored with what was acknowledged, in the table and in the responses of both servers.

use std::collections::HashMap;
use std::fmt;

use anyhow::{Context as _, ensure};

use super::http::Client;
use super::installation::{Installation, SERVERS};
use super::ledger::Ledger;
use crate::support::ALWAYS;

/// What a look at the stored events showed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stored {
    pub(super) lost: u64,
    pub(super) doubled: u64,
}

impl Stored {
    /// What was not there at an earlier look.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            lost: self.lost.saturating_sub(earlier.lost),
            doubled: self.doubled.saturating_sub(earlier.doubled),
        }
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lost, {} doubled", self.lost, self.doubled)
    }
}

/// Counts the events, while nobody sends: all that were sent are acknowledged.
pub(super) fn stored(installation: &Installation, ledger: &Ledger) -> anyhow::Result<Stored> {
    let sent = ledger.sent();
    let counts = installation.stored("SELECT count(), uniqExact(event_id) FROM stats.events FINAL");
    let (all, distinct) = counts.trim().split_once('\t').context("two numbers")?;
    let (all, distinct): (u64, u64) = (all.parse()?, distinct.parse()?);
    let (addresses, project) = (installation.addresses(), installation.project());
    let client = Client::new(&addresses, project);
    for server in 0..SERVERS {
        let reply = client.count(server);
        let count = reply.body["rows"][0]["value"].as_u64();
        ensure!(reply.status == 200, "the report of server {server}: {}", reply.words);
        if count != Some(sent) {
            ledger
                .break_promise(format!("server {server} counts {count:?} events; {sent} were acknowledged"));
        }
    }
    Ok(Stored { lost: sent.saturating_sub(distinct), doubled: all - distinct })
}

/// Compares every id in the table and in an export of each server; returns how many there are.
pub(super) fn every_event(installation: &Installation, ledger: &Ledger) -> anyhow::Result<u64> {
    let sent = ledger.sent();
    let ids = installation.stored("SELECT event_id FROM stats.events FINAL");
    compare(ledger, "the table", sent, ids.lines());
    let (addresses, project) = (installation.addresses(), installation.project());
    let client = Client::new(&addresses, project);
    for server in 0..SERVERS {
        let reply = client.get(server, &format!("/v1/export?{ALWAYS}"));
        ensure!(reply.status == 200, "the export of server {server}: {}", reply.words);
        let export = reply.body.as_str().context("an export is no text")?;
        let ids = export.lines().filter_map(|line| {
            let (_, rest) = line.split_once("\"event_id\":\"")?;
            Some(rest.split_once('"')?.0)
        });
        compare(ledger, &format!("the export of server {server}"), sent, ids);
    }
    Ok(sent)
}

fn compare<'a>(ledger: &Ledger, place: &str, sent: u64, ids: impl Iterator<Item = &'a str>) {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    ids.for_each(|id| *counts.entry(id).or_default() += 1);
    for number in 0..sent {
        match counts.remove(format!("e{number}").as_str()) {
            Some(1) => {}
            Some(count) => ledger.break_promise(format!("{place} has e{number} {count} times")),
            None => ledger.break_promise(format!("{place} lacks e{number}, which was acknowledged")),
        }
    }
    if let Some(id) = counts.keys().next() {
        ledger.break_promise(format!("{place} has {id}, which was never sent"));
    }
}
