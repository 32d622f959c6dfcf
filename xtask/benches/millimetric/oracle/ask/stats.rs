//! Counts, distinct visitors and aggregates in both languages, by columns, currencies and time.

use std::fmt::Write as _;

use super::{
    COLUMNS, PLAN, PRICE_IS_A_NUMBER, PRICE_NUMBER, Question, SECONDS, Scope, ZONES, bucket, filters, scope,
};
use crate::random::Random;

/// The currency of an event.
const CURRENCY: &str = "if(upper(trimBoth(JSONExtractString(properties, 'currency'))) in ('EUR', 'USD'), \
     upper(trimBoth(JSONExtractString(properties, 'currency'))), null)";
/// Metrics, and what ClickHouse computes; of an aggregate, the function over the numbers.
const METRICS: [(&str, &str); 9] = [
    ("count", "count()"),
    ("uniques", "uniqExact(anonymous_id)"),
    ("uniques", "uniqExact(anonymous_id)"),
    ("sum", "sumIf"),
    ("avg", "avgIf"),
    ("min", "minIf"),
    ("max", "maxIf"),
    ("median", "quantileExactInclusiveIf(0.5)"),
    ("p95", "quantileExactInclusiveIf(0.95)"),
];

/// Parts of a statement.
#[derive(Debug, Default)]
struct Parts {
    columns: Vec<String>,
    groups: Vec<String>,
    order: Vec<String>,
}

pub(super) fn stats(random: &mut Random) -> anyhow::Result<Question> {
    let Scope { mut query, mut condition } = scope(random)?;
    let limit = random.of(&[1, 5, 1000, 1000]);
    let (metric, function) = random.of(&METRICS);
    let is_of_numbers = function.contains("If");
    let _ = write!(query, "&metric={metric}&limit={limit}");
    let mut parts = Parts::default();
    let cyclic = time(random, &mut query, &mut parts);
    parts.order.push("value desc nulls last".to_owned());
    let mut dimensions = dimensions(random);
    // Without groups, ours has a row where ClickHouse has none.
    if dimensions.is_empty() && (cyclic || is_of_numbers) {
        dimensions.push(("source", "source"));
    }
    if !dimensions.is_empty() {
        let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
        let _ = write!(query, "&group_by={}", names.join(","));
    }
    for (name, value) in dimensions {
        parts.columns.push(if name == value { name.to_owned() } else { format!("{value} as `{name}`") });
        parts.groups.push(format!("`{name}`"));
        parts.order.push(format!("`{name}` asc nulls first"));
    }
    if is_of_numbers {
        query.push_str("&property=price");
        split_by_currency(&mut condition, &mut parts);
        let none = if metric == "sum" { "0" } else { "null" };
        parts.columns.push(format!(
            "if(countIf({PRICE_IS_A_NUMBER}) = 0, {none}, {function}({PRICE_NUMBER}, {PRICE_IS_A_NUMBER})) as value"
        ));
    } else {
        parts.columns.push(format!("{function} as value"));
    }
    let Parts { columns, groups, order } = parts;
    let group = if groups.is_empty() { String::new() } else { format!("group by {}", groups.join(", ")) };
    let sql = format!(
        "select {} from events where {condition} {group} order by {} limit {} \
         settings enable_extended_results_for_datetime_functions = 1",
        columns.join(", "),
        order.join(", "),
        limit + 1
    );
    Ok(Question { path: format!("/v1/stats?{query}"), sql, limit: Some(limit) })
}

/// Divides by time, or not. Returns whether by hours of the day or days of the week.
fn time(random: &mut Random, query: &mut String, parts: &mut Parts) -> bool {
    let zone = random.of(&ZONES);
    let (interval, column) = match random.below(8) {
        0..=3 => {
            let interval = random.of(&["hour", "day", "week", "month"]);
            // Half an hour back at night: which hour is that? Ours is the one that the clock shows.
            let zone = if interval == "hour" && zone == "Australia/Lord_Howe" { "UTC" } else { zone };
            let _ = write!(query, "&interval={interval}&timezone={zone}");
            let start = bucket(interval, zone);
            parts.columns.push(format!("formatDateTime({start}, '%Y-%m-%dT%H:%i:%SZ', 'UTC') as bucket"));
            parts.groups.push("bucket".to_owned());
            parts.order.push("bucket".to_owned());
            return false;
        }
        4 => ("hour_of_day", format!("toHour({SECONDS}, '{zone}')")),
        5 => ("day_of_week", format!("toDayOfWeek({SECONDS}, 0, '{zone}')")),
        _ => return false,
    };
    let _ = write!(query, "&interval={interval}&timezone={zone}");
    parts.columns.push(format!("{column} as {interval}"));
    parts.groups.push(interval.to_owned());
    parts.order.push(interval.to_owned());
    true
}

fn dimensions(random: &mut Random) -> Vec<(&'static str, &'static str)> {
    let count = random.below(4);
    let (plan, derived) = (random.once_in(3), random.once_in(4));
    let columns: Vec<&'static str> = random.several(&COLUMNS, count);
    let mut dimensions: Vec<_> = columns.into_iter().map(|name| (name, name)).collect();
    dimensions.extend(plan.then_some(("properties.plan", PLAN)));
    if derived && dimensions.len() < 4 {
        dimensions.push(random.of(&filters::DERIVED));
    }
    dimensions
}

/// If one of the numbers has a currency, only numbers are counted, by their currency; else it is null in every
/// row.
fn split_by_currency(condition: &mut String, parts: &mut Parts) {
    let some_have = format!(
        "(select countIf({PRICE_IS_A_NUMBER} and isNotNull({CURRENCY})) > 0 from events where {condition})"
    );
    parts.columns.push(format!("if({some_have}, {CURRENCY}, null) as currency"));
    parts.groups.push("currency".to_owned());
    parts.order.push("currency asc nulls first".to_owned());
    let _ = write!(condition, " and (not {some_have} or {PRICE_IS_A_NUMBER})");
}
