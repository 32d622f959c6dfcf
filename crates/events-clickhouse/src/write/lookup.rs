//! What a group must leave out: events that are stored already, and events of people who were erased.

use std::collections::{BTreeSet, HashMap};

use millimetric_events::StoreError;
use serde_json::Value;

use crate::client::{Client, QueryLimits};
use crate::keys::{self, Key};
use crate::sql::{self, Sql};

/// Most bytes of a parameter. Servers accept 128 KiB (`http_max_field_value_size`).
const MAX_PARAMETER_BYTES: usize = 120 << 10;
/// What is added for imports. It is not part of every lookup, which could then not skip old parts.
const OR_OLDER: &str = "OR toUnixTimestamp64Milli(timestamp) BETWEEN {from:Int64} AND {to:Int64}";

/// Project, env and id of an event.
pub(super) type EventKey = (String, String, String);

/// The stored events of some ids.
#[derive(Default)]
pub(super) struct Known(HashMap<EventKey, Vec<Found>>);

/// A stored event.
struct Found {
    at: i64,
    /// Whether it was inserted in the last eight days.
    is_recent: bool,
}

impl Known {
    /// Looks up the events with these ids in these scopes that were inserted in the last eight days; with `times`,
    /// also older ones from the first to the last of these timestamps.
    pub(super) async fn of(
        client: &Client,
        limits: &QueryLimits,
        keys: &BTreeSet<EventKey>,
        times: Option<(i64, i64)>,
    ) -> Result<Self, StoreError> {
        let mut known = Self::default();
        for part in parts(keys) {
            let rows = client.rows(&statement(&part, times), limits).await?;
            for row in &rows {
                known.add(row);
            }
        }
        Ok(known)
    }

    fn add(&mut self, row: &[Value]) {
        let [project, env, id, at, is_recent] = row else { return };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found = Found { at: at.as_i64().unwrap_or_default(), is_recent: is_recent.as_u64() == Some(1) };
        self.0.entry((text(project), text(env), text(id))).or_default().push(found);
    }

    /// Whether an event is stored: in the last eight days, or also with this timestamp.
    pub(super) fn contains(&self, key: &EventKey, same_time: Option<i64>) -> bool {
        let counts = |found: &Found| found.is_recent || Some(found.at) == same_time;
        self.0.get(key).is_some_and(|found| found.iter().any(counts))
    }
}

/// The statement that looks up some ids.
fn statement(part: &[&EventKey], times: Option<(i64, i64)>) -> Sql {
    let texts = |text: fn(&EventKey) -> &str| {
        let distinct: BTreeSet<&str> = part.iter().map(|key| text(key)).collect();
        sql::strings(distinct)
    };
    let older = times.map_or("", |_| OR_OLDER);
    let sql = Sql::new(include_str!("known.sql").replace("/* or older */", older))
        .bind("projects", texts(|key| &key.0))
        .bind("envs", texts(|key| &key.1))
        .bind("ids", texts(|key| &key.2));
    match times {
        Some((from, to)) => sql.bind("from", from.to_string()).bind("to", to.to_string()),
        None => sql,
    }
}

/// Splits ids into parts that fit into a request.
fn parts(keys: &BTreeSet<EventKey>) -> Vec<Vec<&EventKey>> {
    let mut parts: Vec<Vec<&EventKey>> = Vec::new();
    let mut bytes = usize::MAX;
    for key in keys {
        // Two quotes and a comma.
        let length = sql::string(&key.2).len() + 3;
        if bytes.saturating_add(length) > MAX_PARAMETER_BYTES {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += length;
        if let Some(part) = parts.last_mut() {
            part.push(key);
        }
    }
    parts
}

/// The people who were erased, of some.
#[derive(Default)]
pub(super) struct Erased(HashMap<(String, String, Key), i64>);

impl Erased {
    /// Looks up which of these people were erased in these projects.
    pub(super) async fn of(
        client: &Client,
        limits: &QueryLimits,
        projects: &BTreeSet<String>,
    ) -> Result<Self, StoreError> {
        let projects = sql::strings(projects.iter().map(String::as_str));
        let statement = Sql::new(include_str!("erased.sql")).bind("projects", projects);
        let mut erased = Self::default();
        for row in client.rows(&statement, limits).await? {
            let [project, env, key, at] = &row[..] else { continue };
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            if let (Some(key), Some(at)) = (keys::from_hex(&text(key)), at.as_i64()) {
                erased.0.insert((text(project), text(env), key), at);
            }
        }
        Ok(erased)
    }

    /// Whether the user or the visitor of an event was erased after this time.
    pub(super) fn contains(&self, project: &str, env: &str, (user, visitor): (Key, Key), at: i64) -> bool {
        let is_erased = |key: Key| {
            let before = self.0.get(&(project.to_owned(), env.to_owned(), key));
            before.is_some_and(|before| at < *before)
        };
        !self.0.is_empty() && (is_erased(user) || is_erased(visitor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_split_into_parts_that_fit_into_a_request() {
        let id = |number: u32| (String::new(), String::new(), format!("{number:0>1000}"));
        let keys: BTreeSet<EventKey> = (0..500).map(id).collect();
        let parts = parts(&keys);
        let lengths: Vec<usize> = parts.iter().map(Vec::len).collect();
        assert_eq!(lengths, [122, 122, 122, 122, 12]);
        assert!(super::parts(&BTreeSet::new()).is_empty());
    }
}
