//! What came of one attack.

use std::time::Duration;

use xtask::abuse::Attack;

use super::counts::Counts;
use super::figures::Figures;
use super::normal::Observed;

/// How an attack ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As planned.
    Whole,
    /// Its requests took longer than the whole attack may.
    Slow,
    /// The server became so large that the attack was ended.
    TooLarge,
    /// The server ended.
    Ended,
}

/// One attack with everything that was observed beside it.
#[derive(Debug, Clone)]
pub(crate) struct AttackResult {
    pub(crate) attack: Attack,
    pub(crate) outcome: Outcome,
    pub(crate) counts: Counts,
    pub(crate) figures: Figures,
    pub(crate) observed: Observed,
    pub(crate) lasted: Duration,
    /// Resident memory in MB: the highest, and at the end of the observation; not a number when the
    /// server had ended.
    pub(crate) peak: f64,
    /// See `peak`.
    pub(crate) afterwards: f64,
    /// Panics in the server's output.
    pub(crate) panics: usize,
    /// Whether the server was there until the end of the observation.
    pub(crate) alive: bool,
    /// How long it took to stop, or why it did not.
    pub(crate) stopped: Result<Duration, String>,
}
