//! Rate limits of the ingest routes (contract, section 5): per route and project one bucket for
//! public keys and one for secret keys. One client address gets at most a quarter of the former. And
//! of the management API: one bucket per person.
//!
//! Memory is bounded by the number of projects, and for addresses by `ADDRESSES_OF_PROJECT` and
//! `ADDRESSES`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use millimetric_core::ids::ProjectId;
use parking_lot::Mutex;

use super::buckets::{AddressBuckets, Bucket, Level, Quota};
use super::{Limited, Traffic, network};
use crate::config::RateLimit;

/// Client addresses of one project with a bucket of their own, per route; all others share one
/// bucket of the same size.
const ADDRESSES_OF_PROJECT: usize = 1024;
/// The same of all projects together.
const ADDRESSES: usize = 65_536;

/// State of the bucket that a request drew from, as its response reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateState {
    /// Name of the policy.
    pub policy: &'static str,
    /// Requests of a full bucket.
    pub quota: u32,
    /// Time until an empty bucket is full.
    pub window: Duration,
    /// Requests left.
    pub left: u32,
    /// Time until there is one more.
    pub next: Duration,
}

/// Passes the state of the bucket from the extractor that takes a token to the layer that writes
/// the response. Clones share one value.
#[derive(Debug, Clone, Default)]
pub struct RateNote(Arc<Mutex<Option<RateState>>>);

/// The buckets of all routes.
#[derive(Debug)]
pub struct RateLimits {
    track: Route,
    batch: Route,
    admin: Route,
    /// Servers that share the limits.
    instances: AtomicU32,
    started: Instant,
}

#[derive(Debug)]
struct Route {
    policy: &'static str,
    quota: Option<Quota>,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    of: HashMap<Traffic, Bucket>,
    addresses: HashMap<ProjectId, AddressBuckets>,
    /// Addresses remembered for all projects.
    remembered: usize,
}

impl RateNote {
    /// Sets what the response reports.
    pub fn set(&self, state: RateState) {
        *self.0.lock() = Some(state);
    }

    /// What was set.
    pub fn get(&self) -> Option<RateState> {
        *self.0.lock()
    }
}

impl RateLimits {
    /// Full buckets.
    pub fn new(track: RateLimit, batch: RateLimit, admin: RateLimit) -> Self {
        let route = |policy, limit| Route { policy, quota: Quota::of(limit), buckets: Mutex::default() };
        Self {
            track: route("track", track),
            batch: route("batch", batch),
            admin: route("admin", admin),
            instances: AtomicU32::new(1),
            started: Instant::now(),
        }
    }

    /// Sets how many servers share the limits, this one included. Each has its part of them.
    pub fn set_instances(&self, count: u32) {
        self.instances.store(count.max(1), Ordering::Relaxed);
    }

    /// Takes a token. Returns `Ok(None)` if the route has no limit; an error is the state that the
    /// 429 reports.
    pub fn take(&self, what: Limited, by: Traffic, address: IpAddr) -> Result<Option<RateState>, RateState> {
        let now = self.now();
        let route = match what {
            Limited::Track => &self.track,
            Limited::Batch => &self.batch,
            Limited::Admin => &self.admin,
        };
        let Some(quota) = route.quota else { return Ok(None) };
        let quota = quota.divided(self.instances.load(Ordering::Relaxed));
        let mut buckets = route.buckets.lock();
        let (shown, level) = match by {
            Traffic::Browsers(project) => {
                let share = quota.quarter();
                let own = buckets.take_of_address(project, network(address), share, now);
                // An address without tokens draws nothing from the project's bucket.
                let whole = own.and_then(|own| Ok((own, buckets.take(by, quota, now)?)));
                (share, whole.map(|(own, whole)| lower(own, whole)))
            }
            Traffic::Servers(_) | Traffic::Account(_) | Traffic::Person(_) | Traffic::Unidentified => {
                (quota, buckets.take(by, quota, now))
            }
        };
        drop(buckets);
        let state = |left, next| RateState {
            policy: route.policy,
            quota: shown.burst(),
            window: shown.window(),
            left,
            next,
        };
        match level {
            Ok(level) => Ok(Some(state(level.left, level.next))),
            Err(wait) => Err(state(0, wait)),
        }
    }

