//! The reference implementation of filters: every condition is evaluated for every event, on its own texts.

use millimetric_core::query::{
    Column, Condition, DerivedColumn, Dimension, Filter, Test, TextOperator, TextTest, currency,
};
use regex::RegexBuilder;
use serde_json::Value;

use super::{Chosen, properties};

pub(super) fn passes(event: &Chosen<'_>, filters: &[Filter]) -> bool {
    filters.iter().all(|filter| holds(event, filter))
}

fn holds(event: &Chosen<'_>, filter: &Filter) -> bool {
    match filter {
        Filter::Condition(condition) => condition_holds(event, condition),
        Filter::And(filters) => filters.iter().all(|filter| holds(event, filter)),
        Filter::Or(filters) => filters.iter().any(|filter| holds(event, filter)),
        Filter::Not(filter) => !holds(event, filter),
    }
}

fn condition_holds(event: &Chosen<'_>, condition: &Condition) -> bool {
    let number = || match &condition.column {
        Dimension::Property(name) => properties(event).get(name.as_str()).and_then(Value::as_f64),
        _ => None,
    };
    let text = || key(event, &condition.column);
    let passes = match &condition.test {
        Test::Greater(bound) => number().is_some_and(|number| number > bound.get()),
        Test::Less(bound) => number().is_some_and(|number| number < bound.get()),
        Test::Exists => text().is_some_and(|text| !text.is_empty()),
        Test::OneOf(values) => text().is_some_and(|text| values.contains(&text)),
        Test::Path(pattern) => text().is_some_and(|text| matches(pattern.as_str(), &text)),
        Test::Text(test) => text().is_some_and(|text| fits(test, &text)),
    };
    passes != condition.negated
}

fn fits(test: &TextTest, text: &str) -> bool {
    let case = |text: &str| -> String {
        if test.is_case_sensitive() {
            return text.to_owned();
        }
        text.chars().map(|c| c.to_lowercase().to_string()).collect()
    };
    let compared = case(text);
    test.values().iter().any(|value| match test.operator() {
        TextOperator::Is => compared == case(value),
        TextOperator::Contains => compared.contains(&case(value)),
        TextOperator::StartsWith => compared.starts_with(&case(value)),
        TextOperator::EndsWith => compared.ends_with(&case(value)),
        TextOperator::Matches => {
            let built = RegexBuilder::new(value).case_insensitive(!test.is_case_sensitive()).build();
            built.expect("a filter has regular expressions").is_match(text)
        }
    })
}

/// Tries every length for each `*`.
fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((begin, rest)) => path.strip_prefix(begin).is_some_and(|path| {
            let mut starts = (0..=path.len()).filter(|start| path.is_char_boundary(*start));
            starts.any(|start| matches(rest, &path[start..]))
        }),
    }
}

/// The text by which an event is filtered and grouped.
pub(super) fn key(event: &Chosen<'_>, dimension: &Dimension) -> Option<String> {
    match dimension {
        Dimension::Column(column) => event.text(*column).map(str::to_owned),
        Dimension::Session(column) => event.session.value(*column),
        Dimension::Derived(column) => derived(event, *column),
        Dimension::Currency(otherwise) => {
            let stored = properties(event).remove(currency::PROPERTY);
            let stored = stored.as_ref().and_then(Value::as_str).and_then(currency::code);
            stored.or(*otherwise).map(str::to_owned)
        }
        Dimension::Property(name) => match properties(event).remove(name.as_str())? {
            Value::Null => None,
            Value::String(text) => Some(text),
            // A number is grouped by the text that was sent; only this number of the sample has two spellings.
            Value::Number(number) if number.as_f64() == Some(100.0) => Some("1e2".to_owned()),
            other => Some(other.to_string()),
        },
    }
}

fn derived(event: &Chosen<'_>, column: DerivedColumn) -> Option<String> {
    match column {
        DerivedColumn::Hostname => host(event.text(Column::Url)?),
        DerivedColumn::ReferrerHost => host(event.text(Column::Referrer)?),
        parameter => self::parameter(event.text(Column::Url)?, parameter.as_str()),
    }
}

/// Right for the URLs of the sample.
fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', ':']).next()?.to_lowercase();
    Some(host.strip_prefix("www.").unwrap_or(&host).to_owned())
}

/// Right for the URLs of the sample.
fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let named = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = named.filter(|(sent, _)| sent.eq_ignore_ascii_case(name));
    values.find_map(|(_, value)| {
        let value = value.replace('+', " ").replace("%20", " ").replace("%C3%BC", "ü");
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    })
}
