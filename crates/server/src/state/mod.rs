//! The state of a running server: plain data, grouped by subject, that requests and background
//! tasks work with. Nothing is global; `app` puts it together at the start.
//!
//! Knows no HTTP route and none of the layers that use it: each function takes this, or the part
//! that it needs, as an argument.

pub mod documents;
pub mod live;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millimetric_control::Control;
use millimetric_core::ingest::enrich::IpSalt;
use millimetric_core::ingest::user_agent::UserAgents;
use millimetric_core::time::Timestamp;
use millimetric_events::EventStore;
use uuid::{Timestamp as UuidTime, Uuid};

use self::documents::Documents;
use self::live::Live;
use crate::config::{PublicUrl, Settings};
use crate::country::Countries;
use crate::credentials::Credentials;
use crate::limits::Limits;
use crate::refusals::Refusals;
use crate::telemetry::Metrics;

/// Returns the current time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The parts of a running server.
pub struct App {
    /// The settings of the command line and the environment.
    pub settings: Settings,
    /// The address under which clients reach this server.
    pub public_url: PublicUrl,
    /// What is durable.
    pub stores: Stores,
    /// What proves who somebody is.
    pub credentials: Credentials,
    /// What requests may take of shared resources.
    pub limits: Limits,
    /// Completes events as they arrive.
    pub enrichment: Enrichment,
    /// Pages that are the same for everybody.
    pub documents: Documents,
    /// Recent refusals, for the members of each project.
    pub refusals: Refusals,
    /// Signals new events to open pages.
    pub live: Live,
    /// Counters for the operator.
    pub metrics: Metrics,
    /// Returns the current time.
    pub clock: Clock,
}

/// The two stores.
pub struct Stores {
    /// Accounts, people, projects, keys.
    pub control: Control,
    /// This server among those that share the control database; `None` if none can.
    pub instance: Option<Instance>,
    /// Events.
    pub events: Arc<dyn EventStore>,
}

/// The tables by which events are completed as they arrive.
pub struct Enrichment {
    /// Finds the country of an address.
    pub countries: Countries,
    /// Classifies user agents.
    pub user_agents: UserAgents,
    /// Hashes addresses.
    pub ip_salt: IpSalt,
}

/// A server among those that share a control database.
#[derive(Debug)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Whether it does what only one of them should do. The event store reads it too.
    pub is_first: Arc<AtomicBool>,
}

impl Stores {
    /// Whether other servers can use the same control database.
    pub fn is_shared(&self) -> bool {
        self.instance.is_some()
    }

    /// Whether this server does what only one of those that share the control database should do.
    pub fn is_first(&self) -> bool {
        self.instance.as_ref().is_none_or(|instance| instance.is_first.load(Ordering::Relaxed))
    }
}

impl App {
    /// The current time of this server's clock.
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
