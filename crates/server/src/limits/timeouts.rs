//! Timeouts for slow clients: every number in one place.

use std::time::Duration;

/// Timeouts and minimum rates. A client that exceeds one loses its own connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// How long the head of a request may take, and how long a connection may be idle between two
    /// requests: 30 s.
    pub head: Duration,
    /// Longest pause within a body, and grace period before [`Self::body_rate`] applies: 5 s.
    /// Beyond: 408 `request_timeout`.
    pub body_silence: Duration,
    /// Longest time for a whole body: 30 s. Beyond: 408 `request_timeout`.
    pub body: Duration,
    /// Minimum average rate of a body in bytes per second: 1 KiB.
    pub body_rate: u32,
    /// Longest time to read and discard the rest of a refused body: 5 s.
    pub drain: Duration,
    /// Longest pause within that rest: 1 s.
    pub drain_silence: Duration,
    /// Longest time that a write may block: 20 s. Each byte written extends it at
    /// [`Self::read_rate`].
    pub write: Duration,
    /// Minimum average rate in bytes per second at which a client reads while writes block: 4 KiB.
    pub read_rate: u32,
    /// Age of a connection from which the next response closes it (`Connection: close`): 10 min.
    pub age: Duration,
    /// Maximum age of a connection, also in the middle of a response: 2 h. An export must be read
    /// within this time; a live view reconnects by itself.
    pub end: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            body_silence: Duration::from_secs(5),
            body: Duration::from_secs(30),
            body_rate: 1024,
            drain: Duration::from_secs(5),
            drain_silence: Duration::from_secs(1),
            write: Duration::from_secs(20),
            read_rate: 4096,
            age: Duration::from_mins(10),
            end: Duration::from_hours(2),
        }
    }
}

impl Timeouts {
    /// Time that so many bytes take at a rate in bytes per second.
    pub fn at_rate(bytes: usize, rate: u32) -> Duration {
        Duration::from_secs_f64(bytes as f64 / f64::from(rate.max(1)))
    }
}
