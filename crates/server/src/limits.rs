//! Limits that protect everybody from somebody: token buckets per project and route, and the
//! memory that bodies may take at once.
//!
//! Knows nothing of routes or keys; a door takes a token and goes on, or answers 429.

pub mod sign_in;
pub mod slots;

use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use millimetric_core::ids::ProjectId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::RateLimit;
use crate::error::{ApiError, ApiResult, ErrorCode};

/// Bytes of request bodies that may be in memory at once, in KiB.
const BODY_KIB: usize = 96 * 1024;

/// The buckets and the body budget of a server.
#[derive(Debug)]
pub struct Limits {
    track: Bucket,
    batch: Bucket,
    bodies: Arc<Semaphore>,
}

#[derive(Debug)]
struct Bucket(Option<DefaultKeyedRateLimiter<ProjectId>>);

/// Which bucket a request draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// `/v1/track`
    Track,
    /// `/v1/batch`, one token a call.
    Batch,
}

impl Limits {
    /// Full buckets.
    pub fn new(track: RateLimit, batch: RateLimit) -> Self {
        Self {
            track: Bucket::new(track),
            batch: Bucket::new(batch),
            bodies: Arc::new(Semaphore::new(BODY_KIB)),
        }
    }

    /// Takes one token of the project's bucket, or says when the next one is there.
    pub fn take(&self, what: Limited, project: ProjectId) -> ApiResult<()> {
        let bucket = match what {
            Limited::Track => &self.track,
            Limited::Batch => &self.batch,
        };
        bucket.take(project).map_err(|wait| {
            ApiError::new(ErrorCode::RateLimited).retry_after(wait.as_millis().div_ceil(1000) as u64)
        })
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
        for bucket in [&self.track, &self.batch] {
            if let Some(limiter) = &bucket.0 {
                limiter.retain_recent();
            }
        }
    }
}

impl Bucket {
    fn new(limit: RateLimit) -> Self {
        Self(match limit {
            RateLimit::Off => None,
            RateLimit::On { per_second, burst } => {
                Some(RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)))
            }
        })
    }

    fn take(&self, project: ProjectId) -> Result<(), Duration> {
        match &self.0 {
            None => Ok(()),
            Some(limiter) => limiter
                .check_key(&project)
                .map_err(|early| early.wait_time_from(DefaultClock::default().now())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn each_project_and_route_has_its_own_bucket() {
        let limits = Limits::new("1/2".parse().unwrap(), "1/1".parse().unwrap());
        let [a, b] = [1, 2].map(|n| ProjectId::new(Uuid::from_u128(n)));
        assert!(limits.take(Limited::Track, a).is_ok());
        assert!(limits.take(Limited::Track, a).is_ok());
        let refused = limits.take(Limited::Track, a).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_s), (ErrorCode::RateLimited, Some(1)));
        assert!(limits.take(Limited::Track, b).is_ok());
        assert!(limits.take(Limited::Batch, a).is_ok());
        assert!(limits.take(Limited::Batch, a).is_err());
    }

    #[test]
    fn bodies_share_one_budget() {
        let limits = Limits::new(RateLimit::Off, RateLimit::Off);
        let all = limits.body_memory(BODY_KIB * 1024).unwrap();
        assert_eq!(limits.body_memory(1).unwrap_err().code, ErrorCode::Overloaded);
        drop(all);
        assert!(limits.body_memory(1).is_ok());
    }
}
