//! The attacks: one file each. An attack runs until its future is dropped, or until it has done what it
//! has to do; all its connections close with it.

mod connections;
mod mutations;
mod names;
mod readers;
mod slow_bodies;

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio::time::sleep;
use xtask::abuse::Attack;

use super::counts::Counters;
use super::http::{Connection, Draft, Lost, PATIENCE, Response, addresses};
use super::plan::Plan;
use super::target::{ATTACKER, Ground, Target};

/// How long an attacker waits who could not connect.
const RETRY: Duration = Duration::from_millis(200);

/// All of them in the order in which they run.
pub(crate) const ALL: [Attack; 6] = [
    Attack::SlowBodies,
    Attack::Connections,
    Attack::SpreadConnections,
    Attack::HeavyReaders,
    Attack::NameFlood,
    Attack::Mutations,
];

/// What an attack is called in the tables.
pub(crate) const fn name(attack: Attack) -> &'static str {
    match attack {
        Attack::NameFlood => "name flood",
        Attack::SlowBodies => "slow bodies",
        Attack::Connections => "connections, one address",
        Attack::SpreadConnections => "connections, 38 addresses",
        Attack::HeavyReaders => "heavy readers",
        Attack::Mutations => "mutated requests",
    }
}

/// Arguments of the server beside its default settings. Behind the usual limits of the ingest nearly
/// every mutated event would be refused before it is read.
pub(crate) const fn arguments(attack: Attack) -> &'static [&'static str] {
    match attack {
        Attack::Mutations => &["--rate-limit-track", "off", "--rate-limit-batch", "off"],
        _ => &[],
    }
}

/// Which project it attacks.
pub(crate) const fn ground(attack: Attack) -> Ground {
    match attack {
        Attack::NameFlood => Ground::Empty,
        Attack::Mutations => Ground::Small,
        _ => Ground::Large,
    }
}

/// Whether the attack is over when it has sent its requests, and not after a time.
pub(crate) const fn is_counted(attack: Attack) -> bool {
    matches!(attack, Attack::Mutations)
}

/// Attacks.
pub(crate) async fn run(
    attack: Attack,
    target: &Target,
    plan: &Plan,
    counters: &Counters,
) -> anyhow::Result<()> {
    match attack {
        Attack::NameFlood => names::run(target, plan, counters).await,
        Attack::SlowBodies => slow_bodies::run(target, plan, counters).await,
        Attack::Connections => {
            let one = std::iter::repeat(ATTACKER);
            connections::run(target, plan, counters, one).await
        }
        Attack::SpreadConnections => connections::run(target, plan, counters, addresses().cycle()).await,
        Attack::HeavyReaders => readers::run(target, plan, counters).await,
        Attack::Mutations => mutations::run(target, plan, counters).await,
    }
}

/// Waits for all tasks of an attack; the first that fails ends it.
async fn all(mut tasks: JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(done) = tasks.join_next().await {
        done.context("an attacker's task ended")??;
    }
    Ok(())
}

/// A client that sends one request after the other over a connection that it keeps as long as it can.
struct Attacker {
    from: Ipv4Addr,
    target: Target,
    counters: Counters,
    connection: Option<Connection>,
}

impl Attacker {
    fn new(from: Ipv4Addr, target: &Target, counters: &Counters) -> Self {
        Self { from, target: target.clone(), counters: counters.clone(), connection: None }
    }

    /// Sends a request and counts what comes of it; returns the status, if there is a response.
    async fn send(&mut self, draft: &Draft) -> Option<u16> {
        let request = draft.bytes(self.target.address);
        let done = self.exchange(&request, draft.is_head()).await;
        match done {
            Ok((response, waited)) => {
                let what = || format!("{} {}", draft.method, draft.target);
                self.counters.response(&response, waited, what);
                Some(response.status)
            }
            Err(lost) => {
                self.counters.lost(&lost);
                sleep(RETRY).await;
                None
            }
        }
    }

    async fn exchange(&mut self, request: &[u8], is_head: bool) -> Result<(Response, Duration), Lost> {
        loop {
            let mut connection = match self.connection.take() {
                Some(kept) => kept,
                None => Connection::open(self.from, self.target.address).await?,
            };
            let was_used = connection.was_used();
            match connection.exchange(request, is_head, PATIENCE).await {
                Err(Lost::Closed) if was_used => {}
                Ok((response, waited)) => {
                    self.connection = response.reusable.then_some(connection);
                    return Ok((response, waited));
                }
                Err(lost) => return Err(lost),
            }
        }
    }
}
