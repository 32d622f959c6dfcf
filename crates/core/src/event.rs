//! The event as it is stored and returned, and where it is stored.
//!
//! Values here are finished: validated, scrubbed, classified, enriched. How they came to be is
//! `ingest`. The raw IP address and the raw user agent have no field, so they cannot be stored.

use serde::{Deserialize, Serialize};

pub use crate::column::Event;
use crate::ids::ProjectId;
use crate::key::Env;
pub use crate::values::{Browser, Confidence, Country, DeviceType, IpHash, NoIpHash, Os, UnknownCountry};

/// The name of the event that is a page view.
pub const PAGE_VIEW: &str = "$pageview";

/// Where events live: one project's live or test side. No query ever spans two by accident,
/// since every one is asked of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventScope {
    /// The project.
    pub project: ProjectId,
    /// Live traffic or a rehearsal.
    pub env: Env,
}
