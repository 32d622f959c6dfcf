//! A key as the tables show it: never more than its prefix.

use millimetric_control::StoredKey;
use millimetric_core::time::Timestamp;

use super::format::{ago, moment};

/// After how many days without use a key stands out.
const STALE_DAYS: i64 = 90;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A row.
pub(super) struct KeyRow {
    pub(super) id: String,
    /// Kind, env and prefix, as the key begins.
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) env: &'static str,
    pub(super) label: String,
    pub(super) created: String,
    pub(super) last_used: String,
    /// Days without use, when they are many.
    pub(super) stale_days: Option<i64>,
    pub(super) expires: String,
    /// Scopes and networks, where they are not those that every such key has.
    pub(super) limits: Vec<String>,
    /// Its text stood in a URL.
    pub(super) exposed: bool,
    /// It has a successor.
    pub(super) replaced: bool,
    pub(super) revoked: bool,
}

impl KeyRow {
    /// The row of a key at this instant.
    pub(super) fn of(key: &StoredKey, now: Timestamp) -> Self {
        let idle = (now.millis() - key.last_used_at.unwrap_or(key.created_at).millis()) / DAY_MILLIS;
        let works = key.is_live(now);
        let ended = key.revoked_at.or(key.expires_at);
        Self {
            id: key.id.to_string(),
            name: format!("{}_{}_{}", key.kind, key.env, key.prefix),
            kind: key.kind.as_str(),
            env: key.env.as_str(),
            label: key.label.as_ref().map(ToString::to_string).unwrap_or_default(),
            created: moment(key.created_at),
            last_used: key.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, now)),
            stale_days: (works && idle >= STALE_DAYS).then_some(idle),
            expires: if works { key.expires_at } else { ended }.map_or_else(|| "never".to_owned(), moment),
            limits: limits(key),
            exposed: key.exposed_at.is_some(),
            replaced: key.replaced_by.is_some(),
            revoked: key.revoked_at.is_some(),
        }
    }
}

fn limits(key: &StoredKey) -> Vec<String> {
    let fewer = key.scopes != key.kind.default_scopes();
    let scopes = key.scopes.iter().filter(|_| fewer).map(|scope| format!("only {scope}"));
    scopes.chain(key.allowed_ips.iter().map(|network| format!("from {network}"))).collect()
}
