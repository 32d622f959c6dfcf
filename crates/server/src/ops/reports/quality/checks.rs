//! The checks: which values are faults, and which events have them.

use std::collections::{HashMap, HashSet};

use millimetric_core::fuzzy_match;
use millimetric_core::goal::GoalTarget;
use millimetric_core::quality::{self, NUMERIC_TEXT, PLACEHOLDER_ID, Tag};
use millimetric_core::query::{
    Bound, Column, Condition, DerivedColumn, Dimension, Filter, NumericTextsQuery, NumericTextsRow,
    PropertyName, RowLimit, SessionColumn, Test, TextOperator, TextTest,
};
use millimetric_core::time::{TimeRange, Timestamp};

use super::{Counts, FaultCode, FaultyValue, Found, Reader};
use crate::ops::error::OpsResult;
use crate::ops::{goals, read};

/// Most values of one column that are listed as faults, and counted.
const MOST_VALUES: usize = 100;
/// Most properties whose texts are counted as numbers: each is a column that is read out of all properties.
const MOST_PROPERTIES: usize = 20;
/// The share of events with a low confidence from which on it is a fault.
const LOW_CONFIDENCE: f64 = 0.2;
const UTM: [(Tag, DerivedColumn); 3] = [
    (Tag::Source, DerivedColumn::UtmSource),
    (Tag::Medium, DerivedColumn::UtmMedium),
    (Tag::Campaign, DerivedColumn::UtmCampaign),
];

/// Makes every check; `events` is the number of events in the range.
pub(super) async fn all(reader: &Reader<'_>, events: u64) -> OpsResult<Vec<Found>> {
    if events == 0 {
        return Ok(Vec::new());
    }
    let (names, more_names) = reader.values(Column::EventName, &[]).await?;
    let found = [
        tagging_variants(reader).await?,
        own_campaign_links(reader).await?,
        passed_hosts(reader).await?,
        numbers_as_text(reader).await?,
        mixed_currencies(reader).await?,
        names_seen_once(reader, &names, more_names).await?,
        similar_names(reader, names, more_names).await?,
        placeholder_ids(reader).await?,
        low_confidence(reader, events).await?,
    ];
    Ok(found.into_iter().flatten().collect())
}

async fn tagging_variants(reader: &Reader<'_>) -> OpsResult<Option<Found>> {
    let (mut values, mut tagged, mut truncated) = (Vec::new(), Vec::new(), false);
    for (tag, column) in UTM {
        let (found, more) = reader.values(column, &[]).await?;
        let mut variants = quality::tag_variants(tag, &found);
        truncated |= more || variants.len() > MOST_VALUES;
        variants.truncate(MOST_VALUES);
        tagged.extend(one_of(column, variants.iter().map(|variant| variant.value.clone())));
        values.extend(variants.into_iter().map(|variant| FaultyValue {
            instead_of: Some(variant.instead_of),
            ..value_of(column.as_str(), Some(variant.value), variant.events)
        }));
    }
    values.sort_by_key(|value| std::cmp::Reverse(value.events));
    Ok(found(FaultCode::TaggingVariants, values, tagged, truncated))
}

async fn own_campaign_links(reader: &Reader<'_>) -> OpsResult<Option<Found>> {
    let (page, before) = (DerivedColumn::Hostname, DerivedColumn::ReferrerHost);
    let tagged = Filter::Or(UTM.map(|(_, column)| Filter::of(column, Test::Exists)).to_vec());
    let Counts { rows, truncated } =
        reader.counts(&[page.into(), before.into()], std::slice::from_ref(&tagged)).await?;
    let own = |(keys, events): (Vec<Option<String>>, u64)| match <[_; 2]>::try_from(keys) {
        Ok([Some(page), Some(before)]) if page == before => Some((page, events)),
        _ => None,
    };
    let hosts: Vec<(String, u64)> = rows.into_iter().filter_map(own).take(MOST_VALUES).collect();
    let on_host = |(host, _): &(String, u64)| {
        Filter::And(vec![Filter::new(page, host), Filter::new(before, host), tagged.clone()])
    };
    let events = hosts.iter().map(on_host).collect();
    let values = hosts.into_iter().map(|(host, events)| value_of(page.as_str(), Some(host), events));
    Ok(found(FaultCode::OwnCampaignLinks, values.collect(), events, truncated))
}

