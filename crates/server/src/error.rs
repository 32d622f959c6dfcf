//! The one table of errors: each code's status and public words, and the shape that clients see.
//!
//! A cause is for the log alone; nothing of it reaches a client. The answer's body is written in
//! one place (`http::response_headers`), which also knows the request's id.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use millimetric_control::ControlError;
use millimetric_events::{QueryLimit, StoreError};
use serde_json::{Map, Value, json};

/// An error code of the contract (section 2): the part of an error that programs may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is explained by its row in the tables below")]
pub enum ErrorCode {
    InvalidPayload,
    InvalidParams,
    InvalidGroupBy,
    SecretKeyInUrl,
    MissingBearerToken,
    MalformedApiKey,
    InvalidApiKey,
    KeyKindMismatch,
    OriginNotAllowed,
    IpNotAllowed,
    InsufficientScope,
    ForgetRequiresSecretKey,
    KeyKindNotAllowed,
    AccountKeyRequired,
    PlanLimit,
    UnknownProjectId,
    UnknownProjectSlug,
    NoProjectsVisible,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    PayloadTooLarge,
    UnsupportedMediaType,
    InvalidRequest,
    RateLimited,
    QuotaExceeded,
    InternalError,
    ForgetFailed,
    UpstreamFailed,
    Overloaded,
    QueryTooLarge,
    StorageFull,
}

