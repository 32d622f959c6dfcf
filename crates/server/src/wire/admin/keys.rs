//! Keys as the management API takes and returns them. Only the response that creates a key has its text.

use millimetric_control::{KeyOwner, StoredKey};
use millimetric_core::ids::ProjectId;
use millimetric_core::key::{Env, KeyKind, Scope};
use millimetric_core::time::{DAY_MILLIS, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::fields::Fields;
use crate::config::parse_network;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::keys::{CreatedKey, KeyRequest};

/// The most networks that a key may be used from.
const MAX_NETWORKS: usize = 100;
/// How long a rotated key works if nothing is asked, and at most, in seconds.
const USUAL_GRACE: i64 = DAY_MILLIS / 1000;
const MAX_GRACE: i64 = 90 * USUAL_GRACE;

/// A key, without its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyOut {
    /// Its identifier.
    #[schema(example = "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5")]
    pub id: String,
    /// `pk`, `sk` or `rk`.
    #[schema(example = "sk")]
    pub kind: &'static str,
    /// `live` or `test`.
    #[schema(example = "live")]
    pub env: &'static str,
    /// The visible part of its text.
    #[schema(example = "00c0ffee")]
    pub prefix: String,
    /// What it is called.
    pub label: Option<String>,
    /// What it may do: `ingest`, `read`, `forget`.
    pub scopes: Vec<&'static str>,
    /// The addresses and networks that it may be used from; empty: any.
    pub allowed_ips: Vec<String>,
    /// When it was created.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last used, give or take a minute.
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
    /// When it stops working.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
    /// When its text was first seen in a URL.
    #[schema(format = DateTime)]
    pub exposed_at: Option<String>,
    /// The key that replaced it when it was rotated.
    pub replaced_by: Option<String>,
    /// Whether it works now: neither revoked nor expired.
    pub works: bool,
}

impl KeyOut {
    /// The key at this instant.
    pub fn of(key: &StoredKey, now: Timestamp) -> Self {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: key.id.to_string(),
            kind: key.kind.as_str(),
            env: key.env.as_str(),
            prefix: key.prefix.to_string(),
            label: key.label.as_ref().map(ToString::to_string),
            scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
            allowed_ips: key.allowed_ips.iter().map(ToString::to_string).collect(),
            created_at: key.created_at.to_string(),
            last_used_at: time(key.last_used_at),
            expires_at: time(key.expires_at),
            revoked_at: time(key.revoked_at),
            exposed_at: time(key.exposed_at),
            replaced_by: key.replaced_by.map(|id| id.to_string()),
            works: key.is_live(now),
        }
    }
}

/// `GET …/keys`
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyList {
    /// Newest first, revoked and expired ones included.
    pub keys: Vec<KeyOut>,
    /// Continues the list; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A key that was just created: the only response with its text.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedKeyOut {
    /// The whole key. It cannot be shown again.
    #[schema(example = "sk_live_00c0ffee_…")]
    pub key: String,
    #[allow(missing_docs, reason = "the fields of the key")]
    #[serde(flatten)]
    pub stored: KeyOut,
    /// After a rotation: the key that this one replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<ReplacedKey>,
}

/// The key that another one replaces.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReplacedKey {
    /// Its identifier.
    pub id: String,
    /// Until when it works.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

impl CreatedKeyOut {
    /// The response for a key that was just created.
    pub fn of(created: &CreatedKey, replaces: Option<ReplacedKey>, now: Timestamp) -> Self {
        Self { key: created.text.reveal().to_owned(), stored: KeyOut::of(&created.stored, now), replaces }
    }
}

/// `DELETE …/keys/{key}`
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedKey {
    /// Always true.
    pub ok: bool,
    /// Whether the key worked until now.
    pub was_live: bool,
}

