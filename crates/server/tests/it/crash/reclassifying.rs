//! Re-classifications of the campaign: begun beside the writing clients, and interrupted by the kill. Events
//! that were there before one began have all the old rules, or all the new ones.

use std::collections::HashSet;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::check::Found;
use super::folder::Folder;
use super::ledger::{Ledger, State};
use super::process::Connection;
use crate::support::{PATIENCE, cli, command};

/// The scope that is re-classified; the one with most events.
pub(super) const SCOPE: usize = 0;
/// Pause between two looks at a command.
const LOOK: Duration = Duration::from_millis(2);

/// A re-classification that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Requested {
    /// The rules give the source `v<version>`; later ones have a higher number.
    version: u32,
    /// Batches that were stored before the rules were set.
    batches: HashSet<usize>,
    /// Whether its result has been seen.
    is_done: bool,
}

/// The command that waits for one; killed with the server.
pub(super) struct Command(Child);

impl Drop for Command {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sets other rules, and begins to apply them.
pub(super) fn start(folder: &Folder, server: &Connection) -> anyhow::Result<Command> {
    let started = Instant::now();
    while server.under_way()?.reclassifications > 0 {
        ensure!(started.elapsed() < PATIENCE, "an earlier re-classification is not done");
        sleep(LOOK);
    }
    let version = {
        let mut ledger = folder.ledger.lock();
        let version = ledger.reclassified.as_ref().map_or(1, |before| before.version + 1);
        let is_old = |number: &usize| {
            let batch = &ledger.batches[*number];
            batch.scope == SCOPE && batch.state == State::Stored
        };
        let batches = (0..ledger.batches.len()).filter(is_old).collect();
        ledger.reclassified = Some(Requested { version, batches, is_done: false });
        version
    };
    let (data, rules) = (folder.beside("data"), folder.beside("rules.json"));
    let settings = json!({ "rules": [{ "slug": "acme", "source": format!("v{version}"), "medium": "partner",
        "when": [{ "field": "query.ref", "op": "is", "value": "acme" }] }] });
    std::fs::write(&rules, settings.to_string())?;
    let project = &folder.sides[SCOPE].project;
    cli(&data, &["project", "rules", "set", &rules.to_string_lossy(), "--project", project]);
    // The previous one may be done and not yet recorded as done; then the command is refused.
    loop {
        let mut reclassify = command(&data);
        reclassify.args(["reclassify", "--project", project]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Command(reclassify.spawn()?);
        loop {
            if server.under_way()?.reclassifications > 0 {
                return Ok(running);
            }
            match running.0.try_wait()? {
                Some(status) if status.success() => return Ok(running),
                Some(_) => break,
                None => sleep(LOOK),
            }
        }
        ensure!(started.elapsed() < PATIENCE, "a re-classification does not begin");
    }
}

impl Ledger {
    /// Checks that all events from before the last re-classification have its result, or none of them. Once
    /// it was seen, it stays.
    pub(super) fn check_reclassified(&mut self, found: &Found) -> anyhow::Result<()> {
        let Some(requested) = &mut self.reclassified else { return Ok(()) };
        let versions = || requested.batches.iter().filter_map(|number| found.versions(*number));
        let is_new =
            |(oldest, newest): &(u32, u32)| (*oldest, *newest) == (requested.version, requested.version);
        let (new, all) = (versions().filter(is_new).count(), versions().count());
        let is_old = versions().all(|(_, newest)| newest < requested.version);
        ensure!(
            new == all || is_old,
            "{new} of {all} batches have the rules of version {}, and the others not all older ones",
            requested.version
        );
        ensure!(new == all || !requested.is_done, "a re-classification that was done is undone");
        requested.is_done = new == all;
        Ok(())
    }

    /// Whether the result of the last re-classification was seen.
    pub(super) fn is_reclassified(&self) -> bool {
        self.reclassified.as_ref().is_none_or(|requested| requested.is_done)
    }
}
