//! How often somebody may try to sign in.
//!
//! Strangers draw from a bucket of their network address and from one of the e-mail address, so that
//! neither many passwords for one person nor one password for many people can be tried. A client that has
//! proven something before (a known device, a session, a link) draws from a bucket of that proof
//! alone, so that strangers cannot lock them out.
//!
//! A set of buckets has a fixed number of cells, and a key is assigned to one by a hash under a random
//! seed: memory does not grow with what strangers send. Keys that share a cell share its tries; a
//! flood can therefore refuse tries, and never gives more of them.
//!
//! Does not reveal whether there is such a person: unknown addresses have buckets too.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use millimetric_core::ids::{SessionId, UserId};
use millimetric_core::token::TokenHash;

use super::network;

/// Cells of a set of buckets, 8 bytes each.
const CELLS: u64 = 1 << 16;

type Buckets<C> = RateLimiter<u64, Cells, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The buckets of those who try to sign in; `C` is the clock.
pub struct SignInLimits<C: Clock = DefaultClock> {
    by_address: Buckets<C>,
    by_email: Buckets<C>,
    by_proof: Buckets<C>,
    codes_by_user: Buckets<C>,
    codes_by_device: Buckets<C>,
    sessions_by_user: Buckets<C>,
    seed: RandomState,
    clock: C,
}

/// What somebody has proven before they try a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// That they signed in before, in the browser with this number.
    Device([u8; 16]),
    /// That they are signed in, in this session.
    Session(SessionId),
    /// That they have the link with this hash.
    Link(TokenHash),
}

impl Default for SignInLimits {
    fn default() -> Self {
        Self::new(DefaultClock::default())
    }
}

impl<C: Clock + Clone> SignInLimits<C> {
    /// Full buckets. Passwords: 30 tries at once from a network address and one more each 10 seconds;
    /// 10 for an e-mail address, and 10 for a proof, and one more each minute. Codes of a second
    /// factor: 5 for a user, and 5 for a known device, and one more each 2 minutes, which is years for
    /// one in a million. Sessions of a user: 40, and one more each 30 seconds, which is more than
    /// strangers who know the password can use up without the second factor.
    pub fn new(clock: C) -> Self {
        let seconds = Duration::from_secs;
        Self {
            by_address: buckets(30, seconds(10), &clock),
            by_email: buckets(10, seconds(60), &clock),
            by_proof: buckets(10, seconds(60), &clock),
            codes_by_user: buckets(5, seconds(120), &clock),
            codes_by_device: buckets(5, seconds(120), &clock),
            sessions_by_user: buckets(40, seconds(30), &clock),
            seed: RandomState::new(),
            clock,
        }
    }

    /// Takes a token for a network address (an IPv6 network of 64 bits counts as one); an error says in
    /// how many seconds the next one is there.
    pub fn address(&self, ip: Option<IpAddr>) -> Result<(), u64> {
        self.take(&self.by_address, ip.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), network))
    }

    /// Takes a token for an e-mail address, known or not.
    pub fn email(&self, email: &str) -> Result<(), u64> {
        self.take(&self.by_email, email.trim().to_lowercase())
    }

    /// Takes a token of somebody who has proven something; no token of anybody else is taken.
    pub fn proof(&self, proof: Proof) -> Result<(), u64> {
        self.take(&self.by_proof, proof)
    }

    /// Takes a token for a code of a user's second factor: that of the known device, where it comes
    /// from one, else the one that all other devices share.
    pub fn code(&self, user: UserId, device: Option<[u8; 16]>) -> Result<(), u64> {
        match device {
            Some(device) => self.take(&self.codes_by_device, device),
            None => self.take(&self.codes_by_user, user),
        }
    }

    /// Takes a token for a session that is about to start, once its user has proven who they are: each
    /// is a row in the database and one in its audit log.
    pub fn session(&self, user: UserId) -> Result<(), u64> {
        self.take(&self.sessions_by_user, user)
    }

    fn take(&self, from: &Buckets<C>, key: impl Hash) -> Result<(), u64> {
        from.check_key(&self.seed.hash_one(key)).map_err(|early| {
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

fn buckets<C: Clock + Clone>(burst: u32, every: Duration, clock: &C) -> Buckets<C> {
    let quota = Quota::with_period(every).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    RateLimiter::new(quota.allow_burst(burst), Cells::default(), clock.clone())
}

/// The state of a fixed number of buckets.
struct Cells(Box<[InMemoryState]>);

impl Default for Cells {
    fn default() -> Self {
        Self((0..CELLS).map(|_| InMemoryState::default()).collect())
    }
}

impl StateStore for Cells {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0[(key % CELLS) as usize].measure_and_replace(&NotKeyed::NonKey, measure)
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
    fn each_proof_has_a_bucket_of_its_own() {
        let limits = SignInLimits::new(FakeRelativeClock::default());
        let proofs = [
            Proof::Device([1; 16]),
            Proof::Device([2; 16]),
            Proof::Session(SessionId::new(uuid::Uuid::from_u128(1))),
            Proof::Link(TokenHash::of("x")),
        ];
        for proof in proofs {
            for _ in 0..10 {
                assert_eq!(limits.proof(proof), Ok(()), "{proof:?}");
            }
            assert_eq!(limits.proof(proof), Err(60), "{proof:?}");
        }
        assert_eq!(limits.email("ann@example.com"), Ok(()));
    }

    #[test]
    fn codes_of_known_devices_have_buckets_of_their_own() {
        let limits = SignInLimits::new(FakeRelativeClock::default());
        let [ann, ben] = [1, 2].map(|n| UserId::new(uuid::Uuid::from_u128(n)));
        for _ in 0..5 {
            assert_eq!(limits.code(ann, None), Ok(()));
        }
        assert_eq!((limits.code(ann, None), limits.code(ben, None)), (Err(120), Ok(())));
        for _ in 0..5 {
            assert_eq!(limits.code(ann, Some([1; 16])), Ok(()));
        }
        assert_eq!(limits.code(ann, Some([1; 16])), Err(120));
        assert_eq!(limits.code(ann, Some([2; 16])), Ok(()));
    }

    #[test]
    fn a_flood_of_other_addresses_takes_no_memory_and_gives_nobody_more_tries() {
        let limits = SignInLimits::new(FakeRelativeClock::default());
        while limits.email("ann@example.com").is_ok() {}
        for number in 0..3 * CELLS {
            let _ = limits.email(&format!("person{number}@example.com"));
        }
        assert_eq!(limits.email("ann@example.com"), Err(60));
        let cells = limits.by_email.into_state_store().0;
        assert_eq!(std::mem::size_of_val(&*cells), 512 * 1024);
    }
}
