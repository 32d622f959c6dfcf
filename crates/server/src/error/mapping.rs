//! Which code each error of the layers below becomes, with its details: the one place where what went
//! wrong meets HTTP.

use axum::response::{IntoResponse, Response};
use millimetric_control::{Account, ControlError};
use millimetric_core::key::Scope;
use millimetric_events::{LocalError, QueryLimit, StoreError};
use serde_json::json;

use super::{ApiError, ErrorCode, Problems};
use crate::auth::access_tokens::TokenError;
use crate::auth::error::AuthError;
use crate::credentials::key_cache::KeyError;
use crate::limits::busy::{Busy, WorkLost};
use crate::ops::error::OpsError;

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let of = |code| Self::new(code).because(&error);
        match &error {
            // Nobody waits for the response of what was cancelled.
            StoreError::Overloaded | StoreError::Cancelled => of(ErrorCode::Overloaded).retry_after(1),
            StoreError::Local(LocalError::DiskFull) => of(ErrorCode::StorageFull).retry_after(30),
            StoreError::QueryTooLarge(limit) => of(ErrorCode::QueryTooLarge)
                .detail("exceeded", limit.to_string())
                .detail("narrow", how_to_narrow(*limit))
                .retry_after(60),
            StoreError::Unavailable(_) => of(ErrorCode::UpstreamFailed),
            StoreError::Local(_) | StoreError::Closing | StoreError::Internal(_) => {
                of(ErrorCode::InternalError)
            }
        }
    }
}

const fn how_to_narrow(limit: QueryLimit) -> &'static str {
    match limit {
        QueryLimit::Time => {
            "Use a shorter range, such as one month instead of a year, or fewer columns in group_by."
        }
        QueryLimit::Memory => {
            "Use fewer columns in group_by, a column with fewer values, or a shorter range."
        }
    }
}

impl From<ControlError> for ApiError {
    /// Failures of the database itself. What a client asked wrongly (an unknown project, a slug that
    /// is taken) is handled where it is asked.
    fn from(error: ControlError) -> Self {
        let of = |code| Self::new(code).because(&error);
        match &error {
            ControlError::StorageFull => of(ErrorCode::StorageFull).retry_after(30),
            ControlError::Unavailable(_) => of(ErrorCode::UpstreamFailed),
            _ => of(ErrorCode::InternalError),
        }
    }
}

impl From<Busy> for ApiError {
    fn from(busy: Busy) -> Self {
        Self::new(ErrorCode::Overloaded).retry_after(busy.retry_after_s).because(busy)
    }
}

impl From<WorkLost> for ApiError {
    fn from(lost: WorkLost) -> Self {
        Self::new(ErrorCode::InternalError).because(lost)
    }
}

impl From<getrandom::Error> for ApiError {
    fn from(error: getrandom::Error) -> Self {
        Self::new(ErrorCode::InternalError).because(error)
    }
}

