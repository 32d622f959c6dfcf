//! One round: a fault begins, lasts, ends; both servers must then work without help, and every event be there once.

use std::collections::HashSet;
use std::fmt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::check::{Stored, stored};
use super::clients::event;
use super::fault::{Choices, Fault};
use super::http::Client;
use super::installation::{Installation, SERVERS};
use super::ledger::{Ledger, Seen};
use crate::crash::random::Random;
use crate::support::PATIENCE;

/// How long a fault lasts, in milliseconds.
const SHORTEST_MS: u64 = 2_000;
const LONGEST_MS: u64 = 10_000;
/// Pause between two tries to use a server that recovers.
const PAUSE: Duration = Duration::from_millis(50);

/// What a round showed.
pub(super) struct Figures {
    pub(super) lasted: Duration,
    /// Until both servers wrote, read and were ready, from the end of the fault.
    pub(super) recovered: Duration,
    /// The longest time without an acknowledged write.
    pub(super) silence: Duration,
    pub(super) seen: Seen,
    /// Responses with a status of 5xx that `/metrics` counted while it lasted.
    pub(super) failures: u64,
    /// Lines that the servers logged.
    pub(super) log: Vec<String>,
    /// What the fault did to stored events.
    pub(super) stored: Stored,
}

/// Plays a round.
pub(super) fn play(
    installation: &mut Installation,
    ledger: &Ledger,
    fault: Fault,
    random: &mut Random,
    damage: &mut Stored,
) -> anyhow::Result<Figures> {
    let choices = Choices {
        server: random.below(SERVERS as u64) as usize,
        lasts: Duration::from_millis(SHORTEST_MS + random.below(LONGEST_MS - SHORTEST_MS)),
        delay: Duration::from_millis(50 + random.below(450)),
        is_ahead: random.once_in(2),
    };
    let before: HashSet<String> = installation.log().into_iter().collect();
    let failures_before = installation.failures();
    ledger.begin();
    let began = Instant::now();
    installation.begin(fault, &choices)?;
    sleep(choices.lasts);
    let failures = failures_before.iter().zip(installation.failures());
    let failures = failures.map(|(before, now)| now.saturating_sub(*before)).sum();
    installation.end(fault, choices.server)?;
    let ended = Instant::now();
    let lasted = ended - began;
    for server in 0..SERVERS {
        recover(installation, ledger, server, fault)?;
    }
    let (recovered, seen) = (ended.elapsed(), ledger.seen());
    let silence = silence(began, &seen.acknowledged, Instant::now());
    let log = installation.log().into_iter().filter(|line| !before.contains(line)).collect();
    if fault == Fault::PostgresReplaced {
        installation.replace_standby()?;
    }
    let all = ledger.all_acknowledged(PATIENCE);
    ensure!(all.is_some(), "{}: a sender was not served within {PATIENCE:?}", fault.words());
    let (earlier, now) = (*damage, stored(installation, ledger)?);
    *damage = now;
    let stored = now.since(earlier);
    Ok(Figures { lasted, recovered, silence, seen, failures, log, stored })
}

/// Waits until a server writes, reads and is ready.
fn recover(installation: &Installation, ledger: &Ledger, server: usize, fault: Fault) -> anyhow::Result<()> {
    let (addresses, started) = (installation.addresses(), Instant::now());
    let client = Client::new(&addresses, installation.project());
    let sending = ledger.sending();
    let number = ledger.take(1).start;
    let mut is_acknowledged = false;
    loop {
        let mut replies = Vec::new();
        if !is_acknowledged {
            replies.push(client.send(server, vec![event(number)]));
            is_acknowledged = replies[0].status == 202;
            if is_acknowledged {
                ledger.acknowledge(1);
            }
        }
        replies.push(client.count(server));
        replies.push(client.get(server, "/readyz"));
        if replies.iter().all(|reply| matches!(reply.status, 200 | 202)) {
            drop(sending);
            return Ok(());
        }
        let words: Vec<&str> = replies.iter().map(|reply| reply.words.as_str()).collect();
        ensure!(
            started.elapsed() < PATIENCE,
            "{}: server {server} did not recover within {PATIENCE:?}: {}\nits log:\n{}",
            fault.words(),
            words.join(", "),
            installation.log().join("\n")
        );
        sleep(PAUSE);
    }
}

/// The longest time between two of these moments.
fn silence(began: Instant, acknowledged: &[Instant], until: Instant) -> Duration {
    let mut last = began;
    let mut longest = Duration::ZERO;
    for at in acknowledged.iter().chain([&until]) {
        longest = longest.max(at.saturating_duration_since(last));
        last = *at;
    }
    longest
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors: Vec<String> =
            self.seen.errors.iter().map(|(words, count)| format!("{words} {count} times")).collect();
        write!(
            f,
            "{:.1} s; {}; no write for {:.1} s; back after {:.1} s; {} log lines; {}",
            self.lasted.as_secs_f64(),
            if errors.is_empty() { "no error".to_owned() } else { errors.join(", ") },
            self.silence.as_secs_f64(),
            self.recovered.as_secs_f64(),
            self.log.len(),
            self.stored,
        )
    }
}
