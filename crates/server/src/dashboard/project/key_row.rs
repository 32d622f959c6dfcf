//! A key as the tables show it: never more than its prefix.

use millimetric_control::StoredKey;
use millimetric_core::time::{DAY_MILLIS, Timestamp};

use crate::dashboard::format::{ago, date_time};

/// Days without use after which a key is marked.
const STALE_DAYS: i64 = 90;

/// A row.
pub(in crate::dashboard) struct KeyRow {
    pub(in crate::dashboard) id: String,
    /// Kind, env and prefix, as the key begins.
    pub(in crate::dashboard) name: String,
    pub(in crate::dashboard) kind: &'static str,
    pub(in crate::dashboard) env: &'static str,
    pub(in crate::dashboard) label: String,
    pub(in crate::dashboard) created: String,
    pub(in crate::dashboard) last_used: String,
    /// Days without use, if at least [`STALE_DAYS`].
    pub(in crate::dashboard) stale_days: Option<i64>,
    pub(in crate::dashboard) expires: String,
    /// Scopes and networks, where they are not those that every such key has.
    pub(in crate::dashboard) limits: Vec<String>,
    /// It was sent in a URL.
    pub(in crate::dashboard) exposed: bool,
    /// It has a successor.
    pub(in crate::dashboard) replaced: bool,
    pub(in crate::dashboard) revoked: bool,
}

impl KeyRow {
    /// The row of a key at this instant.
    pub(in crate::dashboard) fn of(key: &StoredKey, now: Timestamp) -> Self {
        let idle = (now.millis() - key.last_used_at.unwrap_or(key.created_at).millis()) / DAY_MILLIS;
        let works = key.is_live(now);
        let ended = key.revoked_at.or(key.expires_at);
        Self {
            id: key.id.to_string(),
            name: format!("{}_{}_{}", key.kind, key.env, key.prefix),
            kind: key.kind.as_str(),
            env: key.env.as_str(),
            label: key.label.as_ref().map(ToString::to_string).unwrap_or_default(),
            created: date_time(key.created_at),
            last_used: key.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, now)),
            stale_days: (works && idle >= STALE_DAYS).then_some(idle),
            expires: if works { key.expires_at } else { ended }.map_or_else(|| "never".to_owned(), date_time),
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
