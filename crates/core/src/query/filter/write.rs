//! Writes filters as JSON, in the form in which they are read.

use serde_json::{Value, json};

use super::{Bound, Condition, Filter, Test};

pub(super) fn list(filters: &[Filter]) -> Value {
    filters.iter().map(filter).collect()
}

impl Filter {
    /// The JSON of this filter, as it stands in a list.
    pub fn to_json(&self) -> Value {
        filter(self)
    }
}

fn filter(filter: &Filter) -> Value {
    match filter {
        // Only some tests have a word for their negation.
        Filter::Condition(condition) if condition.negated && !condition.operator().is_negative() => {
            json!(["not", self::condition(condition)])
        }
        Filter::Condition(condition) => self::condition(condition),
        Filter::And(filters) => json!(["and", list(filters)]),
        Filter::Or(filters) => json!(["or", list(filters)]),
        Filter::Not(filter) => json!(["not", self::filter(filter)]),
    }
}

fn condition(condition: &Condition) -> Value {
    let (operator, column) = (condition.operator().as_str(), condition.column.name());
    match &condition.test {
        Test::OneOf(values) => json!([operator, column, values]),
        Test::Text(test) if test.is_case_sensitive() => json!([operator, column, test.values()]),
        Test::Text(test) => json!([operator, column, test.values(), {"case_sensitive": false}]),
        Test::Greater(bound) | Test::Less(bound) => json!([operator, column, [number(*bound)]]),
        Test::Exists => json!([operator, column]),
        Test::Path(pattern) => {
            let parts: Vec<String> = pattern.as_str().split('*').map(regex::escape).collect();
            json!([operator, column, [format!("^{}$", parts.join(".*"))]])
        }
    }
}

/// A whole number without a fraction.
fn number(bound: Bound) -> Value {
    /// Whole numbers up to this one are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = bound.get();
    if number.fract() == 0.0 && number.abs() <= EXACT { json!(number as i64) } else { json!(number) }
}