/// `POST …/keys`
#[derive(Debug, ToSchema)]
#[schema(as = NewKey)]
#[allow(dead_code, reason = "describes what `new_key` reads")]
pub struct NewKeyIn {
    /// `pk`, `sk` or `rk`. Account keys (`ak`) are created on the dashboard and the command line only.
    #[schema(example = "sk")]
    kind: String,
    /// `live` (the default) or `test`.
    #[schema(example = "live")]
    env: Option<String>,
    /// What it is called, 1–100 characters.
    #[schema(example = "billing service", max_length = 100)]
    label: Option<String>,
    /// Fewer scopes than the kind has: `ingest`, `read`, `forget`. Absent: all of the kind.
    #[schema(example = json!(["ingest"]))]
    scopes: Option<Vec<String>>,
    /// Addresses and networks that it may be used from, at most 100. Absent: any.
    #[schema(example = json!(["203.0.113.0/24"]))]
    allowed_ips: Option<Vec<String>>,
    /// When it stops working, ISO 8601. Absent: never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// `POST …/keys/{key}/rotate`
#[derive(Debug, ToSchema)]
#[schema(as = KeyRotation)]
#[allow(dead_code, reason = "describes what `grace_millis` reads")]
pub struct RotateKeyIn {
    /// How long the old key works on, in seconds; absent: 24 hours.
    #[schema(minimum = 0, maximum = 7_776_000, default = 86_400, example = 3600)]
    grace_seconds: Option<u32>,
}

/// Reads a new key of a project.
///
/// # Errors
/// `key_kind_not_allowed` for an ak; `invalid_payload`.
pub fn new_key(text: &str, of: ProjectId, now: Timestamp) -> ApiResult<KeyRequest> {
    let mut fields = Fields::of_body(text)?;
    let kind: Option<KeyKind> = fields.required("kind");
    if kind == Some(KeyKind::Ak) {
        return Err(ApiError::new(ErrorCode::KeyKindNotAllowed).detail("allowed", vec!["pk", "sk", "rk"]).saying(
            "An access token cannot create an account key (ak); an owner creates it on the dashboard or the command line.",
        ));
    }
    let env = fields.text("env").unwrap_or(Env::Live);
    let label = fields.text("label");
    let scopes = fields.texts("scopes", |text| {
        text.parse::<Scope>().map_err(|error| error.to_string()).and_then(|scope| match kind {
            Some(kind) if !kind.default_scopes().contains(&scope) => {
                Err(format!("a {kind} key cannot have the scope {scope}"))
            }
            _ => Ok(scope),
        })
    });
    if scopes.as_ref().is_some_and(Vec::is_empty) && fields.problems.is_empty() {
        fields.wrong("scopes", "must have at least one scope; leave it out for all scopes of the kind");
    }
    let allowed_ips = fields.texts("allowed_ips", parse_network).unwrap_or_default();
    if allowed_ips.len() > MAX_NETWORKS {
        fields.wrong("allowed_ips", format!("must have at most {MAX_NETWORKS} entries"));
    }
    let expires_at = fields.read("expires_at", |value| {
        let time = value.as_str().and_then(|text| Timestamp::parse(text).ok());
        time.filter(|at| *at > now)
            .ok_or_else(|| "must be a time in the future like 2030-01-31T00:00:00Z".to_owned())
    });
    fields.finish(kind.map(|kind| KeyRequest {
        label,
        scopes: scopes.unwrap_or_default(),
        allowed_ips,
        expires_at,
        ..KeyRequest::new(KeyOwner::Project(of), kind, env)
    }))
}

/// Reads for how long a rotated key works on, in milliseconds.
pub fn grace_millis(text: &str) -> ApiResult<i64> {
    let mut fields = Fields::of_body(text)?;
    let seconds = fields.read("grace_seconds", |value| {
        let seconds = value.as_i64().filter(|seconds| (0..=MAX_GRACE).contains(seconds));
        seconds.ok_or_else(|| format!("must be a number of seconds from 0 to {MAX_GRACE}"))
    });
    fields.finish(Some(seconds.unwrap_or(USUAL_GRACE) * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn read(text: &str) -> ApiResult<KeyRequest> {
        new_key(text, ProjectId::new(Uuid::nil()), Timestamp::from_millis(0).unwrap())
    }

    #[test]
    fn a_new_key_is_read() {
        let key = read(
            r#"{"kind":"sk","env":"test","label":"x","scopes":["ingest"],"allowed_ips":["10.0.0.1"],"expires_at":"2030-01-31T00:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!((key.kind, key.env, key.scopes), (KeyKind::Sk, Env::Test, vec![Scope::Ingest]));
        assert_eq!(key.allowed_ips[0].to_string(), "10.0.0.1/32");
        assert_eq!(key.expires_at.unwrap().to_string(), "2030-01-31T00:00:00.000Z");
        assert!(read(r#"{"kind":"pk"}"#).unwrap().scopes.is_empty());
    }

    #[test]
    fn what_a_key_cannot_be_is_named() {
        for (body, field) in [
            ("{}", "kind"),
            (r#"{"kind":"xk"}"#, "kind"),
            (r#"{"kind":"pk","scopes":["read"]}"#, "scopes.0"),
            (r#"{"kind":"sk","scopes":[]}"#, "scopes"),
            (r#"{"kind":"sk","env":"prod"}"#, "env"),
            (r#"{"kind":"sk","label":""}"#, "label"),
            (r#"{"kind":"sk","allowed_ips":["300.0.0.1"]}"#, "allowed_ips.0"),
            (r#"{"kind":"sk","expires_at":"1969-01-01T00:00:00Z"}"#, "expires_at"),
            (r#"{"kind":"sk","expires_at":7}"#, "expires_at"),
            (r#"{"kind":"sk","scope":"read"}"#, "scope"),
        ] {
            let error = read(body).unwrap_err();
            let fields = error.details["fieldErrors"].as_object().unwrap();
            assert_eq!(fields.keys().collect::<Vec<_>>(), [field], "{body}");
        }
        assert_eq!(read(r#"{"kind":"ak"}"#).unwrap_err().code, ErrorCode::KeyKindNotAllowed);
    }

    #[test]
    fn the_grace_of_a_rotation_has_bounds() {
        assert_eq!(grace_millis("").unwrap(), DAY_MILLIS);
        assert_eq!(grace_millis(r#"{"grace_seconds":0}"#).unwrap(), 0);
        for wrong in [r#"{"grace_seconds":-1}"#, r#"{"grace_seconds":7776001}"#, r#"{"grace":"1h"}"#] {
            assert!(grace_millis(wrong).is_err(), "{wrong}");
        }
    }
}