impl ErrorCode {
    /// Every code that the server answers.
    pub const ALL: &'static [Self] = &[
        Self::InvalidPayload,
        Self::InvalidParams,
        Self::InvalidGroupBy,
        Self::SecretKeyInUrl,
        Self::MissingBearerToken,
        Self::MalformedApiKey,
        Self::InvalidApiKey,
        Self::KeyKindMismatch,
        Self::OriginNotAllowed,
        Self::IpNotAllowed,
        Self::InsufficientScope,
        Self::ForgetRequiresSecretKey,
        Self::KeyKindNotAllowed,
        Self::AccountKeyRequired,
        Self::PlanLimit,
        Self::UnknownProjectId,
        Self::UnknownProjectSlug,
        Self::NoProjectsVisible,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidRequest,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::InternalError,
        Self::ForgetFailed,
        Self::UpstreamFailed,
        Self::Overloaded,
        Self::QueryTooLarge,
        Self::StorageFull,
    ];

    /// The code, its HTTP status, and one sentence for people that says how to fix it.
    pub const fn row(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::InvalidPayload => (
                "invalid_payload",
                S::BAD_REQUEST,
                "The body is not valid; details name each field and what would be right.",
            ),
            Self::InvalidParams => (
                "invalid_params",
                S::BAD_REQUEST,
                "The query string is not valid; details name each parameter and what would be right.",
            ),
            Self::InvalidGroupBy => (
                "invalid_group_by",
                S::BAD_REQUEST,
                "group_by names an unknown column; details.allowed lists the columns.",
            ),
            Self::SecretKeyInUrl => (
                "secret_key_in_url",
                S::BAD_REQUEST,
                "Only a pk key may stand in a URL, since URLs end up in logs; send this key as `Authorization: Bearer` and rotate it.",
            ),
            Self::MissingBearerToken => {
                ("missing_bearer_token", S::UNAUTHORIZED, "Send a key as `Authorization: Bearer <key>`.")
            }
            Self::MalformedApiKey => (
                "malformed_api_key",
                S::UNAUTHORIZED,
                "This is not a whole key: compare it with the one you were given, character by character.",
            ),
            Self::InvalidApiKey => (
                "invalid_api_key",
                S::UNAUTHORIZED,
                "No such key is valid here: it may be unknown, revoked or expired; mint a new one.",
            ),
            Self::KeyKindMismatch => (
                "key_kind_mismatch",
                S::UNAUTHORIZED,
                "The kind or environment written in this key is not the one it was minted with.",
            ),
            Self::OriginNotAllowed => (
                "origin_not_allowed",
                S::FORBIDDEN,
                "The Origin of this request is not among the project's allowed origins; add it to the project.",
            ),
            Self::IpNotAllowed => (
                "ip_not_allowed",
                S::FORBIDDEN,
                "This key may not be used from this address; change its list of addresses or send from one of them.",
            ),
            Self::InsufficientScope => (
                "insufficient_scope",
                S::FORBIDDEN,
                "This key may not do that; use a key with the scope named in details.",
            ),
            Self::ForgetRequiresSecretKey => (
                "forget_requires_secret_key",
                S::FORBIDDEN,
                "Forgetting somebody takes an sk key; a pk key is public.",
            ),
            Self::KeyKindNotAllowed => (
                "key_kind_not_allowed",
                S::FORBIDDEN,
                "A key of this kind cannot be used here; details.allowed lists the kinds that can.",
            ),
            Self::AccountKeyRequired => (
                "account_key_required",
                S::FORBIDDEN,
                "This address takes an account's key (ak); details.hint names the one for yours.",
            ),
            Self::PlanLimit => (
                "plan_limit",
                S::FORBIDDEN,
                "The project's plan does not include this; details.plan names the plan.",
            ),
            Self::UnknownProjectId => (
                "unknown_project_id",
                S::NOT_FOUND,
                "No project that this key sees has this id; list_projects names them.",
            ),
            Self::UnknownProjectSlug => (
                "unknown_project_slug",
                S::NOT_FOUND,
                "No project that this key sees has this slug; list_projects names them.",
            ),
            Self::NoProjectsVisible => (
                "no_projects_visible",
                S::NOT_FOUND,
                "The account has no project yet; create one with `millimetric project create`.",
            ),
            Self::NotFound => {
                ("not_found", S::NOT_FOUND, "There is nothing at this address; see /docs for the routes.")
            }
            Self::MethodNotAllowed => (
                "method_not_allowed",
                S::METHOD_NOT_ALLOWED,
                "This address does not take this method; the Allow header lists those it takes.",
            ),
            Self::RequestTimeout => (
                "request_timeout",
                S::REQUEST_TIMEOUT,
                "The body did not arrive in time; nothing was stored, send it again.",
            ),
            Self::PayloadTooLarge => (
                "payload_too_large",
                S::PAYLOAD_TOO_LARGE,
                "The body is larger than this route takes, also after decompression; details.max_bytes says how much it takes.",
            ),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                S::UNSUPPORTED_MEDIA_TYPE,
                "Send JSON as application/json or text/plain, plain or with Content-Encoding gzip or zstd.",
            ),
            Self::InvalidRequest => (
                "invalid_request",
                S::BAD_REQUEST,
                "The head of this request is not valid HTTP; details say what is wrong.",
            ),
            Self::RateLimited => {
                ("rate_limited", S::TOO_MANY_REQUESTS, "Too many requests; wait as long as Retry-After says.")
            }
            Self::QuotaExceeded => (
                "quota_exceeded",
                S::TOO_MANY_REQUESTS,
                "The plan's events of this month are used up; change the plan or wait for the next month.",
            ),
            Self::InternalError => (
                "internal_error",
                S::INTERNAL_SERVER_ERROR,
                "Something failed on our side; the request id finds it in the server's log.",
            ),
            Self::ForgetFailed => (
                "forget_failed",
                S::INTERNAL_SERVER_ERROR,
                "The request could not be recorded; nobody was forgotten yet, send it again.",
            ),
            Self::UpstreamFailed => (
                "upstream_failed",
                S::BAD_GATEWAY,
                "A database behind this server does not answer; try again.",
            ),
            Self::Overloaded => (
                "overloaded",
                S::SERVICE_UNAVAILABLE,
                "The server is busy and could not take this request; nothing of it was stored, send it again after Retry-After.",
            ),
            Self::QueryTooLarge => (
                "query_too_large",
                S::SERVICE_UNAVAILABLE,
                "The query needs more time or memory than one query may take; narrow it as details.narrow says.",
            ),
            Self::StorageFull => (
                "storage_full",
                S::SERVICE_UNAVAILABLE,
                "The server's disk is full; nothing of this request was stored, send it again once there is room.",
            ),
        }
    }

    /// The code as clients see it.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Whether the server itself failed, which an operator has to look at. That clients ask for more
    /// than it can do at once is no failure of the server.
    pub const fn is_failure(self) -> bool {
        self.status().as_u16() >= 500 && !matches!(self, Self::Overloaded | Self::QueryTooLarge)
    }

    /// The HTTP status that goes with it.
    pub const fn status(self) -> StatusCode {
        self.row().1
    }
}

/// An error on its way to a client.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// What went wrong.
    pub code: ErrorCode,
    /// Facts for programs, a JSON object.
    pub details: Map<String, Value>,
    /// When to come back, in seconds.
    pub retry_after_s: Option<u64>,
    /// What the log says of it; never shown.
    pub cause: Option<Box<str>>,
    /// The sentence for people, where the code's own says too little.
    message: Option<Box<Sentence>>,
}

/// Boxed to keep `ApiError` small.
#[derive(Debug, Clone)]
struct Sentence(String);

