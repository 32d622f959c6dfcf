//! Generates random filters over the values of `sample`: single values, and trees of conditions with every
//! operator and column.

use millimetric_core::query::{Column, Dimension, Filter, FilterList, Operator, SessionColumn};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::suite::sample::{NAMES, PATHS, SOURCES};

/// The properties of the sample, and one that no event has.
const PROPERTIES: [&str; 5] =
    ["properties.plan", "properties.price", "properties.currency", "properties.other", "properties.nothing"];
/// Texts that some columns have, parts of them, and texts of another case.
const TEXTS: [&str; 48] = [
    "",
    "$pageview",
    "signup",
    "ünïcode ✓",
    "ÜNÏCODE",
    "google",
    "Google",
    "facebook",
    "direct",
    "internal",
    "paid",
    "organic",
    "PAID",
    "high",
    "ref_search",
    "direct",
    "Spring",
    "spring",
    "prin",
    "DE",
    "US",
    "de",
    "desktop",
    "mobile",
    "chrome",
    "/",
    "/pricing",
    "/a/b",
    "/A",
    "pric",
    "b",
    "session-",
    "user-1",
    "visitor-3",
    "shop.example",
    "www.google.com",
    ".example",
    "https://",
    "utm_",
    "News Letter",
    "b c",
    "ü",
    "pro",
    "free",
    "true",
    "7",
    "1e2",
    "EUR",
];
/// Regular expressions that match some of them.
const EXPRESSIONS: [&str; 10] =
    ["^/", "^$", "g.*e", "[0-9]+$", "(?i)PRO", "ü|é", "^(a|g|d)", "^[^/]*$", r"\.example", r"-\d"];
/// Around the numbers of the sample.
const NUMBERS: [f64; 7] = [-3.0, -2.5, 0.0, 0.5, 1.25, 99.5, 100.0];

/// Filters of a query.
pub(super) fn filters() -> impl Strategy<Value = Vec<Filter>> {
    let some = prop_oneof![2 => single(), 1 => trees().prop_filter_map("no filter", parsed)];
    proptest::collection::vec(some, 0..3)
}

/// Lists, as goals have them.
pub(super) fn lists() -> impl Strategy<Value = FilterList> {
    let list = |trees: Vec<Value>| FilterList::from_json(&Value::Array(trees)).ok();
    proptest::collection::vec(trees(), 0..3).prop_filter_map("no list", list)
}

fn parsed(tree: Value) -> Option<Filter> {
    FilterList::from_json(&json!([tree])).ok()?.into_vec().pop()
}

/// Exactly one value.
fn single() -> impl Strategy<Value = Filter> {
    let filter = |column, value: &str| Filter::new(column, value);
    let of_session = |column: SessionColumn, value: &str| Filter::new(column, value);
    let values: Vec<Filter> = NAMES
        .iter()
        .map(|name| filter(Column::EventName, name))
        .chain(SOURCES.iter().map(|(source, _)| filter(Column::Source, source)))
        .chain(PATHS.iter().map(|path| filter(Column::Path, path)))
        .chain([
            filter(Column::Medium, "paid"),
            filter(Column::UserId, "user-1"),
            filter(Column::AnonymousId, "visitor-3"),
            filter(Column::SessionId, "session-2"),
            filter(Column::Campaign, "Spring"),
            filter(Column::Campaign, "spring"),
            filter(Column::Country, ""),
            filter(Column::Country, "DE"),
            of_session(SessionColumn::Source, "google"),
            of_session(SessionColumn::Source, "direct"),
            of_session(SessionColumn::Medium, "paid"),
            of_session(SessionColumn::Campaign, "Spring"),
            of_session(SessionColumn::RuleId, "direct"),
            of_session(SessionColumn::EntryPath, "/"),
            of_session(SessionColumn::ExitPath, "/pricing"),
        ])
        .collect();
    proptest::sample::select(values)
}

/// Conditions joined by `and`, `or` and `not`, as JSON.
fn trees() -> impl Strategy<Value = Value> {
    conditions().prop_recursive(4, 8, 3, |inner| {
        let several = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several.clone().prop_map(|filters| json!(["and", filters])),
            several.prop_map(|filters| json!(["or", filters])),
            inner.prop_map(|filter| json!(["not", filter])),
        ]
    })
}

fn conditions() -> impl Strategy<Value = Value> {
    let columns = Dimension::in_conditions().filter(|name| !name.starts_with("properties."));
    let columns: Vec<&str> = columns.chain(PROPERTIES).collect();
    let operators = Operator::ALL.to_vec();
    let condition = (proptest::sample::select(columns), proptest::sample::select(operators), any::<bool>());
    condition.prop_flat_map(|(column, operator, any_case)| {
        values(operator).prop_map(move |values| {
            let word = operator.as_str();
            match operator {
                Operator::Exists | Operator::Missing => json!([word, column]),
                Operator::Greater | Operator::Less if column.starts_with("properties.") => {
                    json!([word, column, values])
                }
                // Only properties are compared.
                Operator::Greater | Operator::Less => json!([word, PROPERTIES[1], values]),
                _ if any_case => json!([word, column, values, {"case_sensitive": false}]),
                _ => json!([word, column, values]),
            }
        })
    })
}

fn values(operator: Operator) -> BoxedStrategy<Value> {
    let some = |texts: Vec<&'static str>| {
        let several = proptest::collection::vec(proptest::sample::select(texts), 1..4);
        several.prop_map(|texts| json!(texts)).boxed()
    };
    match operator {
        Operator::Greater | Operator::Less => {
            proptest::sample::select(NUMBERS.to_vec()).prop_map(|number| json!([number])).boxed()
        }
        Operator::Matches => some(EXPRESSIONS.to_vec()),
        Operator::Is | Operator::IsNot => some(TEXTS.to_vec()),
        _ => some(TEXTS.into_iter().filter(|text| !text.is_empty()).collect()),
    }
}
