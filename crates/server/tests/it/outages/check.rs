//! Compares what is stored with what was acknowledged, in the table and in the responses of both servers.

use std::time::Duration;
use std::{fmt, io};

use anyhow::{Context as _, ensure};

use super::http::Client;
use super::installation::{Installation, SERVERS};
use super::ledger::Ledger;
use crate::support::PATIENCE;

/// How long an export may take.
const EXPORT_TIMEOUT: Duration = Duration::from_mins(10);

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
    let client = Client::with_timeout(&addresses, project, PATIENCE);
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

/// Compares every id in the table and in an export of each server.
pub(super) fn every_event(installation: &Installation, ledger: &Ledger) -> anyhow::Result<()> {
    let ids = installation.stored("SELECT event_id FROM stats.events FINAL");
    compare(ledger, "the table", ids.lines().map(|id| Ok(id.to_owned())))?;
    let (addresses, project) = (installation.addresses(), installation.project());
    let client = Client::with_timeout(&addresses, project, EXPORT_TIMEOUT);
    for server in 0..SERVERS {
        let ids = client.export(server)?.map(|line| {
            let line = line?;
            let id = line.split_once("\"event_id\":\"").and_then(|(_, rest)| rest.split_once('"'));
            Ok(id.map_or(line.as_str(), |(id, _)| id).to_owned())
        });
        compare(ledger, &format!("the export of server {server}"), ids)?;
    }
    Ok(())
}

/// Every event that was sent must be among the ids once, and no other.
fn compare(
    ledger: &Ledger,
    place: &str,
    ids: impl Iterator<Item = io::Result<String>>,
) -> anyhow::Result<()> {
    let mut counts = vec![0_u32; ledger.sent() as usize];
    for id in ids {
        let id = id?;
        let number = id.strip_prefix('e').and_then(|number| number.parse::<usize>().ok());
        match number.and_then(|number| counts.get_mut(number)) {
            Some(count) => *count += 1,
            None => ledger.break_promise(format!("{place} has {id}, which was never sent")),
        }
    }
    for (number, count) in counts.iter().enumerate().filter(|(_, count)| **count != 1) {
        ledger.break_promise(format!("{place} has the acknowledged event e{number} {count} times"));
    }
    Ok(())
}
