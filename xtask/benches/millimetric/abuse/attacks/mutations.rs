//! Mutated requests: valid requests of every route with random changes, over several connections, until
//! so many were sent. Every response is checked.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use super::{Attacker, all};
use crate::abuse::counts::Counters;
use crate::abuse::http::{Connection, Lost, Response, addresses};
use crate::abuse::mutations::{Generator, Mutated, check, readable};
use crate::abuse::plan::Plan;
use crate::abuse::target::Target;

/// Connections that send at once.
const CONNECTIONS: u64 = 16;
/// The longest a response may take, except one that waited for a query slot.
const LONGEST: Duration = Duration::from_secs(5);
/// How long a response to invalid HTTP is waited for: first before the sending side is closed, which
/// tells the server that nothing follows, then afterwards.
const GRACE: [Duration; 2] = [Duration::from_millis(5), Duration::from_secs(1)];

pub(super) async fn run(target: &Target, plan: &Plan, counters: &Counters) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for (number, from) in (0..CONNECTIONS).zip(addresses()) {
        let requests = plan.requests / CONNECTIONS + u64::from(number < plan.requests % CONNECTIONS);
        let worker = Worker {
            attacker: Attacker::new(from, target, counters),
            generator: Generator::new(plan.seed, number, target),
            longest: plan.timed.then_some(LONGEST),
            name: format!("--seed {}, connection {number}", plan.seed),
        };
        tasks.spawn(worker.run(requests));
    }
    all(tasks).await
}

struct Worker {
    attacker: Attacker,
    generator: Generator,
    longest: Option<Duration>,
    name: String,
}

impl Worker {
    async fn run(mut self, requests: u64) -> anyhow::Result<()> {
        for ordinal in 0..requests {
            match self.generator.next() {
                Mutated::Framed(draft) => {
                    let bytes = draft.bytes(self.attacker.target.address);
                    let name = || format!("{}, request {ordinal}: {}", self.name, readable(&bytes));
                    let done = self.attacker.exchange(&bytes, draft.is_head()).await;
                    check::framed(&self.attacker.counters, &draft, done, self.longest, name);
                }
                Mutated::Raw(bytes) => {
                    let name = || format!("{}, request {ordinal}: {}", self.name, readable(&bytes));
                    let done = raw(self.attacker.from, &self.attacker.target, &bytes).await;
                    check::raw(&self.attacker.counters, done, name);
                }
            }
        }
        Ok(())
    }
}

/// Sends bytes that may be no HTTP, over a connection of their own, and reads what comes.
async fn raw(from: Ipv4Addr, target: &Target, bytes: &[u8]) -> Result<(Response, Duration), Lost> {
    let mut connection = Connection::open(from, target.address).await?;
    match connection.exchange(bytes, bytes.starts_with(b"HEAD "), GRACE[0]).await {
        Err(Lost::Late(_)) => {
            let _ = connection.stream.shutdown().await;
            connection.exchange(&[], bytes.starts_with(b"HEAD "), GRACE[1]).await
        }
        done => done,
    }
}
