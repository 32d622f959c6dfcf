//! What a group must leave out: events that are stored already, and events of people who were erased.

use std::collections::{BTreeSet, HashMap};

use millimetric_core::event::{Event, EventScope};
use millimetric_events::StoreError;
use serde_json::Value;

use super::Batch;
use crate::client::{Client, QueryLimits};
use crate::keys::{self, Key, KeyedHash};
use crate::sql::{self, Sql};

/// What is added for imports. It is not part of every lookup, which could then not skip old parts.
const OR_OLDER: &str = "OR toUnixTimestamp64Milli(timestamp) BETWEEN {from:Int64} AND {to:Int64}";

/// What a group must leave out.
#[derive(Default)]
pub(super) struct LeftOut {
    /// Stored events, by their ids.
    stored: HashMap<String, Vec<Found>>,
    /// Erased people, and the time before which their events are erased.
    erased: HashMap<(EventScope, Key), i64>,
}

/// A stored event.
struct Found {
    scope: EventScope,
    at: i64,
    /// Whether it was inserted in the last eight days.
    is_recent: bool,
}

impl LeftOut {
    /// Looks up which events of these batches were inserted in the last eight days, of imported ones also those
    /// that were inserted before with a timestamp from the first to the last of the imported events, and which
    /// people of their projects were erased.
    pub(super) async fn of(
        client: &Client,
        limits: &QueryLimits,
        hash: KeyedHash,
        batches: &[Batch],
    ) -> Result<Self, StoreError> {
        let events = || batches.iter().flat_map(|batch| &batch.events);
        let ids = events().map(|event| &*event.event_id).collect();
        let asked = Asked {
            projects: batches.iter().map(|batch| batch.scope.project.to_string()).collect(),
            envs: batches.iter().map(|batch| batch.scope.env.as_str()).collect(),
            times: times(batches),
        };
        Self::looked_up(client, limits, &asked.statement(ids, &people(hash, events()))).await
    }

    /// Looks up which people of these events of a scope were erased, and no events.
    pub(super) async fn erased_of(
        client: &Client,
        limits: &QueryLimits,
        hash: KeyedHash,
        (scope, events): (EventScope, &[Event]),
    ) -> Result<Self, StoreError> {
        let asked = Asked {
            projects: BTreeSet::from([scope.project.to_string()]),
            envs: BTreeSet::from([scope.env.as_str()]),
            times: None,
        };
        Self::looked_up(client, limits, &asked.statement(BTreeSet::new(), &people(hash, events))).await
    }

    async fn looked_up(client: &Client, limits: &QueryLimits, lookup: &Sql) -> Result<Self, StoreError> {
        let mut left_out = Self::default();
        for row in client.rows(lookup, limits).await? {
            left_out.add(&row);
        }
        Ok(left_out)
    }

    fn add(&mut self, row: &[Value]) {
        let [kind, project, env, id, at, is_recent] = row else { return };
        let text = |value| Value::as_str(value).unwrap_or_default();
        // A scope that cannot be read is none that events are stored in.
        let (Ok(project), Ok(env)) = (text(project).parse(), text(env).parse()) else { return };
        let (scope, at) = (EventScope { project, env }, at.as_i64().unwrap_or_default());
        if text(kind) == "stored" {
            let found = Found { scope, at, is_recent: is_recent.as_u64() == Some(1) };
            self.stored.entry(text(id).to_owned()).or_default().push(found);
        } else if let Some(key) = keys::from_hex(text(id)) {
            self.erased.insert((scope, key), at);
        }
    }

    /// Whether an event is stored: in the last eight days, or also with this timestamp.
    pub(super) fn is_stored(&self, scope: EventScope, id: &str, same_time: Option<i64>) -> bool {
        let counts = |found: &Found| found.scope == scope && (found.is_recent || Some(found.at) == same_time);
        self.stored.get(id).is_some_and(|found| found.iter().any(counts))
    }

    /// Whether the user or the visitor of an event was erased after this time.
    pub(super) fn is_erased(&self, scope: EventScope, (user, visitor): (Key, Key), at: i64) -> bool {
        let is_erased = |key| self.erased.get(&(scope, key)).is_some_and(|before| at < *before);
        !self.erased.is_empty() && (is_erased(user) || is_erased(visitor))
    }
}

/// Where events are looked up.
struct Asked {
    projects: BTreeSet<String>,
    envs: BTreeSet<&'static str>,
    /// The earliest and the latest timestamp of imported events.
    times: Option<(i64, i64)>,
}

impl Asked {
    /// The statement that looks up these ids, and who of these people was erased.
    fn statement(&self, ids: BTreeSet<&str>, people: &BTreeSet<String>) -> Sql {
        let text = include_str!("known.sql").replace("/* or older */", self.times.map_or("", |_| OR_OLDER));
        let sql = Sql::new(text)
            .with_texts("ids", ids)
            .with_texts("people", people.iter().map(String::as_str))
            .bind("projects", sql::strings(self.projects.iter().map(String::as_str)))
            .bind("envs", sql::strings(self.envs.iter().copied()));
        match self.times {
            Some((from, to)) => sql.bind("from", from.to_string()).bind("to", to.to_string()),
            None => sql,
        }
    }
}

/// The keyed hashes of the users and visitors of some events, in hexadecimal digits as ClickHouse writes them.
fn people<'a>(hash: KeyedHash, events: impl IntoIterator<Item = &'a Event>) -> BTreeSet<String> {
    let keys: BTreeSet<Key> =
        events.into_iter().map(|event| hash.of_event(event)).flat_map(<[Key; 2]>::from).collect();
    keys.into_iter().map(hex::encode_upper).collect()
}

/// The earliest and the latest timestamp of imported events; `None` if there are none.
fn times(batches: &[Batch]) -> Option<(i64, i64)> {
    let imported = batches.iter().filter(|batch| batch.is_import).flat_map(|batch| &batch.events);
    let times = imported.map(|event| event.timestamp.millis());
    times.map(|at| (at, at)).reduce(|(from, to), (at, _)| (from.min(at), to.max(at)))
}
