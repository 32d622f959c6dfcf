//! The `WHERE` of a statement: conditions that must all hold, with their parameters.

use crate::sql::Sql;

/// 1900-01-01 and 2299-12-31: between them, times can be compared as times, which lets the server skip parts.
const COMPARED_AS_TIMES: std::ops::Range<i64> = -2_208_988_800_000..10_413_705_600_000;

/// Conditions on the columns of `events` that must all hold.
#[derive(Clone, Default)]
pub(crate) struct Conditions {
    all: Vec<String>,
    parameters: Vec<(String, String)>,
}

impl Conditions {
    /// Adds a parameter, and returns how it is written in a condition.
    pub(crate) fn bind(&mut self, kind: &str, value: String) -> String {
        let name = format!("p{}", self.parameters.len());
        let written = format!("{{{name}:{kind}}}");
        self.parameters.push((name, value));
        written
    }

    /// Adds a condition.
    pub(crate) fn and(&mut self, condition: String) {
        self.all.push(condition);
    }

    /// Adds a condition that has parameters of its own.
    pub(crate) fn and_bound(&mut self, (condition, parameters): (String, Vec<(String, String)>)) {
        self.and(condition);
        for parameter in parameters {
            if !self.parameters.contains(&parameter) {
                self.parameters.push(parameter);
            }
        }
    }

    /// Adds a comparison of `timestamp` with a time in milliseconds since 1970.
    pub(crate) fn and_time(&mut self, operator: &str, millis: i64) {
        let bound = self.bind("Int64", millis.to_string());
        self.and(if COMPARED_AS_TIMES.contains(&millis) {
            format!("timestamp {operator} fromUnixTimestamp64Milli({bound}, 'UTC')")
        } else {
            format!("toUnixTimestamp64Milli(timestamp) {operator} {bound}")
        });
    }

    /// Takes the conditions out, as one text; their parameters stay.
    pub(crate) fn take(&mut self) -> String {
        let all = std::mem::take(&mut self.all);
        if all.is_empty() {
            return "1".to_owned();
        }
        all.iter().map(|condition| format!("({condition})")).collect::<Vec<_>>().join(" AND ")
    }

    /// The statement that selects these columns of the events, and what follows the conditions.
    pub(crate) fn select(self, columns: &str, rest: &str) -> Sql {
        self.select_from("events FINAL", columns, rest)
    }

    /// The same, of another relation.
    pub(crate) fn select_from(mut self, relation: &str, columns: &str, rest: &str) -> Sql {
        let conditions = self.take();
        let text = format!("SELECT {columns} FROM {relation} WHERE {conditions} {rest} {SETTINGS}");
        self.parameters.into_iter().fold(Sql::new(text), |sql, (name, value)| sql.bind(name, value))
    }
}

/// Conditions are about columns, not about the results that have their names.
const SETTINGS: &str = "SETTINGS prefer_column_name_to_alias = 1";