impl From<OpsError> for ApiError {
    fn from(error: OpsError) -> Self {
        match error {
            OpsError::NotFound => Self::new(ErrorCode::NotFound),
            OpsError::UnknownEvent(id) => Self::new(ErrorCode::NotFound).detail("event_id", id),
            OpsError::Busy(busy) => busy.into(),
            OpsError::QuotaUsedUp { plan, monthly_events, retry_after_s } => {
                Self::new(ErrorCode::QuotaExceeded)
                    .retry_after(retry_after_s)
                    .detail("plan", plan.as_str())
                    .detail("monthly_events", monthly_events)
            }
            OpsError::ForgetFailed(cause) => Self::new(ErrorCode::ForgetFailed).because(cause),
            OpsError::IdempotencyKeyReused => Self::new(ErrorCode::IdempotencyKeyReused),
            OpsError::Store(error) => error.into(),
            OpsError::Control(error) => error.into(),
            OpsError::Internal(cause) => Self::new(ErrorCode::InternalError).because(cause),
        }
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Malformed(None) => Self::new(ErrorCode::MalformedApiKey),
            KeyError::Malformed(Some(why)) => Self::new(ErrorCode::MalformedApiKey).saying(why),
            KeyError::Invalid => Self::new(ErrorCode::InvalidApiKey),
            KeyError::KindMismatch => Self::new(ErrorCode::KeyKindMismatch),
            KeyError::TooManyFailures { retry_after_s } => {
                Self::new(ErrorCode::RateLimited).retry_after(retry_after_s).saying(
                    "Too many invalid keys from this address; check the key, and retry after the time in Retry-After.",
                )
            }
            KeyError::Control(error) => error.into(),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::SecretKeyInUrl => Self::new(ErrorCode::SecretKeyInUrl),
            AuthError::MissingKey => Self::new(ErrorCode::MissingBearerToken),
            AuthError::Key(error) => error.into(),
            AuthError::OriginNotAllowed => Self::new(ErrorCode::OriginNotAllowed),
            AuthError::AddressNotAllowed => Self::new(ErrorCode::IpNotAllowed),
            AuthError::LacksScope(scope) => lacks(scope),
            AuthError::ForgetTakesSecretKey => Self::new(ErrorCode::ForgetRequiresSecretKey),
            AuthError::WrongKind { allowed, hint } => {
                let error = Self::new(ErrorCode::KeyKindNotAllowed).detail("allowed", allowed);
                hint.into_iter().fold(error, |error, hint| error.detail("hint", hint))
            }
            AuthError::AccountKeyRequired { hint } => {
                Self::new(ErrorCode::AccountKeyRequired).detail("hint", hint)
            }
            AuthError::BeyondPlan(plan) => Self::new(ErrorCode::PlanLimit).detail("plan", plan.as_str()),
            AuthError::UnknownProjectId(id) => {
                Self::new(ErrorCode::UnknownProjectId).detail("project_id", id)
            }
            AuthError::UnknownProjectSlug { slug, others } => {
                Self::new(ErrorCode::UnknownProjectSlug).detail("project_slug", slug).detail("others", others)
            }
            AuthError::NoProjects => Self::new(ErrorCode::NoProjectsVisible),
            AuthError::RateLimited { retry_after_s } => {
                Self::new(ErrorCode::RateLimited).retry_after(retry_after_s)
            }
            AuthError::Control(error) => error.into(),
        }
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::InvalidSession => Self::new(ErrorCode::InvalidSession),
            TokenError::TooManyFailures { retry_after_s } => {
                Self::new(ErrorCode::RateLimited).retry_after(retry_after_s).saying(
                    "Too many invalid access tokens from this address; check the token, and retry after the time in Retry-After.",
                )
            }
            TokenError::OnlyReads => Self::new(ErrorCode::InsufficientScope)
                .detail("required", "write")
                .saying("This access token only reads; create one with the scope write."),
            TokenError::RoleTooLow { role, least } => Self::new(ErrorCode::InsufficientScope)
                .detail("role", role.as_str())
                .detail("required_role", least.as_str())
                .saying(format!(
                    "Your role in this account is {role}, and this requires the role {least}; an owner of the account can change your role."
                )),
            TokenError::WhichAccount(accounts) => which_account(&accounts),
            TokenError::NotFound => Self::new(ErrorCode::NotFound),
            TokenError::Auth(error) => error.into(),
            TokenError::Control(error) => error.into(),
        }
    }
}

fn which_account(accounts: &[Account]) -> ApiError {
    let mut problems = Problems::default();
    problems.field(
        "account",
        "is required, since you belong to several accounts: an id or a name of details.accounts",
    );
    let rows: Vec<_> =
        accounts.iter().map(|account| json!({ "id": account.id, "name": account.name.as_str() })).collect();
    ApiError::validation(ErrorCode::InvalidParams, problems).detail("accounts", rows)
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}

fn lacks(scope: Scope) -> ApiError {
    ApiError::new(ErrorCode::InsufficientScope).detail("required", scope.as_str())
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
