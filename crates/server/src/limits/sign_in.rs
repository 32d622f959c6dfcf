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

use std::hash::{BuildHasher as _, RandomState};
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
    buckets: [Buckets<C>; SET_COUNT],
    seed: RandomState,
    clock: C,
}

/// Something that somebody tries, for which a token is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try<'a> {
    /// A password, from a network address (an IPv6 network of 64 bits counts as one).
    Address(Option<IpAddr>),
    /// A password, for an e-mail address, known or not.
    Email(&'a str),
    /// A password, of somebody who has proven something; no token of anybody else is taken.
    Proven(Proof),
    /// A code of a user's second factor.
    Code(UserId),
    /// The same from a known device, whose bucket no other device draws from.
    CodeOfDevice([u8; 16]),
    /// A session that is about to start, once its user has proven who they are: each is a row in the database and
    /// one in its audit log.
    Session(UserId),
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

/// How many sets of buckets there are.
const SET_COUNT: usize = 6;

/// A set of buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrySet {
    /// Its name.
    pub name: &'static str,
    /// Tokens of a full bucket.
    pub burst: u32,
    /// Time until there is one more.
    pub every: Duration,
}

const fn set(name: &'static str, burst: u32, seconds: u64) -> TrySet {
    TrySet { name, burst, every: Duration::from_secs(seconds) }
}

/// The sets. Five codes and one more each two minutes take years for one in a million; 40 sessions are more than
/// strangers who know the password can use up without the second factor.
const SETS: [TrySet; SET_COUNT] = [
    set("address", 30, 10),
    set("email", 10, 60),
    set("proof", 10, 60),
    set("code", 5, 120),
    set("code_of_device", 5, 120),
    set("session", 40, 30),
];

impl Try<'_> {
    /// The set whose buckets count it.
    pub const fn set(&self) -> TrySet {
        SETS[self.number()]
    }

    /// Its place in [`SETS`].
    const fn number(&self) -> usize {
        match self {
            Self::Address(_) => 0,
            Self::Email(_) => 1,
            Self::Proven(_) => 2,
            Self::Code(_) => 3,
            Self::CodeOfDevice(_) => 4,
            Self::Session(_) => 5,
        }
    }

    /// Tries with the same text draw from the same bucket of the set.
    pub fn key(&self) -> String {
        match self {
            Self::Address(ip) => ip.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), network).to_string(),
            Self::Email(email) => email.trim().to_lowercase(),
            Self::Proven(Proof::Device(number)) => format!("device {}", hex::encode(number)),
            Self::Proven(Proof::Session(id)) => id.to_string(),
            Self::Proven(Proof::Link(hash)) => format!("link {}", hex::encode(hash.as_bytes())),
            Self::Code(user) | Self::Session(user) => user.to_string(),
            Self::CodeOfDevice(number) => hex::encode(number),
        }
    }
}

impl Default for SignInLimits {
    fn default() -> Self {
        Self::new(DefaultClock::default())
    }
}

impl<C: Clock + Clone> SignInLimits<C> {
    /// Full buckets.
    pub fn new(clock: C) -> Self {
        Self { buckets: SETS.map(|set| buckets(set, &clock)), seed: RandomState::new(), clock }
    }

    /// Takes a token; an error says in how many seconds the next one is there.
    pub fn take(&self, what: Try<'_>) -> Result<(), u64> {
        let buckets = &self.buckets[what.number()];
        buckets.check_key(&self.seed.hash_one(what.key())).map_err(|early| {
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

fn buckets<C: Clock + Clone>(set: TrySet, clock: &C) -> Buckets<C> {
    let quota = Quota::with_period(set.every).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
    let burst = NonZeroU32::new(set.burst).unwrap_or(NonZeroU32::MIN);
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
            assert_eq!(limits.take(Try::Email("ann@example.com")), Ok(()));
        }
        assert_eq!(limits.take(Try::Email(" ANN@example.com")), Err(60));
        assert_eq!(limits.take(Try::Email("ben@example.com")), Ok(()));
        clock.advance(Duration::from_secs(59));
        assert_eq!(limits.take(Try::Email("ann@example.com")), Err(1));
        clock.advance(Duration::from_secs(1));
        assert_eq!(limits.take(Try::Email("ann@example.com")), Ok(()));

        let from = |ip: &str| limits.take(Try::Address(Some(ip.parse().unwrap())));
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
                assert_eq!(limits.take(Try::Proven(proof)), Ok(()), "{proof:?}");
            }
            assert_eq!(limits.take(Try::Proven(proof)), Err(60), "{proof:?}");
        }
        assert_eq!(limits.take(Try::Email("ann@example.com")), Ok(()));
    }

    #[test]
    fn codes_of_known_devices_have_buckets_of_their_own() {
        let limits = SignInLimits::new(FakeRelativeClock::default());
        let [ann, ben] = [1, 2].map(|n| UserId::new(uuid::Uuid::from_u128(n)));
        for _ in 0..5 {
            assert_eq!(limits.take(Try::Code(ann)), Ok(()));
        }
        assert_eq!((limits.take(Try::Code(ann)), limits.take(Try::Code(ben))), (Err(120), Ok(())));
        for _ in 0..5 {
            assert_eq!(limits.take(Try::CodeOfDevice([1; 16])), Ok(()));
        }
        assert_eq!(limits.take(Try::CodeOfDevice([1; 16])), Err(120));
        assert_eq!(limits.take(Try::CodeOfDevice([2; 16])), Ok(()));
    }

    #[test]
    fn a_flood_of_other_addresses_takes_no_memory_and_gives_nobody_more_tries() {
        let limits = SignInLimits::new(FakeRelativeClock::default());
        while limits.take(Try::Email("ann@example.com")).is_ok() {}
        for number in 0..3 * CELLS {
            let _ = limits.take(Try::Email(&format!("person{number}@example.com")));
        }
        assert_eq!(limits.take(Try::Email("ann@example.com")), Err(60));
        let [_, by_email, ..] = limits.buckets;
        let cells = by_email.into_state_store().0;
        assert_eq!(std::mem::size_of_val(&*cells), 512 * 1024);
    }
}
