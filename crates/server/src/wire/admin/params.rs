//! The parameters that several routes of the management API share, as the API description shows them.

use utoipa::IntoParams;

/// The project in a path.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "describes what auth::access_tokens reads")]
pub struct ProjectParam {
    /// Id or slug of the project.
    #[param(example = "acme-shop")]
    project: String,
}

/// The key in a path.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "describes what api::admin::keys reads")]
pub struct KeyParam {
    /// Id of the key.
    #[param(example = "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5")]
    key: String,
}

/// The condition of a change.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "describes what `IfMatch` reads")]
pub struct IfMatchParam {
    /// The `ETag` of what you read; if it was changed since, 412.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// What makes a `POST` repeatable.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "describes what `Posted` reads")]
pub struct IdempotencyParam {
    /// Makes retries safe: the same key and body return the first response, with the text of a new key, for 24
    /// hours. At most 255 characters.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}
