//! What a limit returns when something shared is used up.

/// Something shared is used up for the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Busy {
    /// What is used up, for the log.
    pub what: &'static str,
    /// When to try again, in seconds.
    pub retry_after_s: u64,
}

/// Work on another thread ended without a result: it panicked, or the runtime is shutting down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("work on another thread was lost: {0}")]
pub struct WorkLost(pub String);
