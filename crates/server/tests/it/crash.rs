//! The crash campaign: a real server is killed at random moments under many clients, started over
//! the same folder, and must then hold every acknowledged event once and no part of a batch.
//!
//! Two rounds run with all other tests; `cargo xtask crash` runs as many as requested, with
//! the release build. Nothing here knows how events are kept.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a long campaign prints its progress")]

mod backups;
mod check;
mod clients;
mod folder;
mod kill_targets;
mod ledger;
mod process;
pub(crate) mod random;
mod reclassifying;
mod report;
mod round;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::ensure;

use self::folder::Folder;
use self::kill_targets::{Hits, KillTarget};
use self::random::Random;
use self::report::Totals;
use self::round::round;

/// Then a fresh folder is begun, since looking at every event takes longer the more there are.
const ROUNDS_OF_A_FOLDER: u64 = 25;
/// From so many rounds on, every kind of target must have been hit.
const ROUNDS_THAT_HIT_ALL: u64 = 50;

#[test]
fn what_was_acknowledged_outlives_a_kill_at_any_moment() {
    let rounds = setting("MILLIMETRIC_CRASH_ROUNDS", 2);
    let seed = setting("MILLIMETRIC_CRASH_SEED", 1);
    let root = tempfile::Builder::new().prefix("millimetric-crash-").tempdir().unwrap().keep();
    let mut progress = Progress { round: 0, seed, root };
    if let Err(error) = campaign(rounds, &mut progress) {
        panic!("{error:#}");
    }
    std::fs::remove_dir_all(&progress.root).unwrap();
}

pub(crate) fn setting(name: &str, unset: u64) -> u64 {
    std::env::var(name).map_or(unset, |text| text.parse().expect(name))
}

/// How far a campaign is; it says so when it fails.
struct Progress {
    round: u64,
    seed: u64,
    root: PathBuf,
}

impl Drop for Progress {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { round, seed, root } = self;
            eprintln!(
                "It failed in round {round}. `cargo xtask crash --rounds {round} --seed {seed}` makes the same \
                 choices again; the folder is kept: {}",
                root.display()
            );
        }
    }
}

fn campaign(rounds: u64, progress: &mut Progress) -> anyhow::Result<()> {
    println!("{rounds} rounds, seed {}", progress.seed);
    let (started, mut hits, mut totals) = (Instant::now(), Hits::default(), Totals::default());
    let mut aims = Random::of(&[progress.seed]);
    let mut left: Vec<KillTarget> = Vec::new();
    while progress.round < rounds {
        let folder = Folder::new(&progress.root.join(format!("folder-{}", progress.round + 1)))?;
        let mut process = folder.spawn()?;
        for _ in 0..ROUNDS_OF_A_FOLDER.min(rounds - progress.round) {
            progress.round += 1;
            if left.is_empty() {
                // Every kind is aimed at equally often, in random order.
                left = aims.shuffled(KillTarget::ALL);
            }
            let target = left.pop().unwrap_or(KillTarget::Writing);
            let mut random = Random::of(&[progress.seed, progress.round]);
            let counters = (&mut hits, &mut totals);
            process = round(&folder, process, (progress.round, target), counters, &mut random)?;
        }
        totals.add(&folder.finish(process, &mut aims)?);
    }
    println!(
        "{rounds} rounds in {:.0} s; kills while {}\n{totals}; lost 0, doubled 0, torn 0, brought back 0",
        started.elapsed().as_secs_f64(),
        hits.words()
    );
    let missing = hits.missing();
    ensure!(
        rounds < ROUNDS_THAT_HIT_ALL || missing.is_empty(),
        "no kill came while {}",
        missing.join(" or ")
    );
    Ok(())
}
