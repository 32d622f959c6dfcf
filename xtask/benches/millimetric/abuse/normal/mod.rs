//! The clients that must not notice an attack: a sender of 20 events a second over a kept-open connection
//! and a reader of two queries a second over new ones, of a project and from an address of their own.
//!
//! They run on a thread of their own, so that the attackers' work in this process does not delay them,
//! and measure from when a request was due: a server that stands still for a second delays all that is
//! due meanwhile.

mod reader;
mod sender;

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use tokio::sync::watch;

use super::http::{Connection, Lost, Response};
use crate::server::Keys;

/// Where the normal clients come from.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// One request of a normal client, from when it was due until it succeeded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) due: Instant,
    /// `None`: not before the observation ended.
    pub(crate) done: Option<Instant>,
}

/// A try that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) due: Instant,
    pub(crate) at: Instant,
    /// The status, where there was a response.
    pub(crate) status: Option<u16>,
    pub(crate) what: String,
}

/// What one client saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) samples: Vec<Sample>,
    pub(crate) failures: Vec<Failure>,
}

/// What both saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    pub(crate) sender: Record,
    pub(crate) reader: Record,
    /// Events that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Events that were sent and never acknowledged: they may be stored or not.
    pub(crate) unresolved: u64,
}

/// The running clients.
#[derive(Debug)]
pub(crate) struct NormalClients {
    stop: watch::Sender<bool>,
    thread: JoinHandle<std::io::Result<Observed>>,
}

impl NormalClients {
    /// Starts both; the events that are sent have this name.
    pub(crate) fn start(server: SocketAddr, keys: &Keys, event: String) -> Self {
        let (stop, stopped) = watch::channel(false);
        let keys = keys.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(async {
                let sender = sender::send(server, &keys.secret, &event, Stop(stopped.clone()));
                let reader = reader::read(server, &keys.read, Stop(stopped));
                let ((sender, acknowledged, unresolved), reader) = tokio::join!(sender, reader);
                Observed { sender, reader, acknowledged, unresolved }
            }))
        });
        Self { stop, thread }
    }

    /// Stops both at once.
    pub(crate) async fn stop(self) -> anyhow::Result<Observed> {
        let _ = self.stop.send(true);
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await?;
        Ok(joined.map_err(|_| anyhow!("the normal clients failed"))??)
    }
}

/// Where the clients hear that they are to stop.
#[derive(Debug)]
struct Stop(watch::Receiver<bool>);

impl Stop {
    /// What the future returns, or `None` once they are to stop.
    async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            _ = self.0.wait_for(|stopped| *stopped) => None,
            done = work => Some(done),
        }
    }
}

/// A connection that is opened when it is needed and kept.
#[derive(Debug)]
struct KeptOpen {
    server: SocketAddr,
    connection: Option<Connection>,
}

impl KeptOpen {
    const fn new(server: SocketAddr) -> Self {
        Self { server, connection: None }
    }

    /// One request; on a new connection where the server closed the kept one, as it may.
    async fn exchange(&mut self, request: &[u8], within: Duration) -> Result<Response, Lost> {
        if let Some(mut kept) = self.connection.take() {
            match kept.exchange(request, false, within).await {
                Err(Lost::Closed) => {}
                done => return self.keep(kept, done),
            }
        }
        let mut new = Connection::open(ADDRESS, self.server).await?;
        let done = new.exchange(request, false, within).await;
        self.keep(new, done)
    }

    fn keep(
        &mut self,
        connection: Connection,
        done: Result<(Response, Duration), Lost>,
    ) -> Result<Response, Lost> {
        let (response, _) = done?;
        self.connection = response.reusable.then_some(connection);
        Ok(response)
    }
}

impl Record {
    fn failed(&mut self, due: Instant, status: Option<u16>, what: impl ToString) {
        self.failures.push(Failure { due, at: Instant::now(), status, what: what.to_string() });
    }

    /// Notes a request that was due then: whether it succeeded with this status.
    fn note(&mut self, due: Instant, wanted: u16, done: Result<Response, Lost>) -> bool {
        match done {
            Ok(response) if response.status == wanted => {
                self.samples.push(Sample { due, done: Some(Instant::now()) });
                return true;
            }
            Ok(response) => {
                let body = String::from_utf8_lossy(&response.body);
                self.failed(due, Some(response.status), format!("{} {body}", response.status));
            }
            Err(lost) => self.failed(due, None, lost),
        }
        false
    }
}
