//! The error codes of the contract (section 2): one table of their names, HTTP statuses and sentences.

use axum::http::StatusCode;

/// Declares [`ErrorCode`] and everything that follows from the code alone, one row for each code.
macro_rules! codes {
    ($($variant:ident: $name:literal, $status:ident, $sentence:literal;)*) => {
        /// An error code: the part of an error that programs may rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is explained by its sentence in the table")]
        pub enum ErrorCode {
            $($variant,)*
        }

        impl ErrorCode {
            /// Every code that the server returns.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code, its HTTP status, and one sentence that says how to fix it.
            pub const fn row(self) -> (&'static str, StatusCode, &'static str) {
                match self {
                    $(Self::$variant => ($name, StatusCode::$status, $sentence),)*
                }
            }
        }
    };
}

codes! {
    InvalidPayload: "invalid_payload", BAD_REQUEST,
        "The body is not valid; details lists each field and what is expected.";
    InvalidParams: "invalid_params", BAD_REQUEST,
        "The parameters are not valid; details lists each and what is expected.";
    InvalidGroupBy: "invalid_group_by", BAD_REQUEST,
        "group_by names an unknown column; details.allowed lists the columns.";
    SecretKeyInUrl: "secret_key_in_url", BAD_REQUEST,
        "Only a pk may be sent in a URL, since URLs end up in logs; send this key as `Authorization: Bearer` and rotate it.";
    MissingBearerToken: "missing_bearer_token", UNAUTHORIZED,
        "Send a key as `Authorization: Bearer <key>`.";
    MalformedApiKey: "malformed_api_key", UNAUTHORIZED,
        "The key is incomplete or mistyped; compare it with the one you copied.";
    InvalidApiKey: "invalid_api_key", UNAUTHORIZED,
        "The key is unknown, revoked or expired; create a new one.";
    KeyKindMismatch: "key_kind_mismatch", UNAUTHORIZED,
        "The kind or environment in the text of this key is not the one it was created with.";
    InvalidSession: "invalid_session", UNAUTHORIZED,
        "This route takes a personal access token (mmt_…) that works, as `Authorization: Bearer`; create one on your profile page.";
    OriginNotAllowed: "origin_not_allowed", FORBIDDEN,
        "The request's Origin is not one of the project's allowed origins; add it in the project's settings.";
    IpNotAllowed: "ip_not_allowed", FORBIDDEN,
        "This key is not allowed from this IP address; send from one of its allowed addresses, or create a key without them.";
    InsufficientScope: "insufficient_scope", FORBIDDEN,
        "This key lacks the required scope; use a key with the scope in details.";
    ForgetRequiresSecretKey: "forget_requires_secret_key", FORBIDDEN,
        "Erasing a user requires an sk; a pk is public.";
    KeyKindNotAllowed: "key_kind_not_allowed", FORBIDDEN,
        "This kind of key is not accepted here; details.allowed lists the accepted kinds.";
    AccountKeyRequired: "account_key_required", FORBIDDEN,
        "This endpoint requires an account key (ak); details.hint names the endpoint for your key.";
    PlanLimit: "plan_limit", FORBIDDEN,
        "The project's plan does not include this; details.plan is the current plan.";
    UnknownProjectId: "unknown_project_id", NOT_FOUND,
        "No project with this id is visible to this key; call list_projects.";
    UnknownProjectSlug: "unknown_project_slug", NOT_FOUND,
        "No project with this slug is visible to this key; call list_projects.";
    NoProjectsVisible: "no_projects_visible", NOT_FOUND,
        "The account has no project yet; create one with `millimetric project create`.";
    NotFound: "not_found", NOT_FOUND,
        "There is no such route or resource; see /docs for the routes.";
    MethodNotAllowed: "method_not_allowed", METHOD_NOT_ALLOWED,
        "This route does not accept this method; the Allow header lists those it accepts.";
    RequestTimeout: "request_timeout", REQUEST_TIMEOUT,
        "The body did not arrive in time; nothing was stored. Send it again.";
    PayloadTooLarge: "payload_too_large", PAYLOAD_TOO_LARGE,
        "The body is too large, before or after decompression; details.max_bytes is the limit.";
    UnsupportedMediaType: "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "Send JSON as application/json or text/plain, uncompressed or with Content-Encoding gzip or zstd.";
    KeyNotLive: "key_not_live", CONFLICT,
        "The key is revoked, expired or already replaced; rotate its successor, or create a new key.";
    PreconditionFailed: "precondition_failed", PRECONDITION_FAILED,
        "It was changed since you read it; read it again, and send the ETag of that response in If-Match.";
    IdempotencyKeyReused: "idempotency_key_reused", UNPROCESSABLE_ENTITY,
        "This Idempotency-Key belongs to another request; use a new one for each request, and repeat it only with the same body.";
    InvalidRequest: "invalid_request", BAD_REQUEST,
        "The request head is not valid HTTP; details says what is wrong.";
    RateLimited: "rate_limited", TOO_MANY_REQUESTS,
        "Too many requests; retry after the time in the Retry-After header.";
    QuotaExceeded: "quota_exceeded", TOO_MANY_REQUESTS,
        "The plan's monthly event quota is used up; change the plan or wait until next month.";
    InternalError: "internal_error", INTERNAL_SERVER_ERROR,
        "Internal error; search the server's log for the request id.";
    ForgetFailed: "forget_failed", INTERNAL_SERVER_ERROR,
        "The erasure request could not be recorded, so nothing was erased; send it again.";
    UpstreamFailed: "upstream_failed", BAD_GATEWAY,
        "A database of this server does not respond; try again.";
    Overloaded: "overloaded", SERVICE_UNAVAILABLE,
        "The server is busy; nothing of this request was stored. Send it again after the time in Retry-After.";
    QueryTooLarge: "query_too_large", SERVICE_UNAVAILABLE,
        "The query exceeded its time or memory limit; details.narrow says how to narrow it.";
    StorageFull: "storage_full", SERVICE_UNAVAILABLE,
        "The server's disk is full; nothing of this request was stored. Send it again once there is free space.";
}

impl ErrorCode {
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
