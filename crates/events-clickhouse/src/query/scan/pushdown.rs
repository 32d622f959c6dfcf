//! Filters as conditions of SQL, where these mean exactly the same: equal texts, parts of texts with regard to
//! case, simple regular expressions, patterns of paths, and whether there is a text, in stored columns.

use millimetric_core::column::Column;
use millimetric_core::query::{Condition, Dimension, Filter, Test, TextOperator};

use super::conditions::Conditions;
use super::expression::for_re2;
use crate::sql;

/// Adds the filters that SQL can decide, and returns the others.
pub(crate) fn add(filters: &[Filter], conditions: &mut Conditions) -> Vec<Filter> {
    let (by_sql, others): (Vec<&Filter>, Vec<&Filter>) =
        filters.iter().partition(|filter| is_sql(filter, is_decided));
    for filter in by_sql {
        let text = text(filter, conditions);
        conditions.and(text);
    }
    others.into_iter().cloned().collect()
}

/// Whether SQL can decide all of the filters.
pub(crate) fn decides(filters: &[Filter]) -> bool {
    filters.iter().all(|filter| is_sql(filter, is_decided))
}

/// Whether SQL can decide all of the filters in a relation that has the columns of sessions.
pub(crate) fn decides_in_sessions(filters: &[Filter]) -> bool {
    filters.iter().all(|filter| is_sql(filter, is_decided_in_sessions))
}

/// Whether SQL can decide a condition.
pub(crate) fn is_decided(condition: &Condition) -> bool {
    matches!(condition.column, Dimension::Column(_)) && is_decided_in_sessions(condition)
}

/// Whether SQL can decide a condition in a relation that has the columns of sessions.
pub(crate) fn is_decided_in_sessions(condition: &Condition) -> bool {
    column_of(condition).is_some()
}

/// The condition that all of these filters hold, which SQL can decide.
pub(crate) fn all_of(filters: &[Filter], conditions: &mut Conditions) -> String {
    joined(filters, " AND ", "1", conditions)
}

fn is_sql(filter: &Filter, is_decided: fn(&Condition) -> bool) -> bool {
    match filter {
        Filter::Condition(condition) => is_decided(condition),
        Filter::And(filters) | Filter::Or(filters) => filters.iter().all(|filter| is_sql(filter, is_decided)),
        Filter::Not(filter) => is_sql(filter, is_decided),
    }
}

/// The name of the column, and the stored column that its values are of, if SQL can decide the condition.
fn column_of(condition: &Condition) -> Option<(&'static str, Column)> {
    let column = match condition.column {
        Dimension::Column(column) => (column.as_str(), column),
        Dimension::Session(column) => (column.as_str(), column.column()),
        Dimension::Derived(_) | Dimension::Property(_) | Dimension::Currency(_) => return None,
    };
    let is_exact = match &condition.test {
        Test::OneOf(_) | Test::Path(_) | Test::Exists => true,
        Test::Text(test) => {
            let is_known = |expression: &String| for_re2(expression).is_some();
            let is_matches = test.operator() == TextOperator::Matches;
            test.is_case_sensitive() && (!is_matches || test.values().iter().all(is_known))
        }
        Test::Greater(_) | Test::Less(_) => false,
    };
    is_exact.then_some(column)
}

fn text(filter: &Filter, conditions: &mut Conditions) -> String {
    match filter {
        Filter::Condition(condition) => {
            let column = column_of(condition);
            column.map_or_else(|| "0".to_owned(), |column| of_condition(column, condition, conditions))
        }
        Filter::And(filters) => joined(filters, " AND ", "1", conditions),
        Filter::Or(filters) => joined(filters, " OR ", "0", conditions),
        Filter::Not(filter) => format!("NOT ({})", text(filter, conditions)),
    }
}

fn joined(filters: &[Filter], operator: &str, empty: &str, conditions: &mut Conditions) -> String {
    let texts: Vec<String> = filters.iter().map(|filter| format!("({})", text(filter, conditions))).collect();
    if texts.is_empty() { empty.to_owned() } else { texts.join(operator) }
}

