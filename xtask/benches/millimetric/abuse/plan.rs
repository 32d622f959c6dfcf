//! The sizes of a campaign: the full one, and the one of a minute, which runs a debug build.

use std::time::Duration;

use xtask::abuse::AbuseArguments;

/// How long and how much.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Decides every choice.
    pub(crate) seed: u64,
    /// Mutated requests in all.
    pub(crate) requests: u64,
    /// How long the normal clients are alone before each attack.
    pub(crate) before: Duration,
    /// How long each attack lasts, except the one that counts its requests.
    pub(crate) attack: Duration,
    /// After each attack, the time within which everything has to be back to normal.
    pub(crate) recovery: Duration,
    /// How long the normal clients are observed from then on.
    pub(crate) after: Duration,
    /// Events of the large project, and of the small one.
    pub(crate) large_events: u64,
    /// See `large_events`.
    pub(crate) small_events: u64,
    /// Events of one batch of the name flood, and new property names of each.
    pub(crate) flood: (usize, usize),
    /// Batches of the name flood, at most, so that the disk stays small.
    pub(crate) flood_batches: u64,
    /// Clients that send one body slowly, for each way of doing so.
    pub(crate) slow_bodies: usize,
    /// Bytes of a body that is small on the wire.
    pub(crate) inflated_bytes: usize,
    /// Connections that are held open.
    pub(crate) connections: usize,
    /// Clients with heavy queries.
    pub(crate) heavy_readers: usize,
    /// Whether a missed time fails the run. In the one-minute form times only inform.
    pub(crate) timed: bool,
}

impl Plan {
    /// The plan that the command line asks for.
    pub(crate) fn of(arguments: &AbuseArguments) -> Self {
        let full = Self {
            seed: arguments.seed,
            requests: arguments.requests,
            before: Duration::from_secs(5),
            attack: Duration::from_secs(arguments.seconds),
            recovery: Duration::from_secs(5),
            after: Duration::from_secs(5),
            large_events: 1_000_000,
            small_events: 20_000,
            flood: (1000, 400),
            flood_batches: 60,
            slow_bodies: 32,
            inflated_bytes: 256 * 1024 * 1024,
            connections: 8192,
            heavy_readers: 150,
            timed: true,
        };
        if !arguments.short {
            return full;
        }
        Self {
            before: Duration::from_secs(1),
            recovery: Duration::from_secs(1),
            after: Duration::from_secs(1),
            large_events: 20_000,
            small_events: 2000,
            flood: (250, 200),
            flood_batches: 12,
            slow_bodies: 8,
            inflated_bytes: 24 * 1024 * 1024,
            connections: 1024,
            heavy_readers: 40,
            timed: false,
            ..full
        }
    }
}
