//! A whole server: opens the stores of a data folder, listens, serves, and closes the stores.
//!
//! `millimetric serve` runs one in the process of its own; tests start one in theirs. Reads no
//! environment, installs no signal handler and prints nothing.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use millimetric_events::EventStore;
use millimetric_events_embedded::Options;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{event_store, open};
use crate::config::{Installation, PublicUrl, Settings};
use crate::http;
use crate::limits::timeouts::Timeouts;
use crate::ops::background;
use crate::state::{App, Clock, system_clock};

/// Time limit for writing counters and closing the stores once all requests have ended. What was
/// acknowledged is durable already; background work that is cut off resumes at the next start.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

const MIB: u64 = 1024 * 1024;

/// Bounds that are constants of the product, not settings: the command line has no flag for them.
/// Programs that embed the server, such as its tests, may choose others.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    /// Events of a project in memory at which they are flushed to a segment; `None`: the store's default.
    pub flush_rows: Option<NonZeroUsize>,
    /// Timeouts of slow clients.
    pub timeouts: Timeouts,
}

/// A server whose stores are open and whose port is bound. It serves from [`Server::run`] on.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    data_dir: PathBuf,
    listener: TcpListener,
}

impl Server {
    /// Creates the data folder if absent, locks and opens its stores, and binds the port. Connections
    /// queue from here on. Errors name the setting that can solve them.
    pub async fn open(at: &Installation, settings: Settings, bounds: Bounds) -> anyhow::Result<Self> {
        create_data_dir(&at.data_dir)?;
        // The store's lock comes first: a second server must not touch anything.
        let clock = system_clock();
        // A server that shares the control database learns whether it is the first.
        let is_first = Arc::new(AtomicBool::new(!at.control_url()?.is_shared()));
        let events = open_events(at, &settings, &bounds, &clock, &is_first).await?;
        let listener = TcpListener::bind(settings.network.listen).await.with_context(|| {
            format!("cannot listen on {}: choose another address with --listen", settings.network.listen)
        })?;
        let public_url = match &settings.network.public_url {
            Some(url) => url.clone(),
            None => PublicUrl::local(listener.local_addr()?),
        };
        let app = open(at, settings, public_url, bounds.timeouts, events, is_first, clock).await?;
        Ok(Self { app: Arc::new(app), data_dir: at.data_dir.clone(), listener })
    }

    /// The parts of the application.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The address that it listens on, with the port that the system chose for port 0.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves, finishes the requests that are in progress
    /// ([`http::listener::FINISH_WITHIN`]) and closes the stores.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { app, data_dir, listener } = self;
        let mut tasks = background::start(&app);
        match http::local::listen(&app, &data_dir) {
            Ok(listening) => drop(tasks.spawn(listening)),
            Err(error) => tracing::warn!("commands cannot reach this server: {error:#}"),
        }
        let stop = async {
            stop.await;
            // Streams have no end of their own.
            app.live.stop();
        };
        http::listener::serve(listener, Arc::clone(&app), http::router(Arc::clone(&app)), stop).await;
        close(app, tasks).await;
    }
}

async fn close(app: Arc<App>, tasks: JoinSet<()>) {
    drop(tasks);
    let closed = tokio::time::timeout(CLOSE_WITHIN, async {
        background::write_counters(Arc::clone(&app)).await;
        if let Some(instance) = &app.stores.instance
            && let Err(error) = app.stores.control.leave(&instance.id).await
        {
            tracing::warn!(%error, "other servers count this one for five more seconds");
        }
        app.stores.events.close().await;
        app.stores.control.close().await;
    });
    if closed.await.is_err() {
        tracing::warn!("background work did not end in time; it is resumed at the next start");
    }
}

async fn open_events(
    at: &Installation,
    settings: &Settings,
    bounds: &Bounds,
    clock: &Clock,
    is_first: &Arc<AtomicBool>,
) -> anyhow::Result<Arc<dyn EventStore>> {
    let url = at.events_url()?;
    if settings.apply_schema {
        event_store::apply_schema(&url).await?;
    }
    let defaults = Options::default();
    let options = Options {
        cache_bytes: u64::from(settings.memory.cache_mib.get()) * MIB,
        queue_bytes: (u64::from(settings.memory.queue_mib.get()) * MIB) as usize,
        query_bytes: (u64::from(settings.queries.query_mib.get()) * MIB) as usize,
        query_timeout: Duration::from_secs(settings.queries.query_timeout.get().into()),
        flush_rows: bounds.flush_rows.map_or(defaults.flush_rows, NonZeroUsize::get),
        clock: Arc::clone(clock),
        ..defaults
    };
    event_store::open(&url, options, Arc::clone(is_first)).await
}

/// Creates the data folder, accessible to its owner alone.
pub(crate) fn create_data_dir(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(|| {
        format!("cannot create the data folder {}: choose another with --data-dir", dir.display())
    })
}
