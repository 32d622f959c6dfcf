//! How often somebody may try to sign in: per address and per e-mail address, so that neither
//! many passwords for one person nor one password for many people can be tried.
//!
//! Never tells whether there is such a person: unknown addresses have buckets too.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use sha2::{Digest, Sha256};

type Buckets<K, C> = RateLimiter<K, DefaultKeyedStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The buckets of those who try to sign in; `C` tells the time.
pub struct SignInLimits<C: Clock = DefaultClock> {
    by_address: Buckets<IpAddr, C>,
    by_email: Buckets<[u8; 32], C>,
    by_code: Buckets<[u8; 32], C>,
    clock: C,
}

impl Default for SignInLimits {
    fn default() -> Self {
        Self::new(DefaultClock::default())
    }
}

impl<C: Clock + Clone> SignInLimits<C> {
    /// Full buckets: 30 tries at once from one address and one more each 10 seconds; 10 for one
    /// e-mail address and one more each minute; 5 codes of a second factor and one more each
    /// 2 minutes, which is years for one in a million.
    pub fn new(clock: C) -> Self {
        Self {
            by_address: buckets(30, Duration::from_secs(10), &clock),
            by_email: buckets(10, Duration::from_mins(1), &clock),
            by_code: buckets(5, Duration::from_mins(2), &clock),
            clock,
        }
    }

    /// Takes a token for an address (an IPv6 network of 64 bits counts as one); an error says in
    /// how many seconds the next one is there.
    pub fn address(&self, ip: Option<IpAddr>) -> Result<(), u64> {
        self.take(&self.by_address, &ip.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), network))
    }

    /// Takes a token for an e-mail address, whoever's it is.
    pub fn email(&self, email: &str) -> Result<(), u64> {
        self.take(&self.by_email, &Sha256::digest(email.trim().to_lowercase()).into())
    }

    /// Takes a token for a code of somebody's second factor.
    pub fn code(&self, user: &str) -> Result<(), u64> {
        self.take(&self.by_code, &Sha256::digest(user).into())
    }

    /// Forgets full buckets, so that memory follows the tries.
    pub fn forget_quiet(&self) {
        self.by_address.retain_recent();
        self.by_email.retain_recent();
        self.by_code.retain_recent();
    }

    fn take<K: std::hash::Hash + Eq + Clone>(&self, from: &Buckets<K, C>, key: &K) -> Result<(), u64> {
        from.check_key(key).map_err(|early| {
            let wait = early.wait_time_from(self.clock.now());
            (wait.as_millis().div_ceil(1000) as u64).max(1)
        })
    }
}

impl<C: Clock> std::fmt::Debug for SignInLimits<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignInLimits(…)")
    }
}

fn buckets<K: std::hash::Hash + Eq + Clone, C: Clock + Clone>(
    burst: u32,
    every: Duration,
    clock: &C,
) -> Buckets<K, C> {
    let quota = Quota::with_period(every).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    RateLimiter::new(quota.allow_burst(burst), DefaultKeyedStateStore::default(), clock.clone())
}

/// Whoever has an IPv6 address mostly has 2^64 of them.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (!0 << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    #[test]
    fn tries_run_out_by_address_and_by_email_and_come_back_with_time() {
        let clock = FakeRelativeClock::default();
        let limits = SignInLimits::new(clock.clone());
        for _ in 0..10 {
            assert_eq!(limits.email("ann@example.com"), Ok(()));
        }
        assert_eq!(limits.email(" ANN@example.com"), Err(60));
        assert_eq!(limits.email("ben@example.com"), Ok(()));
        clock.advance(Duration::from_secs(59));
        assert_eq!(limits.email("ann@example.com"), Err(1));
        clock.advance(Duration::from_secs(1));
        assert_eq!(limits.email("ann@example.com"), Ok(()));

        let from = |ip: &str| limits.address(Some(ip.parse().unwrap()));
        for _ in 0..30 {
            assert_eq!(from("2001:db8::1"), Ok(()));
        }
        assert_eq!(from("2001:db8::2"), Err(10));
        assert_eq!(from("2001:db8:0:1::1"), Ok(()));
        clock.advance(Duration::from_secs(10));
        assert_eq!(from("2001:db8::2"), Ok(()));
    }

    #[test]
    fn codes_have_buckets_of_their_own() {
        let limits = SignInLimits::new(FakeRelativeClock::default());
        for _ in 0..5 {
            assert_eq!(limits.code("usr_1"), Ok(()));
        }
        assert_eq!((limits.code("usr_1"), limits.code("usr_2")), (Err(120), Ok(())));
    }
}
