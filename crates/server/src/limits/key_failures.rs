//! Rate limit of failed key verifications per client address: each costs a query of the control
//! database. Verified keys are not counted, so clients that share an address with an attacker keep
//! working.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::buckets::{AddressBuckets, Quota};
use super::network;

/// Failures of one address at once.
const BURST: u32 = 100;
/// Time until one more is allowed: ten a second.
const EVERY: Duration = Duration::from_millis(100);
/// Addresses with a bucket of their own; all others share one.
const ADDRESSES: usize = 16_384;

/// The buckets, one for each client address (IPv6: for each network of 64 bits).
#[derive(Debug)]
pub struct KeyFailures {
    buckets: Mutex<AddressBuckets>,
    started: Instant,
}

impl Default for KeyFailures {
    fn default() -> Self {
        Self { buckets: Mutex::default(), started: Instant::now() }
    }
}

impl KeyFailures {
    /// Takes a token before a verification; if the address has none left, the time until the next.
    pub fn take(&self, from: Option<IpAddr>) -> Result<(), Duration> {
        let (quota, now) = (Quota::new(BURST, EVERY), self.now());
        let taken = self.buckets.lock().bucket(client(from), ADDRESSES, now).take(quota, now);
        taken.map(drop)
    }

    /// Puts the token back after a verification that succeeded.
    pub fn put_back(&self, from: Option<IpAddr>) {
        let now = self.now();
        self.buckets.lock().bucket(client(from), ADDRESSES, now).put_back(Quota::new(BURST, EVERY));
    }

    /// Removes full buckets, so that memory follows the traffic.
    pub fn forget_full(&self) {
        self.buckets.lock().forget_full(self.now());
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}

/// The client; requests without an address count as one.
fn client(from: Option<IpAddr>) -> IpAddr {
    from.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_wrong_keys_are_looked_up_and_right_ones_count_for_nothing() {
        let failures = KeyFailures::default();
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| Some(ip.parse().unwrap()));
        for _ in 0..1000 {
            failures.take(one).unwrap();
            failures.put_back(one);
        }
        let taken = (0..1000).filter(|_| failures.take(one).is_ok()).count();
        assert!((100..300).contains(&taken), "{taken}");
        let refused = (0..1000).find_map(|_| failures.take(one).err()).unwrap();
        assert!(refused > Duration::ZERO && refused <= EVERY, "{refused:?}");
        assert!(failures.take(other).is_ok());
    }
}
