//! `millimetric serve`: the start, the run and the end of a server.
//!
//! Says once what a newcomer needs, and nothing of it to the log.

use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use millimetric_events_embedded::{EmbeddedStore, Options};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::{create_data_dir, output};
use crate::config::{Installation, PublicUrl, Settings};
use crate::ops::projects::{Founded, first};
use crate::ops::{background, keys, people};
use crate::state::{App, Clock, system_clock};
use crate::telemetry::start_logging;
use crate::{app, http};

/// How long counters and stores may take to be written and closed once all requests have ended. What was acknowledged is durable
/// already, and what is cut off here is repeated at the next start.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// Runs a server until it is asked to stop.
pub async fn serve(at: &Installation, settings: Settings) -> anyhow::Result<()> {
    start_logging(&settings.log, settings.log_format)?;
    create_data_dir(&at.data_dir)?;
    // The store's lock comes first: a second server must not touch anything.
    let clock = system_clock();
    let events = open_events(at, &settings, &clock).await?;
    let listener = TcpListener::bind(settings.listen).await.with_context(|| {
        format!("cannot listen on {}: choose another address with --listen", settings.listen)
    })?;
    let public_url = match &settings.public_url {
        Some(url) => url.clone(),
        None => PublicUrl::local(listener.local_addr()?),
    };
    let app = Arc::new(app::open(at, settings, public_url, Arc::new(events), clock).await?);
    // Before it is announced that the server listens: a signal that comes then must count.
    let stop = stop_signal()?;
    greet(&app).await?;
    let mut tasks = background::start(&app);
    match http::local::listen(&app, &at.data_dir) {
        Ok(listening) => drop(tasks.spawn(listening)),
        Err(error) => tracing::warn!("commands cannot reach this server: {error:#}"),
    }
    run(app, listener, tasks, stop).await
}

async fn open_events(at: &Installation, settings: &Settings, clock: &Clock) -> anyhow::Result<EmbeddedStore> {
    const MIB: u64 = 1024 * 1024;
    let defaults = Options::default();
    let options = Options {
        cache_bytes: u64::from(settings.cache_mib.get()) * MIB,
        queue_bytes: (u64::from(settings.queue_mib.get()) * MIB) as usize,
        query_bytes: (u64::from(settings.query_mib.get()) * MIB) as usize,
        query_timeout: Duration::from_secs(settings.query_timeout.get().into()),
        seal_rows: settings.seal_rows.map_or(defaults.seal_rows, NonZeroUsize::get),
        clock: Arc::clone(clock),
        ..defaults
    };
    Ok(EmbeddedStore::open(&at.data_dir, options).await?)
}

/// Prints where the server is, on a first start the first keys, and until somebody can sign in the
/// link to the setup: once, on standard output, never in the log.
async fn greet(app: &App) -> anyhow::Result<()> {
    let url = app.public_url.as_str();
    if let Some(founded) = first(&app.stores.control, app.credentials.keys.pepper(), app.now()).await? {
        // A file or a service's log keeps what it is given, and others may read it.
        let shows_keys = app.settings.print_keys || std::io::stdout().is_terminal();
        welcome(url, &founded, shows_keys);
    }
    if let Some(token) = people::offer_setup(app).await? {
        output::line(format_args!(
            "Open the dashboard and become its owner (the link works once, until the next start):

  {url}/setup/{}
",
            token.reveal()
        ));
    }
    output::line(format_args!("Millimetric listens on {url} (reference: {url}/docs)"));
    Ok(())
}

fn welcome(url: &str, founded: &Founded, shows_keys: bool) {
    let Founded { pk, sk, rk, .. } = founded;
    let prefix = |key: &keys::Minted| {
        let stored = &key.stored;
        format!("{}_{}_{}…", stored.kind, stored.env, stored.prefix)
    };
    let whole = |key: &keys::Minted| key.text.reveal().to_owned();
    let [pk, sk, rk] = [pk, sk, rk].map(|key| if shows_keys { whole(key) } else { prefix(key) });
    output::line(format_args!(
        "Welcome. The project `default` is ready. {}

  browsers  {pk}
  servers   {sk}
  reading   {rk}
",
        if shows_keys { "Its keys are shown this once; keep them:" } else { "It has three keys:" }
    ));
    if shows_keys {
        first_steps(url, &sk, &rk);
    } else {
        output::line(
            "Their secrets are not printed, since standard output is no terminal (--print-keys prints them on \
             a first start). Create a key that is shown once:

  millimetric key mint --project default --kind sk
",
        );
    }
}

fn first_steps(url: &str, sk: &str, rk: &str) {
    output::line(format_args!(
        "Send a first event:

  curl {url}/v1/track -H 'Authorization: Bearer {sk}' -H 'Content-Type: application/json' -d '{{\"event\":\"$pageview\",\"url\":\"https://shop.example/?utm_source=facebook&utm_medium=cpc\"}}'

Read it back, classified:

  curl '{url}/v1/sources?from=2000-01-01&to=2100-01-01' -H 'Authorization: Bearer {rk}'

Let browsers send (the pk works from listed origins only):

  millimetric project update default --origin https://example.com
"
    ));
}

/// Resolves once the operator asks the server to stop; signals count from the call on.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: finishing what is under way");
    })
}

async fn run(
    app: Arc<App>,
    listener: TcpListener,
    tasks: JoinSet<()>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let stop = async {
        stop.await;
        // Streams have no end of their own.
        app.live.stop();
    };
    http::listener::serve(listener, Arc::clone(&app), http::router(Arc::clone(&app)), stop).await;
    drop(tasks);
    let closed = tokio::time::timeout(CLOSE_WITHIN, async {
        background::write_counters(Arc::clone(&app)).await;
        app.stores.events.close().await;
        app.stores.control.close().await;
    });
    if closed.await.is_err() {
        tracing::warn!("background work did not end in time and is taken up again at the next start");
    }
    tracing::info!("stopped");
    Ok(())
}
