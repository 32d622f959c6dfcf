//! What can go wrong in an operation, without the words and codes of any interface.

use millimetric_control::{ControlError, Plan};
use millimetric_core::ingest::validate::FieldError;
use millimetric_events::StoreError;

use crate::credentials::passwords::HashError;
use crate::limits::busy::{Busy, WorkLost};
use crate::limits::quota::ReserveError;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// There is no such thing, or none that the holder of the right may see.
    #[error("not found")]
    NotFound,
    /// There is no event with this id, or none that is kept.
    #[error("there is no event {0:?}")]
    UnknownEvent(String),
    /// Something shared is used up for the moment.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The plan's events of this month are used up.
    #[error("the plan's monthly event quota is used up")]
    QuotaUsedUp {
        /// The plan.
        plan: Plan,
        /// Its events of a month.
        monthly_events: u64,
        /// When the next month begins, in seconds from now.
        retry_after_s: u64,
    },
    /// The request to forget a person could not be recorded or queued.
    #[error("an erasure request could not be queued: {0}")]
    ForgetFailed(String),
    /// The event store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The same `Idempotency-Key` came with another request, or its response can no longer be decrypted.
    #[error("the Idempotency-Key belongs to another request")]
    IdempotencyKeyReused,
    /// Something failed inside of the server.
    #[error("{0}")]
    Internal(String),
}

/// The result of an operation.
pub type OpsResult<T> = Result<T, OpsError>;

/// Why events were not stored.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Some events are not valid: each with its index in the request and what is wrong with it.
    #[error("{} events are not valid", .0.len())]
    Invalid(Vec<(usize, Vec<FieldError>)>),
    /// Everything else.
    #[error(transparent)]
    Failed(#[from] OpsError),
}

impl OpsError {
    /// A failure inside of the server.
    pub fn internal(cause: impl ToString) -> Self {
        Self::Internal(cause.to_string())
    }
}

impl From<WorkLost> for OpsError {
    fn from(lost: WorkLost) -> Self {
        Self::internal(lost)
    }
}

impl From<getrandom::Error> for OpsError {
    fn from(error: getrandom::Error) -> Self {
        Self::internal(error)
    }
}

impl From<HashError> for OpsError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy(busy) => Self::Busy(busy),
            HashError::Failed(cause) => Self::Internal(cause),
        }
    }
}

impl From<ReserveError> for OpsError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::UsedUp { plan, monthly_events, retry_after_s } => {
                Self::QuotaUsedUp { plan, monthly_events, retry_after_s }
            }
            ReserveError::Control(error) => Self::Control(error),
        }
    }
}
