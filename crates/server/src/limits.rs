//! Limits on what one client or project may take of the server: token buckets, memory for request
//! bodies, slots for queries, the plan's quota of events, and timeouts for slow clients.
//!
//! Knows no route and no request: `auth` takes a token with each proof of authority, `body` reserves
//! memory, `ops` takes slots and quota.

mod buckets;
pub mod busy;
pub mod heavy;
pub mod key_failures;
pub mod quota;
pub mod rates;
pub mod shares;
pub mod sign_in;
pub mod slots;
pub mod timeouts;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use millimetric_core::ids::{AccountId, ProjectId, UserId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Settings;
use busy::Busy;
use heavy::HeavyWork;
use quota::UsageMeter;
use rates::RateLimits;
use shares::{Exhausted, Share, Shares};
use sign_in::SignInLimits;
use slots::Slots;
use timeouts::Timeouts;

/// Bytes of request bodies that may be in memory at once: 96 MiB.
const BODY_BYTES: usize = 96 * 1024 * 1024;
/// Of these, what one project's public keys, its other keys, or one client address may take: a
/// quarter, 24 MiB. A batch of the largest size and its compressed form fit into it.
const BODY_BYTES_EACH: usize = BODY_BYTES / 4;
/// What one client address may take with bodies that have their key inside, until it is read: 3 MiB, six
/// of the largest. All of them together take at most `BODY_BYTES_EACH`, so that clients without a key do
/// not keep out those with one.
const UNIDENTIFIED_BYTES_EACH: usize = BODY_BYTES_EACH / 8;
/// Refused bodies whose rest is read and discarded at once. One connection has at most one.
const DRAINS: usize = 1024;

/// Exports at once, in all and of one project: each holds a thread for as long as its client reads.
pub const EXPORTS: (usize, usize) = (8, 2);

/// The buckets and budgets of a server.
#[derive(Debug)]
pub struct Limits {
    /// Token buckets of the ingest routes.
    pub rates: RateLimits,
    /// Threads for large requests.
    pub heavy: HeavyWork,
    /// Timeouts for slow clients.
    pub timeouts: Timeouts,
    /// Queries at once.
    pub queries: Slots,
    /// Exports at once.
    pub exports: Slots,
    /// Attempts to sign in.
    pub sign_ins: SignInLimits,
    /// Events of a plan's month.
    pub usage: UsageMeter,
    bodies_of_traffic: Shares<Traffic>,
    bodies_of_address: Shares<IpAddr>,
    unidentified_of_address: Shares<IpAddr>,
    drains: Arc<Semaphore>,
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
    /// Requests whose key is in the body, until that is read.
    Unidentified,
    /// Requests with a person's access tokens.
    Person(UserId),
}

/// Which bucket a request draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// `/v1/track` and `/v1/identify`.
    Track,
    /// `/v1/batch`, one token a call.
    Batch,
    /// `/v1/admin`.
    Admin,
}

/// Memory for a body, set aside until this is dropped.
#[derive(Debug)]
pub struct BodyMemory {
    traffic: Share<Traffic>,
    address: Share<IpAddr>,
}

impl Limits {
    /// Full buckets and nothing taken.
    pub fn new(settings: &Settings, timeouts: Timeouts) -> Self {
        let rates = RateLimits::new(
            settings.rates.rate_limit_track,
            settings.rates.rate_limit_batch,
            settings.rates.rate_limit_admin,
        );
        Self::of(rates, timeouts, settings.queries.query_slots.get())
    }

    fn of(rates: RateLimits, timeouts: Timeouts, query_slots: usize) -> Self {
        Self {
            rates,
            heavy: HeavyWork::default(),
            timeouts,
            queries: Slots::new(query_slots, query_slots / 2),
            exports: Slots::new(EXPORTS.0, EXPORTS.1),
            sign_ins: SignInLimits::default(),
            usage: UsageMeter::default(),
            bodies_of_traffic: Shares::new(BODY_BYTES_EACH, BODY_BYTES),
            bodies_of_address: Shares::new(BODY_BYTES_EACH, usize::MAX),
            unidentified_of_address: Shares::new(UNIDENTIFIED_BYTES_EACH, usize::MAX),
            drains: Arc::new(Semaphore::new(DRAINS)),
        }
    }

