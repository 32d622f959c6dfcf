//! `millimetric serve`: logging, signals and the start message around a [`Server`].

use std::io::IsTerminal as _;

use tokio::signal::unix::{SignalKind, signal};

use super::output;
use crate::app::server::{Bounds, Server};
use crate::config::{Installation, Settings};
use crate::ops::projects::{Founded, first};
use crate::ops::{keys, people};
use crate::state::App;
use crate::telemetry::start_logging;

/// Runs a server until SIGTERM or SIGINT. The command line leaves the bounds at their defaults.
pub async fn serve(at: &Installation, settings: Settings, bounds: Bounds) -> anyhow::Result<()> {
    start_logging(&settings.monitoring.log, settings.monitoring.log_format)?;
    // Output to a file or a service log is kept, and others may read it.
    let shows_keys = settings.print_keys || std::io::stdout().is_terminal();
    let server = Server::open(at, settings, bounds).await?;
    // Handled before the greeting: a signal sent by a reader of the greeting is not lost.
    let stop = stop_signal()?;
    greet(server.app(), shows_keys, &mut |text| output::line(text)).await?;
    server.run(stop).await;
    tracing::info!("stopped");
    Ok(())
}

/// Prints what a newcomer needs, for standard output and never for the log: on a first start the project
/// that it creates and its keys (whole if `shows_keys`, else their prefixes), then a new setup link as
/// long as there is no user, last the address.
pub async fn greet(
    app: &App,
    shows_keys: bool,
    print: &mut (dyn FnMut(String) + Send),
) -> anyhow::Result<()> {
    let url = app.public_url.as_str();
    if let Some(founded) = first(&app.stores.control, app.credentials.keys.pepper(), app.now()).await? {
        print(welcome(url, &founded, shows_keys));
    }
    if let Some(token) = people::offer_setup(app).await? {
        print(format!(
            "Create the owner account in the dashboard (the link works once, until the next start):

  {url}/setup/{}
",
            token.reveal()
        ));
    }
    print(format!("Millimetric listens on {url} (reference: {url}/docs)"));
    Ok(())
}

fn welcome(url: &str, founded: &Founded, shows_keys: bool) -> String {
    let Founded { pk, sk, rk, .. } = founded;
    let prefix = |key: &keys::CreatedKey| {
        let stored = &key.stored;
        format!("{}_{}_{}…", stored.kind, stored.env, stored.prefix)
    };
    let whole = |key: &keys::CreatedKey| key.text.reveal().to_owned();
    let [pk, sk, rk] = [pk, sk, rk].map(|key| if shows_keys { whole(key) } else { prefix(key) });
    let about = if shows_keys { "Its keys are shown only once:" } else { "It has three keys:" };
    let next = if shows_keys { first_steps(url, &sk, &rk) } else { NO_SECRETS.to_owned() };
    format!(
        "Welcome. The project `default` is ready. {about}

  Public key (browsers)   {pk}
  Secret key (servers)    {sk}
  Read key (queries)      {rk}

{next}"
    )
}

const NO_SECRETS: &str = "\
The secrets are not printed because standard output is not a terminal (--print-keys prints them on \
a first start). To create a new key and print it once:

  millimetric key mint --project default --kind sk
";

fn first_steps(url: &str, sk: &str, rk: &str) -> String {
    format!(
        "Send an event:

  curl {url}/v1/track -H 'Authorization: Bearer {sk}' -H 'Content-Type: application/json' -d '{{\"event\":\"$pageview\",\"url\":\"https://shop.example/?utm_source=facebook&utm_medium=cpc\"}}'

Query it:

  curl '{url}/v1/sources?from=2000-01-01&to=2100-01-01' -H 'Authorization: Bearer {rk}'

Allow browsers to send (the pk is accepted from these origins only):

  millimetric project update default --origin https://example.com
"
    )
}

/// Resolves with the first SIGTERM or SIGINT after the call.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: finishing requests in progress");
    })
}