async fn passed_hosts(reader: &Reader<'_>) -> OpsResult<Option<Found>> {
    let referral = Filter::new(Column::Medium, "referral");
    let (sources, truncated) = reader.values(Column::Source, std::slice::from_ref(&referral)).await?;
    let hosts: Vec<(String, u64)> =
        sources.into_iter().filter(|(source, _)| quality::is_passed_host(source)).take(MOST_VALUES).collect();
    let from_hosts = one_of(Column::Source, hosts.iter().map(|(host, _)| host.clone()));
    let events = from_hosts.map(|from_hosts| Filter::And(vec![from_hosts, referral]));
    let values =
        hosts.into_iter().map(|(host, events)| value_of(Column::Source.as_str(), Some(host), events));
    Ok(found(FaultCode::PaymentAndSignInHosts, values.collect(), events.into_iter().collect(), truncated))
}

async fn numbers_as_text(reader: &Reader<'_>) -> OpsResult<Option<Found>> {
    let query = NumericTextsQuery { range: reader.range, limit: RowLimit::MOST };
    let response = read::run(reader.app, reader.by, query).await?;
    let goals = goals::list(reader.app, reader.by).await?;
    let values: HashSet<String> =
        goals.into_iter().filter_map(|goal| Some(goal.goal.value?.property.as_str().to_owned())).collect();
    let is_amount = |row: &NumericTextsRow| {
        row.numbers > 0 || quality::is_quantity(&row.property) || values.contains(&row.property)
    };
    let mut rows: Vec<NumericTextsRow> = response.rows.into_iter().filter(is_amount).collect();
    let truncated = response.truncated || rows.len() > MOST_PROPERTIES;
    rows.truncate(MOST_PROPERTIES);
    let is_text = |row: &NumericTextsRow| {
        let property = Dimension::Property(PropertyName::new(&row.property)?);
        let number = Filter::of(property.clone(), Test::Greater(Bound::new(f64::MIN)?));
        let name = Filter::new(Column::EventName, &row.event_name);
        Some(Filter::And(vec![name, matching(property, NUMERIC_TEXT)?, Filter::Not(Box::new(number))]))
    };
    let events = rows.iter().filter_map(is_text).collect();
    let values = rows.into_iter().map(|row| FaultyValue {
        event_name: Some(row.event_name),
        ..value_of(&format!("properties.{}", row.property), None, row.texts)
    });
    Ok(found(FaultCode::NumbersAsText, values.collect(), events, truncated))
}

async fn mixed_currencies(reader: &Reader<'_>) -> OpsResult<Option<Found>> {
    let currency = Dimension::Currency(None);
    let by = [Column::EventName.into(), currency.clone()];
    let Counts { rows, truncated } = reader.counts(&by, &[]).await?;
    // Where a goal says which currency its amounts are in, events need not.
    let goals = goals::list(reader.app, reader.by).await?.into_iter();
    let usual: HashMap<String, &str> = goals
        .filter_map(|goal| match (goal.goal.target, goal.goal.value?.currency?) {
            (GoalTarget::Event(name), currency) => Some((name.as_str().to_owned(), currency)),
            (GoalTarget::Page(_), _) => None,
        })
        .collect();
    let counts = rows.into_iter().filter_map(|(keys, events)| {
        let [name, code] = <[_; 2]>::try_from(keys).ok()?;
        let name = name?;
        let code = code.or_else(|| usual.get(&name).map(|code| (*code).to_owned()));
        Some((name, code, events))
    });
    let mut faults = quality::currency_faults(counts);
    let truncated = truncated || faults.len() > MOST_VALUES;
    faults.truncate(MOST_VALUES);
    let has = |fault: &quality::CurrencyFault| {
        let column = currency.clone();
        let code = match &fault.code {
            Some(code) => Filter::new(column, code),
            None => Filter::Condition(Condition { column, negated: true, test: Test::Exists }),
        };
        Filter::And(vec![Filter::new(Column::EventName, &fault.event_name), code])
    };
    let events = faults.iter().map(has).collect();
    let values = faults.into_iter().map(|fault| FaultyValue {
        event_name: Some(fault.event_name),
        instead_of: Some(fault.usual),
        ..value_of("properties.currency", fault.code, fault.events)
    });
    Ok(found(FaultCode::MixedCurrencies, values.collect(), events, truncated))
}

