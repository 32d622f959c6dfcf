//! Token buckets, by the generic cell rate algorithm (ITU-T I.371): a bucket is one number, the
//! instant at which it will be full again.
//!
//! Reads no clock: `now` is an argument, in nanoseconds since any fixed instant.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::RateLimit;

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;
/// Shortest time between two sweeps of a table of addresses, in nanoseconds.
const SWEPT_EVERY: u64 = SECOND;

/// The size of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    /// Nanoseconds per token; at least 1.
    every: u64,
    /// Tokens of a full bucket; at least 1.
    burst: u32,
}

/// Fill level of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// Whole tokens left.
    pub(super) left: u32,
    /// Time until there is one more.
    pub(super) next: Duration,
}

/// A bucket; full by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    full_at: u64,
}

impl Quota {
    /// The quota of a setting; none if there is no limit.
    pub(super) fn of(limit: RateLimit) -> Option<Self> {
        match limit {
            RateLimit::Off => None,
            RateLimit::On { per_second, burst } => {
                Some(Self { every: (SECOND / u64::from(per_second.get())).max(1), burst: burst.get() })
            }
        }
    }

    /// A burst of tokens, and one more each `every`.
    pub(super) fn new(burst: u32, every: Duration) -> Self {
        Self { every: (every.as_nanos() as u64).max(1), burst: burst.max(1) }
    }

    /// The part of one of so many servers that share the quota; at least one token.
    #[must_use]
    pub(super) const fn divided(self, servers: u32) -> Self {
        let burst = self.burst / servers;
        Self { every: self.every.saturating_mul(servers as u64), burst: if burst == 0 { 1 } else { burst } }
    }

    /// A quarter of the tokens, at a quarter of the rate; at least one token.
    #[must_use]
    pub(super) const fn quarter(self) -> Self {
        self.divided(4)
    }

    /// Tokens of a full bucket.
    pub(super) const fn burst(self) -> u32 {
        self.burst
    }

    /// Time until an empty bucket is full.
    pub(super) const fn window(self) -> Duration {
        Duration::from_nanos(self.every.saturating_mul(self.burst as u64))
    }
}

impl Bucket {
    /// Takes a token and returns what is left; an error is the time until there is a token.
    pub(super) fn take(&mut self, quota: Quota, now: u64) -> Result<Level, Duration> {
        let full_at = self.full_at.max(now) + quota.every;
        let room = quota.window().as_nanos() as u64;
        let missing = full_at - now;
        if missing > room {
            return Err(Duration::from_nanos(missing - room));
        }
        self.full_at = full_at;
        let left = (room - missing) / quota.every;
        // The next token is there once a whole number of them is missing.
        let next = missing - (missing - 1) / quota.every * quota.every;
        Ok(Level { left: left as u32, next: Duration::from_nanos(next) })
    }

    /// Puts a token back.
    pub(super) fn put_back(&mut self, quota: Quota) {
        self.full_at = self.full_at.saturating_sub(quota.every);
    }

    /// Whether the bucket is full, and so need not be kept.
    pub(super) const fn is_full(self, now: u64) -> bool {
        self.full_at <= now
    }
}

/// Buckets by client address, for a bounded number of addresses. All others share one bucket.
#[derive(Debug, Default)]
pub(super) struct AddressBuckets {
    known: HashMap<IpAddr, Bucket>,
    beyond: Bucket,
    swept_at: u64,
}

impl AddressBuckets {
    /// The bucket of an address. Keeps at most `most` addresses; full buckets are removed first.
    pub(super) fn bucket(&mut self, address: IpAddr, most: usize, now: u64) -> &mut Bucket {
        if !self.known.contains_key(&address) && self.known.len() >= most {
            if now.saturating_sub(self.swept_at) >= SWEPT_EVERY {
                self.forget_full(now);
                self.swept_at = now;
            }
            if self.known.len() >= most {
                return &mut self.beyond;
            }
        }
        self.known.entry(address).or_default()
    }