    /// For tests: no limit on rates, and the ordinary bounds on everything else.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        use crate::config::RateLimit;
        Self::of(RateLimits::new(RateLimit::Off, RateLimit::Off, RateLimit::Off), Timeouts::default(), 1)
    }

    /// An empty reservation, which grows with the body.
    pub fn body_memory(&self, traffic: Traffic, address: IpAddr) -> BodyMemory {
        let of_address = match traffic {
            Traffic::Unidentified => &self.unidentified_of_address,
            _ => &self.bodies_of_address,
        };
        BodyMemory { traffic: self.bodies_of_traffic.of(traffic), address: of_address.of(network(address)) }
    }

    /// Bytes set aside for bodies now.
    pub fn body_bytes(&self) -> usize {
        self.bodies_of_traffic.sum()
    }

    /// A slot to read the rest of a refused body, until the permit is dropped; none if all are
    /// taken.
    pub fn drain_slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.drains).try_acquire_owned().ok()
    }

    /// Forgets the buckets of projects that have been quiet, so that memory follows the traffic.
    pub fn forget_quiet_projects(&self) {
        self.rates.forget_full();
    }
}

impl BodyMemory {
    /// Reserves so many bytes more; an error if the share or the whole is used up.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Busy> {
        let refused = |what| Busy { what, retry_after_s: 1 };
        self.traffic.grow(bytes).map_err(|exhausted| {
            refused(match exhausted {
                Exhausted::Share => "the bodies of these keys take their whole share of memory",
                Exhausted::Budget => "too many bodies in memory",
            })
        })?;
        self.address
            .grow(bytes)
            .map_err(|_| refused("the bodies of this address take its whole share of memory"))
    }
}

/// The address under which a client is counted: an IPv4 address, or the first 64 bits of an IPv6 address,
/// since one client mostly has all addresses that begin with them.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (!0 << 64))),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn neither_a_key_nor_an_address_takes_more_than_its_share_of_body_memory() {
        let limits = Limits::for_tests();
        let [a, b] = [1, 2].map(|number| ProjectId::new(Uuid::from_u128(number)));
        let memory = |traffic, from| limits.body_memory(traffic, address(from));
        let refused = |memory: &mut BodyMemory| memory.grow(1).is_err();
        let mut held = memory(Traffic::Browsers(a), "192.0.2.1");
        held.grow(BODY_BYTES_EACH).unwrap();
        assert!(refused(&mut memory(Traffic::Browsers(a), "192.0.2.2")), "the project's browsers");
        assert!(refused(&mut memory(Traffic::Browsers(b), "192.0.2.1")), "the address");
        let mut own = memory(Traffic::Servers(a), "192.0.2.2");
        own.grow(BODY_BYTES_EACH).unwrap();
        assert!(refused(&mut memory(Traffic::Browsers(b), "::ffff:192.0.2.2")), "the same address");
        let mut network = memory(Traffic::Browsers(b), "2001:db8::1");
        network.grow(BODY_BYTES_EACH).unwrap();
        assert!(refused(&mut memory(Traffic::Servers(b), "2001:db8::2")), "the same network");
        memory(Traffic::Servers(b), "2001:db8:0:1::1").grow(BODY_BYTES_EACH).unwrap();
        drop((held, own, network));
        assert_eq!(limits.body_bytes(), 0);
    }

    #[test]
    fn bodies_without_a_known_key_take_little_of_an_address_and_one_share_in_all() {
        let limits = Limits::for_tests();
        let memory = |from: u32| limits.body_memory(Traffic::Unidentified, IpAddr::from(from.to_be_bytes()));
        let mut held: Vec<_> = (1..=8).map(memory).collect();
        held[0].grow(UNIDENTIFIED_BYTES_EACH).unwrap();
        assert!(memory(1).grow(1).is_err(), "the address");
        for memory in &mut held[1..] {
            memory.grow(UNIDENTIFIED_BYTES_EACH).unwrap();
        }
        assert!(memory(9).grow(1).is_err(), "all of them");
        let keyed = Traffic::Browsers(ProjectId::new(Uuid::nil()));
        limits.body_memory(keyed, address("0.0.0.1")).grow(BODY_BYTES_EACH).unwrap();
    }
}