/// Names with one event in the range and none outside of it.
async fn names_seen_once(
    reader: &Reader<'_>,
    names: &[(String, u64)],
    more_names: bool,
) -> OpsResult<Option<Found>> {
    let once: Vec<String> =
        names.iter().filter(|(_, events)| *events == 1).map(|(name, _)| name.clone()).collect();
    let truncated = more_names || once.len() > MOST_VALUES;
    let Some(named) = one_of(Column::EventName, once.into_iter().take(MOST_VALUES)) else { return Ok(None) };
    let always = TimeRange::new(Timestamp::MIN, Timestamp::MAX).unwrap_or(TimeRange::LAST);
    let (of_all_time, _) = Reader { range: always, ..*reader }.values(Column::EventName, &[named]).await?;
    let once = of_all_time.into_iter().filter(|(_, events)| *events == 1).map(|(name, _)| name);
    let values: Vec<FaultyValue> =
        once.map(|name| value_of(Column::EventName.as_str(), Some(name), 1)).collect();
    let events = one_of(Column::EventName, values.iter().filter_map(|value| value.value.clone()));
    Ok(found(FaultCode::EventNamesSeenOnce, values, events.into_iter().collect(), truncated))
}

async fn similar_names(
    reader: &Reader<'_>,
    names: Vec<(String, u64)>,
    more_names: bool,
) -> OpsResult<Option<Found>> {
    // Strangers choose how many names there are, and how much they have in common.
    let misspelt = move || {
        let common_first: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        let counts: HashMap<&str, u64> =
            names.iter().map(|(name, events)| (name.as_str(), *events)).collect();
        let misspelt = fuzzy_match::misspelt(&common_first).into_iter().take(MOST_VALUES + 1);
        let value = |(name, meant): (&str, &str)| FaultyValue {
            instead_of: Some(meant.to_owned()),
            ..value_of(Column::EventName.as_str(), Some(name.to_owned()), counts[name])
        };
        misspelt.map(value).collect::<Vec<_>>()
    };
    let mut values = reader.app.limits.heavy.run(misspelt).await?;
    let truncated = more_names || values.len() > MOST_VALUES;
    values.truncate(MOST_VALUES);
    let events = one_of(Column::EventName, values.iter().filter_map(|value| value.value.clone()));
    Ok(found(FaultCode::SimilarEventNames, values, events.into_iter().collect(), truncated))
}

async fn placeholder_ids(reader: &Reader<'_>) -> OpsResult<Option<Found>> {
    let (mut values, mut events, mut truncated) = (Vec::new(), Vec::new(), false);
    for column in [Column::AnonymousId, Column::UserId] {
        let Some(is_placeholder) = matching(column.into(), PLACEHOLDER_ID) else { continue };
        let (ids, more) = reader.values(column, std::slice::from_ref(&is_placeholder)).await?;
        truncated |= more;
        events.extend((!ids.is_empty()).then_some(is_placeholder));
        values.extend(ids.into_iter().map(|(id, events)| value_of(column.as_str(), Some(id), events)));
    }
    values.sort_by_key(|value| std::cmp::Reverse(value.events));
    Ok(found(FaultCode::PlaceholderIds, values, events, truncated))
}

async fn low_confidence(reader: &Reader<'_>, events: u64) -> OpsResult<Option<Found>> {
    let low = Filter::new(SessionColumn::Confidence, "low");
    let count = reader.count(std::slice::from_ref(&low)).await?;
    if count as f64 <= LOW_CONFIDENCE * events as f64 {
        return Ok(None);
    }
    let (sources, truncated) = reader.values(SessionColumn::Source, std::slice::from_ref(&low)).await?;
    let value = |(source, events)| value_of(SessionColumn::Source.as_str(), Some(source), events);
    Ok(found(FaultCode::LowConfidence, sources.into_iter().map(value).collect(), vec![low], truncated))
}

/// A fault of events that pass one of the filters; `None` without values.
fn found(code: FaultCode, values: Vec<FaultyValue>, any_of: Vec<Filter>, truncated: bool) -> Option<Found> {
    (!values.is_empty()).then_some(Found { code, values, events: Filter::Or(any_of), truncated })
}

fn value_of(column: &str, value: Option<String>, events: u64) -> FaultyValue {
    FaultyValue { event_name: None, column: column.to_owned(), value, instead_of: None, events }
}

/// One of these values; `None` if there are none.
fn one_of(column: impl Into<Dimension>, values: impl Iterator<Item = String>) -> Option<Filter> {
    let values: Vec<String> = values.collect();
    (!values.is_empty()).then(|| Filter::of(column, Test::OneOf(values)))
}

/// A text that the expression matches, without regard to case.
fn matching(column: Dimension, expression: &str) -> Option<Filter> {
    let test = TextTest::new(TextOperator::Matches, vec![expression.to_owned()], false).ok()?;
    Some(Filter::of(column, Test::Text(Box::new(test))))
}
