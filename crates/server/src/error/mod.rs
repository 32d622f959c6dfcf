//! Errors as clients see them: the code table (`code`), the error itself, and which code each error
//! of the layers below becomes (`mapping`).
//!
//! A cause is for the log alone; nothing of it reaches a client. The body is written by
//! `http::response_headers`, which knows the request's id.

mod code;
mod mapping;
mod problems;

use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

pub use self::code::ErrorCode;
pub use self::problems::Problems;
use crate::telemetry::Metrics;

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

/// The result of a handler.
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

    /// Logs a request that was not served as asked: a failure of the server as an error, what clients
    /// do wrong for debugging. Refusals under load are a warning. Failures are at most ten lines a second and
    /// refusals one in ten seconds, so that neither fills the log; further ones are logged for debugging.
    pub fn log(&self, metrics: &Metrics, request_id: Option<&str>, route: &str) {
        let code = self.code.as_str();
        let cause = self.cause.as_deref().unwrap_or_default();
        let is_failure = self.code.is_failure();
        let is_refused_under_load = self.code.status().is_server_error() && !is_failure;
        if is_failure && metrics.failure_line_is_due() {
            tracing::error!(request_id, route, code, cause, "a request failed");
        } else if is_refused_under_load && metrics.load_line_is_due() {
            tracing::warn!(request_id, route, code, cause, "requests are refused: too many at once");
        } else {
            tracing::debug!(request_id, route, code, "a request was refused");
        }
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

impl IntoResponse for ApiError {
    /// Only status and the error itself; `http::response_headers` writes the body.
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// On a response whose page shows its error already: it is logged, and its body is left as it is.
#[derive(Debug, Clone, Copy)]
pub struct ShownAsPage;
