//! Many connections that send as fast as they are answered, for a bounded time.
//!
//! Every response is checked; the first that is not the expected one ends the run.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::Connection;
use crate::machine::now;
use crate::report::percentile;
use crate::requests::{Ids, Request};

/// What a load achieved.
#[derive(Debug, Default)]
pub(crate) struct Achieved {
    /// Events that the server acknowledged.
    pub(crate) events: u64,
    /// From the first sending to the last response.
    pub(crate) elapsed: Duration,
    /// Milliseconds of each call, in order of length.
    latencies: Vec<f64>,
}

impl Achieved {
    /// Events that were acknowledged in a second.
    pub(crate) fn events_per_second(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64()
    }

    /// The time in milliseconds within which this share of the calls was answered.
    pub(crate) fn percentile_millis(&self, share: f64) -> f64 {
        percentile(&self.latencies, share)
    }
}

/// Opens a connection for each list of requests and sends them round and round.
pub(crate) async fn run(
    address: SocketAddr,
    requests: Vec<Vec<Request>>,
    duration: Duration,
) -> anyhow::Result<Achieved> {
    paced(address, requests, duration, Duration::ZERO).await
}

/// The same with a pause: each connection begins a request so often, or as soon as the one before is
/// answered.
pub(crate) async fn paced(
    address: SocketAddr,
    requests: Vec<Vec<Request>>,
    duration: Duration,
    pace: Duration,
) -> anyhow::Result<Achieved> {
    let mut connections = Vec::new();
    for (member, requests) in (1..).zip(requests) {
        connections.push((Connection::open(address).await?, Ids::of_member(member), requests));
    }
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for (connection, ids, requests) in connections {
        workers.spawn(send(connection, ids, requests, start + duration, pace));
    }
    let mut total = Achieved::default();
    while let Some(worker) = workers.join_next().await {
        let done = worker.context("a connection's task ended")??;
        total.events += done.events;
        total.latencies.extend(done.latencies);
    }
    total.elapsed = start.elapsed();
    total.latencies.sort_by(f64::total_cmp);
    Ok(total)
}

async fn send(
    mut connection: Connection,
    mut ids: Ids,
    mut requests: Vec<Request>,
    end: Instant,
    pace: Duration,
) -> anyhow::Result<Achieved> {
    let mut done = Achieved::default();
    let mut turn = 0;
    while Instant::now() < end {
        let request = &mut requests[turn];
        let bytes = request.renewed(now(), &mut ids);
        let start = Instant::now();
        let (status, response) = connection.exchange(bytes).await?;
        done.latencies.push(start.elapsed().as_secs_f64() * 1000.0);
        let response = String::from_utf8_lossy(response);
        // The Segment dialect answers 200.
        if !matches!(status, 200 | 202) || response.contains("duplicates") {
            bail!("expected 200 or 202 for new events, got {status}: {response}");
        }
        done.events += request.event_count();
        turn = (turn + 1) % requests.len();
        if !pace.is_zero() {
            sleep(pace.saturating_sub(start.elapsed())).await;
        }
    }
    Ok(done)
}