    /// Removes full buckets.
    pub(super) fn forget_full(&mut self, now: u64) {
        self.known.retain(|_, bucket| !bucket.is_full(now));
        // A flood leaves a large table behind.
        if self.known.capacity() > 4 * self.known.len() {
            self.known.shrink_to_fit();
        }
    }

    /// Number of addresses kept.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether every bucket is full, and so need not be kept.
    pub(super) fn is_full(&self, now: u64) -> bool {
        self.known.is_empty() && self.beyond.is_full(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quota(text: &str) -> Quota {
        Quota::of(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let (quota, mut bucket) = (quota("2/3"), Bucket::default());
        let half = Duration::from_millis(500);
        let level = |left, next| Ok(Level { left, next });
        let at = |millis: u64| millis * 1_000_000;
        assert_eq!(bucket.take(quota, at(1000)), level(2, half));
        assert_eq!(bucket.take(quota, at(1000)), level(1, half));
        assert_eq!(bucket.take(quota, at(1000)), level(0, half));
        assert_eq!(bucket.take(quota, at(1000)), Err(half));
        assert_eq!(bucket.take(quota, at(1100)), Err(Duration::from_millis(400)));
        assert_eq!(bucket.take(quota, at(1500)), level(0, half));
        assert_eq!(bucket.take(quota, at(2100)), level(0, Duration::from_millis(400)));
        assert!(!bucket.is_full(at(3499)) && bucket.is_full(at(3500)));
        bucket.put_back(quota);
        assert!(bucket.is_full(at(3000)));
        assert_eq!((quota.window(), quota.burst()), (Duration::from_millis(1500), 3));
    }

    #[test]
    fn servers_that_share_a_quota_allow_no_more_together() {
        assert_eq!(quota("50/200").divided(1), quota("50/200"));
        assert_eq!(quota("50/200").divided(3), Quota::new(66, Duration::from_millis(60)));
    }

    #[test]
    fn a_quarter_is_never_nothing() {
        assert_eq!(quota("50/200").quarter(), Quota::new(50, Duration::from_millis(80)));
        assert_eq!(quota("1/1").quarter(), Quota::new(1, Duration::from_secs(4)));
        assert_eq!(quota("1/7").quarter().burst(), 1);
    }

    #[test]
    fn so_many_addresses_are_remembered_and_the_others_share_a_bucket() {
        let (quota, mut buckets) = (quota("1/1"), AddressBuckets::default());
        let take = |buckets: &mut AddressBuckets, number: u32, now: u64| {
            buckets.bucket(IpAddr::from(number.to_be_bytes()), 100, now).take(quota, now).is_ok()
        };
        let now = 10 * SECOND;
        assert!((0..100).all(|number| take(&mut buckets, number, now)));
        let beyond = (100..1000).filter(|&number| take(&mut buckets, number, now)).count();
        assert_eq!((buckets.len(), beyond), (100, 1));
        assert!(!take(&mut buckets, 0, now), "the known ones keep theirs");
        assert!(take(&mut buckets, 5000, now + 2 * SECOND), "full buckets make room");
        assert_eq!(buckets.len(), 1);
        buckets.forget_full(now + 4 * SECOND);
        assert!(buckets.is_full(now + 4 * SECOND));
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_came_back(rate in 1..1000_u32, burst in 1..1000_u32, waits in proptest::collection::vec(0..SECOND, 1..200)) {
            let quota = quota(&format!("{rate}/{burst}"));
            let (mut bucket, mut now, mut taken) = (Bucket::default(), 0, 0_u64);
            for wait in waits {
                now += wait;
                match bucket.take(quota, now) {
                    Ok(level) => {
                        taken += 1;
                        prop_assert!(level.left < burst);
                        prop_assert!(level.next.as_nanos() as u64 <= quota.every && !level.next.is_zero());
                    }
                    Err(wait) => {
                        now += wait.as_nanos() as u64;
                        prop_assert!(bucket.take(quota, now).is_ok());
                        taken += 1;
                    }
                }
                prop_assert!(taken <= u64::from(burst) + now / quota.every + 1);
            }
        }
    }
}
