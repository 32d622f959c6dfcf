//! One round: clients write, the server is killed, comes back, and everything is looked at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use super::backups::{Backup, BackupResult};
use super::clients::Client;
use super::folder::Folder;
use super::kill_targets::{Hits, KillTarget, pause};
use super::process::{Connection, Process, UnderWay};
use super::random::Random;
use super::reclassifying;
use super::report::{Totals, killed_during};

const CLIENTS: u64 = 8;

/// A kill and what it interrupted.
struct Killed {
    targets: Vec<KillTarget>,
    seen: UnderWay,
    in_doubt: usize,
    backup: Option<Backup>,
}

/// Plays a round and gives the server that runs after it.
pub(super) fn round(
    folder: &Folder,
    process: Process,
    (number, target): (u64, KillTarget),
    (hits, totals): (&mut Hits, &mut Totals),
    random: &mut Random,
) -> anyhow::Result<Process> {
    let started = Instant::now();
    let mut killed = write_until_killed(folder, process, target, random)?;
    let after = started.elapsed().as_millis();
    if target == KillTarget::Starting {
        killed.targets.extend(kill_starts(folder, random)?);
    }
    let mut process = folder.spawn()?;
    let stored = folder.check(&process.connect()?, random)?;
    let backup = killed.backup.map(|backup| backup.check(folder)).transpose()?;
    hits.count(&killed.targets);
    totals.count(killed.in_doubt, stored, backup);
    println!(
        "round {number:>3}, aimed at {:<10}: killed after {after:>4} ms, {} ({} erasures waiting); {} events \
         acknowledged, {} batches in doubt, {} of them stored{}; checked after {} ms",
        target.words(),
        killed_during(&killed.targets),
        killed.seen.erasures,
        folder.ledger.lock().acknowledged,
        killed.in_doubt,
        stored,
        backup.map_or("", BackupResult::words),
        started.elapsed().as_millis(),
    );
    Ok(process)
}

/// Lets all clients write, and ends the server while they do.
fn write_until_killed(
    folder: &Folder,
    mut process: Process,
    target: KillTarget,
    random: &mut Random,
) -> anyhow::Result<Killed> {
    let watcher = process.connect()?;
    let is_over = AtomicBool::new(false);
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client {
            server: process.connect()?,
            sides: &folder.sides,
            ledger: &folder.ledger,
            is_over: &is_over,
            random: Random::of(&[random.next()]),
            forgets_once_in: target.forgets_once_in(),
        });
    }
    thread::scope(|threads| {
        let writing: Vec<_> = clients.into_iter().map(|client| threads.spawn(move || client.run())).collect();
        let killed = aim_and_kill(folder, process, target, &watcher, &is_over, random);
        let written = writing.into_iter().map(|client| client.join().expect("a client panicked"));
        let written = written.fold(Ok(()), anyhow::Result::and);
        let (mut killed, written) = match (killed, written) {
            (Err(error), Err(client)) => return Err(error.context(format!("{client:#}"))),
            (killed, written) => (killed?, written),
        };
        written?;
        killed.in_doubt = folder.ledger.lock().in_doubt();
        if killed.in_doubt > 0 {
            killed.targets.insert(0, KillTarget::Writing);
        }
        Ok(killed)
    })
}

/// Waits for the target, and kills; clients end then, also when something failed.
fn aim_and_kill(
    folder: &Folder,
    process: Process,
    target: KillTarget,
    watcher: &Connection,
    is_over: &AtomicBool,
    random: &mut Random,
) -> anyhow::Result<Killed> {
    let mut aimed = aim(folder, target, watcher, random);
    is_over.store(true, Ordering::SeqCst);
    let was_backing_up = match &mut aimed {
        Ok((_, Some(backup))) => backup.is_under_way()?,
        _ => false,
    };
    process.kill()?;
    let (seen, mut backup) = aimed?;
    if let Some(backup) = &mut backup {
        // It must have ended before the next start, since without a server it takes the store.
        if random.once_in(4) {
            backup.kill()?
        } else {
            backup.wait()?
        };
    }
    let targets = [
        (seen.flushing, KillTarget::Flushing),
        (seen.merging, KillTarget::Merging),
        (seen.erasing, KillTarget::Erasing),
        (seen.reclassifications > 0, KillTarget::Reclassifying),
        (was_backing_up, KillTarget::BackingUp),
    ];
    let targets = targets.into_iter().filter(|(hit, _)| *hit).map(|(_, target)| target).collect();
    Ok(Killed { targets, seen, in_doubt: 0, backup })
}

/// Waits for the target; returns the metrics as read last.
fn aim(
    folder: &Folder,
    target: KillTarget,
    watcher: &Connection,
    random: &mut Random,
) -> anyhow::Result<(UnderWay, Option<Backup>)> {
    let _reclassify = match target {
        KillTarget::Reclassifying => Some(reclassifying::start(folder, watcher)?),
        _ => None,
    };
    let seen = target.wait_for(watcher, random)?;
    if target != KillTarget::BackingUp {
        return Ok((seen, None));
    }
    let mut backup = Backup::start(folder)?;
    if random.once_in(3) {
        ensure!(backup.wait()?.success(), "a backup beside a living server failed; see the log");
    } else {
        pause(random, 250_000);
    }
    Ok((watcher.under_way()?, Some(backup)))
}

/// Kills the server a few times while it starts; returns the kills that happened before it listened.
fn kill_starts(folder: &Folder, random: &mut Random) -> anyhow::Result<Vec<KillTarget>> {
    let mut hit = Vec::new();
    for _ in 0..=random.below(4) {
        let process = folder.spawn()?;
        let longest = if random.once_in(3) { 200_000 } else { 40_000 };
        pause(random, longest);
        if !process.kill().context("at a start")? {
            hit.push(KillTarget::Starting);
        }
    }
    Ok(hit)
}
