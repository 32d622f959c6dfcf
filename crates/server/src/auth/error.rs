//! Why a request is not authorized, one variant for each check of the contract (section 1).

use millimetric_control::{ControlError, Plan};
use millimetric_core::key::Scope;

use crate::credentials::key_cache::KeyError;

/// Why a request is not authorized.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A key that is no pk is in the URL.
    #[error("a secret key is in the URL")]
    SecretKeyInUrl,
    /// There is no key in the request.
    #[error("the request has no key")]
    MissingKey,
    /// The key is not valid.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A pk from an origin that the project does not list.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The key may not be used from this address.
    #[error("the address is not allowed")]
    AddressNotAllowed,
    /// The key lacks this scope.
    #[error("the key lacks the scope {}", .0.as_str())]
    LacksScope(Scope),
    /// Forgetting takes an sk.
    #[error("erasing a user requires an sk")]
    ForgetTakesSecretKey,
    /// Keys of this kind cannot do this.
    #[error("a key of this kind cannot do this")]
    WrongKind {
        /// The kinds that can.
        allowed: &'static [&'static str],
        /// What to use this key for instead.
        hint: Option<&'static str>,
    },
    /// This takes an ak.
    #[error("this requires an ak")]
    AccountKeyRequired {
        /// What to use this key for instead.
        hint: &'static str,
    },
    /// The project's plan does not include this.
    #[error("the plan does not include this")]
    BeyondPlan(Plan),
    /// No project of the account has this id.
    #[error("there is no project with this id")]
    UnknownProjectId(String),
    /// No project of the account has this slug.
    #[error("there is no project with this slug")]
    UnknownProjectSlug {
        /// The slug.
        slug: String,
        /// The most similar slug of the account; if none is similar, some of its slugs.
        others: Vec<String>,
    },
    /// The account has no project.
    #[error("the account has no project")]
    NoProjects,
    /// The bucket of the route is empty.
    #[error("too many requests")]
    RateLimited {
        /// When the next token is there, in seconds.
        retry_after_s: u64,
    },
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// The result of an authorization.
pub type AuthResult<T> = Result<T, AuthError>;
