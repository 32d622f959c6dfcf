//! Composition: opens the parts of a server in the order in which they need each other.
//!
//! Imported by the program's entry points alone; everything else gets what it needs as an argument.

pub mod event_store;
pub mod server;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use millimetric_control::Control;
use millimetric_core::ingest::user_agent::UserAgents;
use millimetric_events::EventStore;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::config::{Installation, PublicUrl, Settings};
use crate::country::Countries;
use crate::credentials::Credentials;
use crate::credentials::access_tokens::AccessTokens;
use crate::credentials::key_cache::KeyCache;
use crate::credentials::passwords::Passwords;
use crate::http::documents;
use crate::limits::Limits;
use crate::limits::timeouts::Timeouts;
use crate::refusals::Refusals;
use crate::secrets::Secrets;
use crate::state::live::Live;
use crate::state::{App, Clock, Enrichment, Instance, Stores};
use crate::telemetry::Metrics;

/// How long verified keys are trusted after the last contact with a control database that others can change.
const KEYS_TRUSTED_FOR: Duration = Duration::from_secs(5);

/// Opens the control database and the secrets of a data folder, and builds the state around them
/// and the event store. `is_first` is set while this server does what only one of those that share the control
/// database should do. Errors if one cannot be opened or the pepper cannot be checked.
pub async fn open(
    at: &Installation,
    settings: Settings,
    public_url: PublicUrl,
    timeouts: Timeouts,
    events: Arc<dyn EventStore>,
    is_first: Arc<AtomicBool>,
    clock: Clock,
) -> anyhow::Result<App> {
    let geo_db = settings.geo_db.clone();
    let (base, own_settings) = (public_url.clone(), settings.clone());
    // Decoding these takes as long as opening the database, and needs nothing of it.
    let tables = spawn_blocking(move || {
        let countries = match &geo_db {
            Some(path) => Countries::from_file(path)?,
            None => Countries::embedded()?,
        };
        anyhow::Ok((countries, UserAgents::new(), documents::build(base.as_str(), &own_settings)))
    });
    let control_url = at.control_url()?;
    let control = Control::open(&control_url).await?;
    let secrets = Secrets::load(at)?;
    if let Some(warning) = secrets.check_pepper(&control, control_url.is_shared(), clock()).await? {
        tracing::warn!("{warning}");
    }
    let refusals = Refusals::default();
    let trusted_for = control_url.is_shared().then_some(KEYS_TRUSTED_FOR);
    let keys =
        KeyCache::new(secrets.pepper.clone(), secrets.pepper_previous.clone(), refusals.clone(), trusted_for);
    keys.set_revision(control.key_revision().await?);
    let instance = control_url.is_shared().then(|| Instance { id: Uuid::now_v7().to_string(), is_first });
    let (countries, user_agents, documents) = tables.await??;
    Ok(App {
        public_url,
        stores: Stores { control, instance, events },
        enrichment: Enrichment { countries, user_agents, ip_salt: secrets.ip_salt.clone() },
        credentials: Credentials {
            keys,
            tokens: AccessTokens::default(),
            secrets,
            passwords: Passwords::default(),
        },
        limits: Limits::new(&settings, timeouts),
        documents,
        refusals,
        live: Live::default(),
        metrics: Metrics::default(),
        clock,
        settings,
    })
}
