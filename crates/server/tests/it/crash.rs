//! The crash campaign: a real server is killed at random moments under many clients, started over
//! the same folder, and must then hold every acknowledged event once and no part of a batch.
//!
//! Two rounds run with all other tests; `cargo xtask crash` runs as many as it is told to, with
//! the release build. Nothing here knows how events are kept.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a long campaign tells how far it is")]

mod backups;
mod check;
mod clients;
mod folder;
mod ledger;
mod moments;
mod process;
mod random;
mod report;
mod round;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::ensure;

use self::folder::Folder;
use self::moments::{Hits, Moment};
use self::random::Random;
use self::report::Totals;
use self::round::round;

/// Then a fresh folder is begun, since looking at every event takes longer the more there are.
const ROUNDS_OF_A_FOLDER: u64 = 25;
/// From so many rounds on, every kind of moment must have been hit.
const ROUNDS_THAT_HIT_ALL: u64 = 50;

#[test]
fn what_was_acknowledged_outlives_a_kill_at_any_moment() {
    let rounds = setting("MILLIMETRIC_CRASH_ROUNDS", 2);
    let seed = setting("MILLIMETRIC_CRASH_SEED", 1);
    let root = tempfile::Builder::new().prefix("millimetric-crash-").tempdir().unwrap().keep();
    let mut told = Told { round: 0, seed, root };
    if let Err(error) = campaign(rounds, &mut told) {
        panic!("{error:#}");
    }
    std::fs::remove_dir_all(&told.root).unwrap();
}

fn setting(name: &str, unset: u64) -> u64 {
    std::env::var(name).map_or(unset, |text| text.parse().expect(name))
}

/// How far a campaign is; it says so when it fails.
struct Told {
    round: u64,
    seed: u64,
    root: PathBuf,
}

impl Drop for Told {
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

fn campaign(rounds: u64, told: &mut Told) -> anyhow::Result<()> {
    println!("{rounds} rounds, seed {}", told.seed);
    let (started, mut hits, mut totals) = (Instant::now(), Hits::default(), Totals::default());
    let mut aims = Random::of(&[told.seed]);
    let mut left: Vec<Moment> = Vec::new();
    while told.round < rounds {
        let folder = Folder::new(&told.root.join(format!("folder-{}", told.round + 1)))?;
        let mut process = folder.spawn()?;
        for _ in 0..ROUNDS_OF_A_FOLDER.min(rounds - told.round) {
            told.round += 1;
            if left.is_empty() {
                // Every kind is aimed at equally often, in random order.
                left = aims.shuffled(Moment::ALL);
            }
            let moment = left.pop().unwrap_or(Moment::Writing);
            let mut random = Random::of(&[told.seed, told.round]);
            let counters = (&mut hits, &mut totals);
            process = round(&folder, process, (told.round, moment), counters, &mut random)?;
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