    /// Forgets full buckets, so that memory follows the traffic.
    pub fn forget_full(&self) {
        let now = self.now();
        for route in [&self.track, &self.batch, &self.admin] {
            route.buckets.lock().forget_full(now);
        }
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}

/// The level that runs out first.
const fn lower(own: Level, whole: Level) -> Level {
    if whole.left < own.left { whole } else { own }
}

impl Buckets {
    fn take(&mut self, by: Traffic, quota: Quota, now: u64) -> Result<Level, Duration> {
        self.of.entry(by).or_default().take(quota, now)
    }

    fn take_of_address(
        &mut self,
        project: ProjectId,
        address: IpAddr,
        quota: Quota,
        now: u64,
    ) -> Result<Level, Duration> {
        let of = self.addresses.entry(project).or_default();
        let before = of.len();
        let most = ADDRESSES_OF_PROJECT.min(before + (ADDRESSES - self.remembered));
        let level = of.bucket(address, most, now).take(quota, now);
        self.remembered = self.remembered - before + of.len();
        level
    }

    fn forget_full(&mut self, now: u64) {
        self.of.retain(|_, bucket| !bucket.is_full(now));
        for addresses in self.addresses.values_mut() {
            addresses.forget_full(now);
        }
        self.addresses.retain(|_, addresses| !addresses.is_full(now));
        self.remembered = self.addresses.values().map(AddressBuckets::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn project(number: u128) -> ProjectId {
        ProjectId::new(Uuid::from_u128(number))
    }

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn each_project_route_and_kind_of_key_has_its_own_bucket() {
        let limits = RateLimits::new("1/2".parse().unwrap(), "1/1".parse().unwrap(), RateLimit::Off);
        let [a, b] = [1, 2].map(|number| Traffic::Servers(project(number)));
        let take = |what, by| limits.take(what, by, address(1)).map(|state| state.unwrap().left);
        assert_eq!((take(Limited::Track, a), take(Limited::Track, a)), (Ok(1), Ok(0)));
        let refused = take(Limited::Track, a).unwrap_err();
        assert_eq!((refused.policy, refused.quota, refused.left), ("track", 2, 0));
        assert!(refused.next <= Duration::from_secs(1) && !refused.next.is_zero());
        assert_eq!((take(Limited::Track, b), take(Limited::Batch, a)), (Ok(1), Ok(0)));
        assert!(take(Limited::Batch, a).is_err());
        assert_eq!(take(Limited::Track, Traffic::Browsers(project(1))), Ok(0), "a quarter of two is one");
        let off = RateLimits::new(RateLimit::Off, RateLimit::Off, RateLimit::Off);
        assert_eq!(off.take(Limited::Track, a, address(1)), Ok(None));
    }

    #[test]
    fn an_address_that_used_up_its_quarter_takes_nothing_from_the_whole() {
        let limits = RateLimits::new("1/8".parse().unwrap(), RateLimit::Off, RateLimit::Off);
        let take = |number| limits.take(Limited::Track, Traffic::Browsers(project(1)), address(number));
        let passed = (0..100).filter(|_| take(1).is_ok()).count();
        assert_eq!(passed, 2);
        let others = (2..100).filter(|&number| take(number).is_ok()).count();
        assert_eq!(others, 6);
    }

    #[test]
    fn memory_for_addresses_is_bounded_per_project_and_in_all() {
        let limits = RateLimits::new("1/4000000".parse().unwrap(), RateLimit::Off, RateLimit::Off);
        for of in 0..70 {
            for number in 0..2000 {
                let _ = limits.take(Limited::Track, Traffic::Browsers(project(of)), address(number));
            }
        }
        let buckets = limits.track.buckets.lock();
        let each: Vec<usize> = buckets.addresses.values().map(AddressBuckets::len).collect();
        assert_eq!((each.iter().max(), each.iter().sum()), (Some(&ADDRESSES_OF_PROJECT), ADDRESSES));
        assert_eq!(buckets.remembered, ADDRESSES);
    }
}
