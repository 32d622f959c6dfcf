//! The campaign of outages: two servers over one ClickHouse and one `PostgreSQL`, and one fault after the other under
//! senders and a reader. Every acknowledged event must then be there once, and both servers must work without help.
//!
//! Two rounds run with all other tests; `cargo xtask crash --servers` runs as many as requested, with the release
//! build. It uses the servers over HTTP and looks into the table of events.

#![allow(clippy::print_stdout, reason = "a long campaign prints its progress")]

mod check;
mod clients;
mod fault;
mod http;
mod installation;
mod ledger;
mod report;
mod round;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::ensure;

use self::check::Stored;
use self::clients::{Sender, read, watch};
use self::fault::Fault;
use self::installation::Installation;
use self::ledger::Ledger;
use self::report::Report;
use crate::crash::random::Random;
use crate::crash::setting;

/// Clients that send batches, and clients that send single events.
const BATCH_SENDERS: u64 = 2;
const SINGLE_SENDERS: u64 = 4;
/// Events of a batch.
const BATCH_EVENTS: u64 = 100;

#[test]
fn what_was_acknowledged_outlives_outages_of_servers_and_databases() {
    let rounds = setting("MILLIMETRIC_OUTAGE_ROUNDS", 2);
    let seed = setting("MILLIMETRIC_OUTAGE_SEED", 1);
    let Some(mut installation) = Installation::start() else { return };
    println!("{rounds} rounds, seed {seed}");
    if let Err(error) = campaign(&mut installation, rounds, seed) {
        panic!(
            "{error:#}\n`cargo xtask crash --servers --rounds {rounds} --seed {seed}` makes the same choices again"
        );
    }
}

fn campaign(installation: &mut Installation, rounds: u64, seed: u64) -> anyhow::Result<()> {
    let (started, ledger, is_over) = (Instant::now(), Ledger::default(), AtomicBool::new(false));
    let (addresses, project) = (installation.addresses(), installation.project().clone());
    let result = thread::scope(|threads| {
        for number in 0..BATCH_SENDERS + SINGLE_SENDERS {
            let size = if number < BATCH_SENDERS { BATCH_EVENTS } else { 1 };
            let random = Random::of(&[seed, number]);
            let mut sender = Sender::new(&ledger, &addresses, &project, size, random);
            let is_over = &is_over;
            threads.spawn(move || sender.run(is_over));
        }
        threads.spawn(|| read(&ledger, &addresses, &project, &is_over));
        for server in 0..addresses.len() {
            let (ledger, of, is_over) = (&ledger, (&*addresses, &project), &is_over);
            threads.spawn(move || watch(ledger, of, server, is_over));
        }
        let result = play(installation, &ledger, rounds, seed);
        is_over.store(true, Ordering::SeqCst);
        result
    });
    let report = result?;
    println!(
        "\n{report}\n{rounds} rounds in {:.0} s; {} events acknowledged, {} responses that were errors",
        started.elapsed().as_secs_f64(),
        ledger.acknowledged(),
        ledger.errors()
    );
    check::every_event(installation, &ledger)?;
    let broken = ledger.broken();
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

fn play(installation: &mut Installation, ledger: &Ledger, rounds: u64, seed: u64) -> anyhow::Result<Report> {
    let (mut report, mut order, mut left) = (Report::default(), Random::of(&[seed]), Vec::new());
    let (mut damage, mut printed) = (Stored::default(), 0);
    let possible: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| installation.can(*fault)).collect();
    for round in 1..=rounds {
        if left.is_empty() {
            // Each fault is played equally often, in random order.
            left = order.shuffled(possible.clone());
        }
        let Some(fault) = left.pop() else { break };
        let figures =
            round::play(installation, ledger, fault, &mut Random::of(&[seed, round, 1]), &mut damage)?;
        println!("round {round:>3}, {}: {figures}", fault.words());
        let broken = ledger.broken();
        broken.iter().skip(printed).for_each(|words| println!("    broken: {words}"));
        printed = broken.len();
        report.add(fault, figures);
    }
    Ok(report)
}