fn of_condition(
    (name, column): (&str, Column),
    condition: &Condition,
    conditions: &mut Conditions,
) -> String {
    let passes = match &condition.test {
        Test::OneOf(values) => equals(name, values, conditions),
        Test::Text(test) if test.operator() == TextOperator::Is => equals(name, test.values(), conditions),
        Test::Text(test) if test.operator() == TextOperator::Matches => {
            let mut matches = |expression: String| {
                format!("match({name}, {})", conditions.bind("String", sql::string(&expression)))
            };
            let expressions = test.values().iter().filter_map(|expression| for_re2(expression));
            expressions.map(&mut matches).collect::<Vec<_>>().join(" OR ")
        }
        Test::Text(test) => {
            let (before, after) = match test.operator() {
                TextOperator::StartsWith => ("startsWith", ""),
                TextOperator::EndsWith => ("endsWith", ""),
                _ => ("position", " > 0"),
            };
            let mut fits = |value: &String| {
                format!("{before}({name}, {}){after}", conditions.bind("String", sql::string(value)))
            };
            test.values().iter().map(&mut fits).collect::<Vec<_>>().join(" OR ")
        }
        Test::Path(pattern) => {
            format!("{name} LIKE {}", conditions.bind("String", sql::string(&like(pattern.as_str()))))
        }
        Test::Exists | Test::Greater(_) | Test::Less(_) => format!("{name} != ''"),
    };
    // An event without a value passes no test.
    let passes = if column.info().is_optional() { format!("ifNull({passes}, 0)") } else { passes };
    if condition.negated { format!("NOT ({passes})") } else { passes }
}

/// A pattern of paths as one of `LIKE`.
fn like(pattern: &str) -> String {
    let mut like = String::with_capacity(pattern.len());
    for character in pattern.chars() {
        match character {
            '*' => like.push('%'),
            '%' | '_' | '\\' => like.extend(['\\', character]),
            other => like.push(other),
        }
    }
    like
}

fn equals(name: &str, values: &[String], conditions: &mut Conditions) -> String {
    if let [only] = values {
        return format!("{name} = {}", conditions.bind("String", sql::string(only)));
    }
    let values = sql::strings(values.iter().map(String::as_str));
    format!("has({}, {name})", conditions.bind("Array(String)", values))
}

#[cfg(test)]
mod tests {
    use millimetric_core::query::FilterList;

    use super::*;

    fn of(json: &str) -> (String, Vec<(String, String)>, usize) {
        let filters = json.parse::<FilterList>().unwrap().into_vec();
        let mut conditions = Conditions::default();
        let others = add(&filters, &mut conditions).len();
        let statement = conditions.select("1", "");
        let text =
            statement.text().split(" WHERE ").nth(1).unwrap().split("  SETTINGS").next().unwrap().to_owned();
        (text, statement.parameters().to_vec(), others)
    }

    #[test]
    fn values_are_bound_and_what_sql_cannot_decide_is_left() {
        let bound = |values: &[&str]| -> Vec<(String, String)> {
            values.iter().enumerate().map(|(n, value)| (format!("p{n}"), (*value).to_owned())).collect()
        };
        for (json, text, values, others) in [
            (r#"[["is","country",["DE"]]]"#, "(country = {p0:String})", &["DE"][..], 0),
            (
                r#"[["is_not","campaign",["a","b'"]]]"#,
                "(NOT (ifNull(has({p0:Array(String)}, campaign), 0)))",
                &[r"['a','b\'']"],
                0,
            ),
            (
                r#"[["not",["or",[["exists","path"],["starts_with","source",["g","f"]]]]]]"#,
                "(NOT ((ifNull(path != '', 0)) OR (startsWith(source, {p0:String}) OR \
                 startsWith(source, {p1:String}))))",
                &["g", "f"],
                0,
            ),
            (
                r#"[["contains","source",["G"],{"case_sensitive":false}],["contains","medium",["pa"]]]"#,
                "(position(medium, {p0:String}) > 0)",
                &["pa"],
                1,
            ),
        ] {
            assert_eq!(of(json), (text.to_owned(), bound(values), others), "{json}");
        }
    }

    #[test]
    fn a_wildcard_is_one_of_like() {
        assert_eq!(like(r"/a_*/100%\*"), r"/a\_%/100\%\\%");
    }
}