/// What every handler returns.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// An error without details.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, details: Map::new(), retry_after_s: None, cause: None, message: None }
    }

    /// Replaces the code's sentence by a more precise one. Must not contain a key, an address or a
    /// part of a body.
    #[must_use]
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = Some(Box::new(Sentence(message.into())));
        self
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        self.message.as_ref().map_or(self.code.row().2, |sentence| &sentence.0)
    }

    /// Adds one fact.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    /// Says to the log why.
    #[must_use]
    pub fn because(mut self, cause: impl ToString) -> Self {
        self.cause = Some(cause.to_string().into());
        self
    }

    /// A validation error with its two lists (contract, section 2).
    pub fn validation(code: ErrorCode, problems: Problems) -> Self {
        let Problems { fields, mut form, unlisted } = problems;
        if unlisted > 0 {
            form.push(format!("{unlisted} more fields are wrong"));
        }
        Self::new(code).detail("fieldErrors", Value::Object(fields)).detail("formErrors", json!(form))
    }

    /// A validation error about the whole of what was sent.
    pub fn form(code: ErrorCode, message: impl Into<String>) -> Self {
        let mut problems = Problems::default();
        problems.form(message);
        Self::validation(code, problems)
    }
}

/// Number of wrong fields from which on only the first of each further event is listed.
const LISTED: usize = 100;

/// The broken rules of a body or a query string.
#[derive(Debug, Default)]
pub struct Problems {
    fields: Map<String, Value>,
    form: Vec<String>,
    unlisted: usize,
}

impl Problems {
    /// A field (by its path, as `events.17.url`) and what would be right.
    pub fn field(&mut self, path: impl Into<String>, message: impl Into<String>) {
        let messages = self.fields.entry(path).or_insert_with(|| json!([]));
        if let Value::Array(messages) = messages {
            messages.push(Value::String(message.into()));
        }
    }

    /// Adds the wrong fields of one event of a batch. Beyond `LISTED` fields only the first of
    /// each event is listed, so that every wrong event is named and the response stays small.
    pub fn event(&mut self, wrong: impl IntoIterator<Item = (String, String)>) {
        let full = self.fields.len() >= LISTED;
        for (number, (path, message)) in wrong.into_iter().enumerate() {
            if full && number > 0 {
                self.unlisted += 1;
            } else {
                self.field(path, message);
            }
        }
    }

    /// Something about the whole.
    pub fn form(&mut self, message: impl Into<String>) {
        self.form.push(message.into());
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.form.is_empty()
    }

    /// `value` when nothing is wrong, else the error.
    pub fn or<T>(self, code: ErrorCode, value: T) -> ApiResult<T> {
        if self.is_empty() { Ok(value) } else { Err(ApiError::validation(code, self)) }
    }
}

impl IntoResponse for ApiError {
    /// Only status and the error itself; `http::response_headers` writes the body.
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = match error {
            // Nobody waits for the response of what was cancelled.
            StoreError::Overloaded | StoreError::Cancelled => {
                return Self::new(ErrorCode::Overloaded).retry_after(1).because(error);
            }
            StoreError::StorageFull => {
                return Self::new(ErrorCode::StorageFull).retry_after(30).because(error);
            }
            StoreError::QueryTooLarge(limit) => {
                let narrow = match limit {
                    QueryLimit::Time => {
                        "Ask for a shorter range, such as one month instead of a year, or with fewer columns in group_by."
                    }
                    QueryLimit::Memory => {
                        "Ask with fewer columns in group_by, for a column with fewer values, or for a shorter range."
                    }
                };
                return Self::new(ErrorCode::QueryTooLarge)
                    .detail("exceeded", limit.to_string())
                    .detail("narrow", narrow)
                    .retry_after(60)
                    .because(error);
            }
            StoreError::Unavailable(_) => ErrorCode::UpstreamFailed,
            StoreError::NotWritable(_) | StoreError::Corrupt(_) | StoreError::Internal(_) => {
                ErrorCode::InternalError
            }
        };
        Self::new(code).because(error)
    }
}

impl From<ControlError> for ApiError {
    /// What the database itself fails at. What a caller asked wrongly (an unknown project, a slug
    /// that is taken) is told apart where it is asked.
    fn from(error: ControlError) -> Self {
        let code = match error {
            ControlError::StorageFull => {
                return Self::new(ErrorCode::StorageFull).retry_after(30).because(error);
            }
            ControlError::Unavailable(_) => ErrorCode::UpstreamFailed,
            _ => ErrorCode::InternalError,
        };
        Self::new(code).because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_every_error_has_a_sentence() {
        let mut seen = std::collections::HashSet::new();
        for code in ErrorCode::ALL {
            let (name, status, message) = code.row();
            assert!(seen.insert(name), "{name} twice");
            assert!(status.is_client_error() || status.is_server_error(), "{name}");
            assert!(message.ends_with('.'), "{name}");
        }
    }
}
