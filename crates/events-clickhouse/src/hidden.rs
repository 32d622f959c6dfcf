//! Which stored events of a scope no response may contain: expired ones, those of erased people until their rows
//! are deleted, and those that a re-classification writes or has replaced.
//!
//! It is read for each query, so that a change counts for all processes at once.

use std::collections::HashMap;
use std::sync::Arc;

use millimetric_core::event::EventScope;
use millimetric_events::StoreError;
use parking_lot::Mutex;
use serde_json::Value;

use crate::client::{Client, QueryLimits};
use crate::sql::{self, Sql};

/// The retention watermark of a deleted scope.
pub(crate) const ALL_EXPIRED: i64 = i64::MAX;

/// Most scopes of which it is remembered what was hidden.
const REMEMBERED: usize = 1_000;

/// What was hidden of each scope when it was read last.
#[derive(Default)]
pub(crate) struct LastHidden {
    scopes: Mutex<HashMap<EventScope, Arc<Hidden>>>,
}

impl LastHidden {
    /// What was hidden of a scope.
    pub(crate) fn of(&self, scope: EventScope) -> Option<Arc<Hidden>> {
        self.scopes.lock().get(&scope).cloned()
    }

    /// Remembers what is hidden of a scope, and returns it.
    pub(crate) fn set(&self, scope: EventScope, hidden: Hidden) -> Arc<Hidden> {
        let (mut scopes, hidden) = (self.scopes.lock(), Arc::new(hidden));
        if scopes.len() >= REMEMBERED {
            scopes.clear();
        }
        scopes.insert(scope, Arc::clone(&hidden));
        hidden
    }
}

/// The events that no response contains.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Hidden {
    project: String,
    env: String,
    /// Earlier events have expired, in milliseconds since 1970.
    expired_before: Option<i64>,
    erased: Vec<Person>,
    /// Re-classifications whose rows are not visible yet.
    begun: Vec<String>,
    /// Re-classifications whose rows have replaced others, which are not deleted yet.
    effective: Vec<String>,
}

/// An erased person.
#[derive(Debug, Clone, PartialEq)]
struct Person {
    /// The id of the request, which has the keyed hashes of the person's ids.
    request: String,
    /// Later events are kept.
    before: i64,
}

impl Hidden {
    /// Reads what is hidden of a scope.
    pub(crate) async fn of(
        client: &Client,
        limits: &QueryLimits,
        scope: EventScope,
    ) -> Result<Self, StoreError> {
        let (project, env) = (scope.project.to_string(), scope.env.as_str().to_owned());
        let statement = Sql::new(include_str!("hidden.sql"))
            .bind("project", sql::string(&project))
            .bind("env", sql::string(&env));
        let rows = client.rows(&statement, limits).await?;
        let [watermark, requests] = rows.first().map_or(&[][..], Vec::as_slice) else {
            return Err(StoreError::Internal("what is hidden cannot be read".to_owned()));
        };
        let mut hidden = Self { project, env, expired_before: watermark.as_i64(), ..Self::default() };
        requests.as_array().into_iter().flatten().for_each(|request| hidden.add(request));
        Ok(hidden)
    }

    fn add(&mut self, request: &Value) {
        let text = |index: usize| request.get(index).and_then(Value::as_str).unwrap_or_default().to_owned();
        match (&*text(0), &*text(2)) {
            ("erasure", _) => {
                let before = request.get(3).and_then(Value::as_i64).unwrap_or(i64::MAX);
                self.erased.push(Person { request: text(1), before });
            }
            (_, "begun") => self.begun.push(text(1)),
            _ => self.effective.push(text(1)),
        }
    }

    /// Only what re-classifications hide.
    pub(crate) fn of_reclassifications(self) -> Self {
        Self { expired_before: None, erased: Vec::new(), ..self }
    }

    /// Whether all events of the scope are hidden.
    pub(crate) fn is_everything(&self) -> bool {
        self.expired_before == Some(ALL_EXPIRED)
    }

    /// The condition over the columns of `events` that visible rows fulfil, with its parameters; `1` if nothing is
    /// hidden.
    pub(crate) fn condition(&self) -> (String, Vec<(String, String)>) {
        if self.is_everything() {
            return ("0".to_owned(), Vec::new());
        }
        let mut visible = Visible::default();
        let project = visible.bind("String", sql::string(&self.project));
        let env = visible.bind("String", sql::string(&self.env));
        let of_scope = format!("project = {project} AND env = {env}");
        if let Some(before) = self.expired_before {
            let before = visible.bind("Int64", before.to_string());
            visible.and(format!("toUnixTimestamp64Milli(timestamp) >= {before}"));
        }
        for Person { request, before } in &self.erased {
            let before = visible.bind("Int64", before.to_string());
            let id = visible.bind("UUID", request.clone());
            let keys = format!(
                "SELECT arrayJoin(keys) FROM requests WHERE {of_scope} AND kind = 'erasure' AND id = {id}"
            );
            visible.and(format!(
                "NOT (toUnixTimestamp64Milli(timestamp) < {before} \
                 AND (user_key GLOBAL IN ({keys}) OR visitor_key GLOBAL IN ({keys})))"
            ));
        }
        if !self.begun.is_empty() {
            let begun = visible.bind("Array(UUID)", sql::strings(self.begun.iter().map(String::as_str)));
            visible.and(format!("NOT has({begun}, reclassification)"));
        }
        for id in &self.effective {
            let id = visible.bind("UUID", id.clone());
            visible.and(format!(
                "NOT (reclassification != {id} AND (timestamp, event_id) GLOBAL IN (SELECT timestamp, event_id \
                 FROM events WHERE {of_scope} AND reclassification = {id}))"
            ));
        }
        visible.finish()
    }
}

/// Conditions that visible rows fulfil.
#[derive(Default)]
struct Visible {
    all: Vec<String>,
    parameters: Vec<(String, String)>,
}

impl Visible {
    /// Adds a parameter, and returns how it is written in a condition.
    fn bind(&mut self, kind: &str, value: String) -> String {
        let name = format!("hidden_{}", self.parameters.len());
        let written = format!("{{{name}:{kind}}}");
        self.parameters.push((name, value));
        written
    }

    fn and(&mut self, condition: String) {
        self.all.push(condition);
    }

    fn finish(self) -> (String, Vec<(String, String)>) {
        if self.all.is_empty() {
            return ("1".to_owned(), Vec::new());
        }
        (self.all.join(" AND "), self.parameters)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_hidden_of_a_new_scope() {
        assert_eq!(Hidden::default().condition(), ("1".to_owned(), Vec::new()));
    }

    #[test]
    fn a_deleted_scope_has_no_visible_event() {
        let hidden = Hidden { expired_before: Some(ALL_EXPIRED), ..Hidden::default() };
        assert_eq!(hidden.condition().0, "0");
    }

    #[test]
    fn values_are_bound() {
        let mut hidden = Hidden { expired_before: Some(5), ..Hidden::default() };
        for request in [
            json!(["erasure", "a", "begun", 7]),
            json!(["reclassification", "b", "begun", 0]),
            json!(["reclassification", "c", "effective", 0]),
        ] {
            hidden.add(&request);
        }
        let (condition, parameters) = hidden.condition();
        let values: Vec<&str> = parameters.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["", "", "5", "7", "a", "['b']", "c"]);
        assert!(condition.contains("NOT has({hidden_5:Array(UUID)}, reclassification)"), "{condition}");
    }
}
