//! The application: its parts, by name. Everything that a request may need hangs here and is
//! handed on as an argument; nothing is global.

use std::sync::Arc;

use millimetric_control::Control;
use millimetric_core::ingest::enrich::IpSalt;
use millimetric_core::ingest::user_agent::UserAgents;
use millimetric_core::time::Timestamp;
use millimetric_events::EventStore;
use tokio::task::spawn_blocking;
use uuid::{Timestamp as UuidTime, Uuid};

use crate::api::discover::Documents;
use crate::auth::key_cache::KeyCache;
use crate::auth::passwords::Passwords;
use crate::config::{Installation, PublicUrl, Settings};
use crate::country::Countries;
use crate::limits::Limits;
use crate::limits::sign_in::SignInLimits;
use crate::limits::slots::Slots;
use crate::ops::live::Live;
use crate::ops::read::EXPORTS;
use crate::ops::refusals::Refusals;
use crate::ops::usage::UsageMeter;
use crate::secrets::Secrets;
use crate::telemetry::Metrics;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A running server's parts.
pub struct App {
    /// As the command line and the environment said.
    pub settings: Settings,
    /// The address under which clients reach this server.
    pub public_url: PublicUrl,
    /// Accounts, people, projects, keys.
    pub control: Control,
    /// Events.
    pub events: Arc<dyn EventStore>,
    /// Verified keys.
    pub keys: KeyCache,
    /// The server's own secrets.
    pub secrets: Secrets,
    /// Hashes addresses.
    pub ip_salt: IpSalt,
    /// Buckets and budgets.
    pub limits: Limits,
    /// Queries that run at once.
    pub query_slots: Slots,
    /// Exports that run at once.
    pub export_slots: Slots,
    /// Hashes and compares passwords.
    pub passwords: Passwords,
    /// How often somebody may try to sign in.
    pub sign_ins: SignInLimits,
    /// Locates addresses.
    pub countries: Countries,
    /// Reads user agents.
    pub user_agents: UserAgents,
    /// What anybody may read without a key.
    pub documents: Documents,
    /// What was refused a moment ago.
    pub refusals: Refusals,
    /// Counts events against plans.
    pub usage: UsageMeter,
    /// Tells of events as they come.
    pub live: Live,
    /// Counts everything else.
    pub metrics: Metrics,
    /// Tells the time.
    pub clock: Clock,
}

impl App {
    /// Opens what lies in the data folder beside the events, and puts the parts together.
    pub async fn open(
        at: &Installation,
        settings: Settings,
        public_url: PublicUrl,
        events: Arc<dyn EventStore>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let geo_db = settings.geo_db.clone();
        // Unpacking them takes as long as opening the database, and needs nothing of it.
        let base = public_url.clone();
        let tables = spawn_blocking(move || {
            let countries = match &geo_db {
                Some(path) => Countries::from_file(path)?,
                None => Countries::embedded()?,
            };
            anyhow::Ok((countries, UserAgents::new(), Documents::new(base.as_str())?))
        });
        let control = Control::open(&at.data_dir.join("control.db")).await?;
        let secrets = Secrets::load(at)?;
        if let Some(warning) = secrets.check_pepper(&control, clock()).await? {
            tracing::warn!("{warning}");
        }
        let refusals = Refusals::default();
        let keys = KeyCache::new(secrets.pepper.clone(), secrets.pepper_previous.clone(), refusals.clone());
        keys.learn_revision(control.key_revision().await?);
        let (countries, user_agents, documents) = tables.await??;
        let query_slots = settings.query_slots.get();
        Ok(Self {
            query_slots: Slots::new(query_slots, query_slots / 2),
            export_slots: Slots::new(EXPORTS.0, EXPORTS.1),
            limits: Limits::new(&settings),
            public_url,
            control,
            events,
            keys,
            ip_salt: secrets.ip_salt.clone(),
            secrets,
            passwords: Passwords::default(),
            sign_ins: SignInLimits::default(),
            countries,
            user_agents,
            documents,
            refusals,
            usage: UsageMeter::default(),
            live: Live::default(),
            metrics: Metrics::default(),
            clock,
            settings,
        })
    }

    /// Now, as this server sees it.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// A new id, in the order of time (UUID version 7).
    pub fn new_id(&self) -> Uuid {
        let now = self.now().millis();
        let (seconds, nanos) = (now.div_euclid(1000).max(0) as u64, now.rem_euclid(1000) as u32 * 1_000_000);
        Uuid::new_v7(UuidTime::from_unix(uuid::NoContext, seconds, nanos))
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

/// The system's clock.
pub fn system_clock() -> Clock {
    Arc::new(|| Timestamp::from_millis(chrono::Utc::now().timestamp_millis()).unwrap_or(Timestamp::MAX))
}
