//! Limits that protect everybody from somebody: token buckets, and memory for request bodies.
//!
//! Knows nothing of routes: `auth` takes a token with each proof of authority.

mod buckets;
pub mod key_failures;
pub mod rates;
pub mod sign_in;
pub mod slots;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use millimetric_core::ids::{AccountId, ProjectId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::RateLimit;
use crate::error::{ApiError, ApiResult, ErrorCode};
use rates::RateLimits;

/// Bytes of request bodies that may be in memory at once, in KiB.
const BODY_KIB: usize = 96 * 1024;

/// The buckets and the body budget of a server.
#[derive(Debug)]
pub struct Limits {
    /// Token buckets of the ingest routes.
    pub rates: RateLimits,
    bodies: Arc<Semaphore>,
}

/// Whose share of tokens and memory a request uses. Requests with public keys and requests with
/// secret keys of one project never share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Traffic {
    /// Requests with a project's pk keys.
    Browsers(ProjectId),
    /// Requests with a project's other keys, and of its members.
    Servers(ProjectId),
    /// Requests with an account's keys.
    Account(AccountId),
}

/// Which bucket a request draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// `/v1/track` and `/v1/identify`.
    Track,
    /// `/v1/batch`, one token a call.
    Batch,
}

impl Limits {
    /// Full buckets.
    pub fn new(track: RateLimit, batch: RateLimit) -> Self {
        Self {
            rates: RateLimits::new(track, batch),
            bodies: Arc::new(Semaphore::new(BODY_KIB)),
        }
    }

    /// Sets memory aside for a body until the permit is dropped; 503 when there is none left.
    pub fn body_memory(&self, bytes: usize) -> ApiResult<OwnedSemaphorePermit> {
        let kib = bytes.div_ceil(1024).clamp(1, BODY_KIB) as u32;
        Arc::clone(&self.bodies).try_acquire_many_owned(kib).map_err(|_| {
            ApiError::new(ErrorCode::Overloaded).retry_after(1).because("too many bodies in memory")
        })
    }

    /// Forgets the buckets of projects that have been quiet, so that memory follows the traffic.
    pub fn forget_quiet_projects(&self) {
        self.rates.forget_full();
    }
}

/// The client that an address stands for: who has an IPv6 address mostly has 2^64 of them.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (!0 << 64))),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_one_budget() {
        let limits = Limits::new(RateLimit::Off, RateLimit::Off);
        let all = limits.body_memory(BODY_KIB * 1024).unwrap();
        assert_eq!(limits.body_memory(1).unwrap_err().code, ErrorCode::Overloaded);
        drop(all);
        assert!(limits.body_memory(1).is_ok());
    }
}
