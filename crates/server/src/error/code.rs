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

            /// The code, its HTTP status, and one sentence for people that says how to fix it.
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
        "The body is not valid; details name each field and what would be right.";
    InvalidParams: "invalid_params", BAD_REQUEST,
        "The query string is not valid; details name each parameter and what would be right.";
    InvalidGroupBy: "invalid_group_by", BAD_REQUEST,
        "group_by names an unknown column; details.allowed lists the columns.";
    SecretKeyInUrl: "secret_key_in_url", BAD_REQUEST,
        "Only a pk key may stand in a URL, since URLs end up in logs; send this key as `Authorization: Bearer` and rotate it.";
    MissingBearerToken: "missing_bearer_token", UNAUTHORIZED,
        "Send a key as `Authorization: Bearer <key>`.";
    MalformedApiKey: "malformed_api_key", UNAUTHORIZED,
        "This is not a whole key: compare it with the one you were given, character by character.";
    InvalidApiKey: "invalid_api_key", UNAUTHORIZED,
        "No such key is valid here: it may be unknown, revoked or expired; mint a new one.";
    KeyKindMismatch: "key_kind_mismatch", UNAUTHORIZED,
        "The kind or environment written in this key is not the one it was minted with.";
    OriginNotAllowed: "origin_not_allowed", FORBIDDEN,
        "The Origin of this request is not among the project's allowed origins; add it to the project.";
    IpNotAllowed: "ip_not_allowed", FORBIDDEN,
        "This key may not be used from this address; change its list of addresses or send from one of them.";
    InsufficientScope: "insufficient_scope", FORBIDDEN,
        "This key may not do that; use a key with the scope named in details.";
    ForgetRequiresSecretKey: "forget_requires_secret_key", FORBIDDEN,
        "Forgetting somebody takes an sk key; a pk key is public.";
    KeyKindNotAllowed: "key_kind_not_allowed", FORBIDDEN,
        "A key of this kind cannot be used here; details.allowed lists the kinds that can.";
    AccountKeyRequired: "account_key_required", FORBIDDEN,
        "This address takes an account's key (ak); details.hint names the one for yours.";
    PlanLimit: "plan_limit", FORBIDDEN,
        "The project's plan does not include this; details.plan names the plan.";
    UnknownProjectId: "unknown_project_id", NOT_FOUND,
        "No project that this key sees has this id; list_projects names them.";
    UnknownProjectSlug: "unknown_project_slug", NOT_FOUND,
        "No project that this key sees has this slug; list_projects names them.";
    NoProjectsVisible: "no_projects_visible", NOT_FOUND,
        "The account has no project yet; create one with `millimetric project create`.";
    NotFound: "not_found", NOT_FOUND,
        "There is nothing at this address; see /docs for the routes.";
    MethodNotAllowed: "method_not_allowed", METHOD_NOT_ALLOWED,
        "This address does not take this method; the Allow header lists those it takes.";
    RequestTimeout: "request_timeout", REQUEST_TIMEOUT,
        "The body did not arrive in time; nothing was stored, send it again.";
    PayloadTooLarge: "payload_too_large", PAYLOAD_TOO_LARGE,
        "The body is larger than this route takes, also after decompression; details.max_bytes says how much it takes.";
    UnsupportedMediaType: "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "Send JSON as application/json or text/plain, plain or with Content-Encoding gzip or zstd.";
    InvalidRequest: "invalid_request", BAD_REQUEST,
        "The head of this request is not valid HTTP; details say what is wrong.";
    RateLimited: "rate_limited", TOO_MANY_REQUESTS,
        "Too many requests; wait as long as Retry-After says.";
    QuotaExceeded: "quota_exceeded", TOO_MANY_REQUESTS,
        "The plan's events of this month are used up; change the plan or wait for the next month.";
    InternalError: "internal_error", INTERNAL_SERVER_ERROR,
        "Something failed on our side; the request id finds it in the server's log.";
    ForgetFailed: "forget_failed", INTERNAL_SERVER_ERROR,
        "The request could not be recorded; nobody was forgotten yet, send it again.";
    UpstreamFailed: "upstream_failed", BAD_GATEWAY,
        "A database behind this server does not answer; try again.";
    Overloaded: "overloaded", SERVICE_UNAVAILABLE,
        "The server is busy and could not take this request; nothing of it was stored, send it again after Retry-After.";
    QueryTooLarge: "query_too_large", SERVICE_UNAVAILABLE,
        "The query needs more time or memory than one query may take; narrow it as details.narrow says.";
    StorageFull: "storage_full", SERVICE_UNAVAILABLE,
        "The server's disk is full; nothing of this request was stored, send it again once there is room.";
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
