//! The error codes of the contract (section 2): one table of their names, HTTP statuses, sentences, and what to
//! do about each.

use axum::http::StatusCode;

/// Declares [`ErrorCode`] and everything that follows from the code alone, one row for each code.
macro_rules! codes {
    ($($variant:ident: $name:literal, $status:ident, $sentence:literal, $fix:literal;)*) => {
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

            /// What the client, or the operator, does about it. The reference shows it; responses do not.
            pub const fn fix(self) -> &'static str {
                match self {
                    $(Self::$variant => $fix,)*
                }
            }
        }
    };
}

codes! {
    InvalidPayload: "invalid_payload", BAD_REQUEST,
        "The body is not valid; details lists each field and what is expected.",
        "Correct each field that `details.fieldErrors` names, then send the whole request again: nothing of it was stored.";
    InvalidParams: "invalid_params", BAD_REQUEST,
        "The parameters are not valid; details lists each and what is expected.",
        "Correct each parameter that `details.fieldErrors` names; the reference lists the parameters of the route.";
    InvalidGroupBy: "invalid_group_by", BAD_REQUEST,
        "group_by names an unknown column; details.allowed lists the columns.",
        "Use columns of `details.allowed`, or `properties.<name>` for a property; `/v1/schema?kind=columns` explains them.";
    SecretKeyInUrl: "secret_key_in_url", BAD_REQUEST,
        "Only a pk may be sent in a URL, since URLs end up in logs; send this key as `Authorization: Bearer` and rotate it.",
        "Rotate the key, since logs may contain it now, and send the new one in the `Authorization` header.";
    MissingBearerToken: "missing_bearer_token", UNAUTHORIZED,
        "Send a key as `Authorization: Bearer <key>`.",
        "Add the header `Authorization: Bearer <key>` with a key that the route accepts. If it is set, check that no proxy removes it.";
    MalformedApiKey: "malformed_api_key", UNAUTHORIZED,
        "The key is incomplete or mistyped; compare it with the one you copied.",
        "Copy the whole key again, without quotes or line breaks. If a program reads it from the environment, check that the variable is set.";
    InvalidApiKey: "invalid_api_key", UNAUTHORIZED,
        "The key is unknown, revoked or expired; create a new one.",
        "Check that the key belongs to this server and is listed as active under API keys; if not, create a new one there.";
    KeyKindMismatch: "key_kind_mismatch", UNAUTHORIZED,
        "The kind or environment in the text of this key is not the one it was created with.",
        "Use the key exactly as it was created: `pk`, `sk`, `rk`, `live` and `test` are parts of it and cannot be changed.";
    InvalidSession: "invalid_session", UNAUTHORIZED,
        "This route takes a personal access token (mmt_…) that works, as `Authorization: Bearer`; create one on your profile page.",
        "Create a token on your profile page, or a new one if yours has expired, was revoked, or stands in a URL, and send it as `Authorization: Bearer`.";
    OriginNotAllowed: "origin_not_allowed", FORBIDDEN,
        "The request's Origin is not one of the project's allowed origins; add it in the project's settings.",
        "Add the origin of the page, such as `https://shop.example`, to the allowed origins in the project's settings. A server sends with an `sk`, which needs no origin.";
    IpNotAllowed: "ip_not_allowed", FORBIDDEN,
        "This key is not allowed from this IP address; send from one of its allowed addresses, or create a key without them.",
        "Send from one of the key's addresses, or create a key without an address list. Behind a proxy, the operator sets `--trusted-proxies`.";
    InsufficientScope: "insufficient_scope", FORBIDDEN,
        "This key lacks the required scope; use a key with the scope in details.",
        "Use a key that has the scope in `details`, or create one: an `rk` reads, a `pk` sends, an `sk` does both unless it is restricted.";
    ForgetRequiresSecretKey: "forget_requires_secret_key", FORBIDDEN,
        "Erasing a user requires an sk; a pk is public.",
        "Send the request from a server, with an `sk` of the same project.";
    KeyKindNotAllowed: "key_kind_not_allowed", FORBIDDEN,
        "This kind of key is not accepted here; details.allowed lists the accepted kinds.",
        "Use a key of a kind in `details.allowed`; `details.hint`, if present, names the endpoint for your key.";
    AccountKeyRequired: "account_key_required", FORBIDDEN,
        "This endpoint requires an account key (ak); details.hint names the endpoint for your key.",
        "Create an account key (`ak`), or call the endpoint in `details.hint` with the key that you have.";
    PlanLimit: "plan_limit", FORBIDDEN,
        "The project's plan does not include this; details.plan is the current plan.",
        "Change the plan of the project, or do without this function. A server of your own has no such limits.";
    UnknownProjectId: "unknown_project_id", NOT_FOUND,
        "No project with this id is visible to this key; call list_projects.",
        "Take the id from `list_projects`, or use a key of the account that the project belongs to.";
    UnknownProjectSlug: "unknown_project_slug", NOT_FOUND,
        "No project with this slug is visible to this key; call list_projects.",
        "Take the slug from `list_projects`, or use a key of the account that the project belongs to.";
    NoProjectsVisible: "no_projects_visible", NOT_FOUND,
        "The account has no project yet; create one with `millimetric project create`.",
        "Create a project with `millimetric project create` or in the dashboard.";
    NotFound: "not_found", NOT_FOUND,
        "There is no such route or resource; see /docs for the routes.",
        "Check the path and the ids in it; the reference lists every route.";
    MethodNotAllowed: "method_not_allowed", METHOD_NOT_ALLOWED,
        "This route does not accept this method; the Allow header lists those it accepts.",
        "Use a method that the header `Allow` lists.";
    RequestTimeout: "request_timeout", REQUEST_TIMEOUT,
        "The body did not arrive in time; nothing was stored. Send it again.",
        "Send the same request again, with the same event ids. If it happens often, send smaller batches or compress them.";
    PayloadTooLarge: "payload_too_large", PAYLOAD_TOO_LARGE,
        "The body is too large, before or after decompression; details.max_bytes is the limit.",
        "Split the batch so that each body is smaller than `details.max_bytes`.";
    UnsupportedMediaType: "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "Send JSON as application/json or text/plain, uncompressed or with Content-Encoding gzip or zstd.",
        "Set `Content-Type: application/json`, and encode the body as gzip, as zstd, or not at all.";
    KeyNotLive: "key_not_live", CONFLICT,
        "The key is revoked, expired or already replaced; rotate its successor, or create a new key.",
        "Read the keys of the project: rotate the one that replaced this key, or create a new key.";
    PreconditionFailed: "precondition_failed", PRECONDITION_FAILED,
        "It was changed since you read it; read it again, and send the ETag of that response in If-Match.",
        "Read the resource again, apply your change to what it is now, and send the new `ETag` in `If-Match`.";
    IdempotencyKeyReused: "idempotency_key_reused", UNPROCESSABLE_ENTITY,
        "This Idempotency-Key belongs to another request; use a new one for each request, and repeat it only with the same body.",
        "Use a new `Idempotency-Key` for a new request; send an old one again only with the same method, path and body.";
    InvalidRequest: "invalid_request", BAD_REQUEST,
        "The request head is not valid HTTP; details says what is wrong.",
        "Send the request with a well-formed HTTP client or proxy; `details` says what is wrong with the head.";
    RateLimited: "rate_limited", TOO_MANY_REQUESTS,
        "Too many requests; retry after the time in the Retry-After header.",
        "Wait for the seconds in `Retry-After`, then send the same request again. To send more at once, use `/v1/batch`.";
    QuotaExceeded: "quota_exceeded", TOO_MANY_REQUESTS,
        "The plan's monthly event quota is used up; change the plan or wait until next month.",
        "Wait until the month ends, or change the plan; `details.monthly_events` is the quota.";
    InternalError: "internal_error", INTERNAL_SERVER_ERROR,
        "Internal error; search the server's log for the request id.",
        "Send the request again later, with the same event ids. If it fails again, give the operator the header `X-Request-Id`.";
    ForgetFailed: "forget_failed", INTERNAL_SERVER_ERROR,
        "The erasure request could not be recorded, so nothing was erased; send it again.",
        "Send the request again until the response is 200; nothing was erased yet.";
    UpstreamFailed: "upstream_failed", BAD_GATEWAY,
        "A database of this server does not respond; try again.",
        "Send the request again after a few seconds, with the same event ids.";
    Overloaded: "overloaded", SERVICE_UNAVAILABLE,
        "The server is busy; nothing of this request was stored. Send it again after the time in Retry-After.",
        "Wait for the seconds in `Retry-After`, then send the same request again. Events with the same `event_id` are stored once.";
    QueryTooLarge: "query_too_large", SERVICE_UNAVAILABLE,
        "The query exceeded its time or memory limit; details.narrow says how to narrow it.",
        "Do what `details.narrow` says: a shorter range, or fewer columns in `group_by`.";
    StorageFull: "storage_full", SERVICE_UNAVAILABLE,
        "The server's disk is full; nothing of this request was stored. Send it again once there is free space.",
        "The operator frees disk space or shortens the retention. Clients keep their events and send them again.";
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
    fn codes_are_unique_and_every_error_says_what_to_do() {
        let mut seen = std::collections::HashSet::new();
        for code in ErrorCode::ALL {
            let (name, status, message) = code.row();
            assert!(seen.insert(name), "{name} twice");
            assert!(status.is_client_error() || status.is_server_error(), "{name}");
            assert!(message.ends_with('.') && code.fix().ends_with('.'), "{name}");
            assert_eq!(code.fix().matches('`').count() % 2, 0, "{name}");
        }
    }
}
