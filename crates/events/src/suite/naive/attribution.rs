//! The reference implementation of attribution: lists the touches of each conversion and divides it among
//! them, following the contract (4.2).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use millimetric_core::attribution::{Credit, Model};
use millimetric_core::event::Event;
use millimetric_core::query::{
    AttributionQuery, AttributionResponse, AttributionRow, ConversionTotal, Conversions, PathsQuery,
    PathsResponse, PathsRow, SessionColumn, TouchRow, TouchesQuery, TouchesResponse,
};
use millimetric_core::time::{TimeRange, Timestamp};
use serde_json::Value;

use super::sessions::{Session, sessions_of};
use super::{Chosen, chosen, key, properties, selected};

/// A conversion and its touches, ascending by their first event.
struct Conversion<'a> {
    event: Chosen<'a>,
    touches: Vec<Rc<Session<'a>>>,
    value: f64,
    currency: Option<String>,
}

fn touches<'a>(event: &Chosen<'a>, sessions: &[Rc<Session<'a>>], lookback: i64) -> Vec<Rc<Session<'a>>> {
    let is_touch = |session: &&Rc<Session<'_>>| {
        let first = session.first();
        let age = event.timestamp.millis() - first.timestamp.millis();
        let is_own = first.event_id == event.session.first().event_id;
        first.anonymous_id == event.anonymous_id && (is_own || (0..=lookback).contains(&age))
    };
    let mut touches: Vec<Rc<Session<'_>>> = sessions.iter().filter(is_touch).cloned().collect();
    touches.sort_by_key(|session| (session.first().timestamp, session.first().event_id.clone()));
    touches
}

/// The range with everything that touches of its conversions can begin in.
fn before(range: TimeRange, lookback: i64) -> TimeRange {
    let from = Timestamp::from_millis(range.from().millis() - lookback).unwrap_or(Timestamp::MIN);
    TimeRange::new(from, range.to()).expect("a longer range is a range")
}

fn conversions<'a>(events: &'a [Event], range: TimeRange, query: &Conversions) -> Vec<Conversion<'a>> {
    let lookback = query.lookback.millis();
    let read = before(range, lookback);
    let sessions = sessions_of(events, read);
    let mut chosen: Vec<Chosen<'_>> = selected(events, read, &query.events, &query.filters)
        .into_iter()
        .filter(|event| range.contains(event.timestamp))
        .collect();
    if query.once {
        chosen.sort_by_key(|event| {
            (event.event.anonymous_id.as_str(), event.timestamp, event.event.event_id.as_str())
        });
        chosen.dedup_by_key(|event| event.event.anonymous_id.as_str());
    }
    let conversion = |event: Chosen<'a>| {
        let sent = properties(&event);
        let (mut value, mut currency) = (0.0, None);
        if let Some(property) = &query.value {
            value = sent.get(property.property.as_str()).and_then(Value::as_f64).unwrap_or_default();
            let known =
                sent.get("currency").and_then(Value::as_str).filter(|code| ["EUR", "USD"].contains(code));
            currency = known.or(property.currency).map(str::to_owned);
        }
        Conversion { touches: touches(&event, &sessions, lookback), event, value, currency }
    };
    chosen.into_iter().map(conversion).collect()
}

fn is_direct(session: &Session<'_>) -> bool {
    session.value(SessionColumn::Source).as_deref() == Some("direct")
}

/// The share of each touch in the conversion under a model.
fn weights(touches: &[Rc<Session<'_>>], model: Model) -> Vec<f64> {
    let known: Vec<usize> = (0..touches.len()).filter(|index| !is_direct(&touches[*index])).collect();
    let eligible = if known.is_empty() { (0..touches.len()).collect() } else { known };
    let mut weights = vec![0.0; touches.len()];
    let (first, last, count) = (eligible[0], eligible[eligible.len() - 1], eligible.len());
    let mut give = |weight: &dyn Fn(usize) -> f64| {
        for index in &eligible {
            weights[*index] = weight(*index);
        }
    };
    match model {
        Model::First => weights[0] = 1.0,
        Model::Last => weights[touches.len() - 1] = 1.0,
        Model::LastNonDirect => weights[last] = 1.0,
        Model::Linear => give(&|_| 1.0 / count as f64),
        Model::Position if count <= 2 => give(&|_| 1.0 / count as f64),
        Model::Position => {
            give(&|index| if index == first || index == last { 0.4 } else { 0.2 / (count - 2) as f64 });
        }
        Model::TimeDecay => {
            let at = |index: usize| touches[index].first().timestamp.millis();
            // Relative to the last of them: only proportions matter, and old ones may be too small for a
            // number.
            let weight = |index: usize| 2.0_f64.powf((at(index) - at(last)) as f64 / (7.0 * 86_400_000.0));
            let sum: f64 = eligible.iter().map(|index| weight(*index)).sum();
            give(&|index| weight(index) / sum);
        }
    }
    weights
}

type Key = (Vec<Option<String>>, Option<String>);

pub(super) fn attribution(events: &[Event], query: &AttributionQuery) -> AttributionResponse {
    let mut rows: BTreeMap<Key, (Credit, BTreeSet<String>)> = BTreeMap::new();
    let mut totals: BTreeMap<Option<String>, ConversionTotal> = BTreeMap::new();
    for conversion in conversions(events, query.range, &query.conversions) {
        let currency = conversion.currency.clone();
        let total = totals.entry(currency.clone()).or_default();
        *total = ConversionTotal {
            currency: currency.clone(),
            conversions: total.conversions + 1,
            value: total.value + conversion.value,
        };
        let shares = Model::ALL.map(|model| weights(&conversion.touches, model));
        for (index, touch) in conversion.touches.iter().enumerate() {
            let first = Chosen { event: touch.first(), session: Rc::clone(touch) };
            let keys = query.group_by.iter().map(|dimension| key(&first, dimension)).collect();
            let (credit, visitors) = rows.entry((keys, currency.clone())).or_default();
            for (model, share) in shares.iter().map(|shares| shares[index]).enumerate() {
                credit.conversions[model] += share;
                credit.value[model] += share * conversion.value;
            }
            credit.touches += 1;
            visitors.insert(conversion.event.anonymous_id.clone());
        }
    }
    let row = |((keys, currency), (credit, visitors)): (Key, (Credit, BTreeSet<String>))| AttributionRow {
        keys,
        currency,
        credit,
        visitors: visitors.len() as u64,
    };
    let mut rows: Vec<AttributionRow> = rows.into_iter().map(row).collect();
    // The map is sorted by keys and currency.
    rows.sort_by_key(|row| Reverse(query.rank(&row.credit)));
    let mut other: BTreeMap<Option<String>, AttributionRow> = BTreeMap::new();
    for row in rows.split_off(query.limit.get().min(rows.len())) {
        let sum = other
            .entry(row.currency.clone())
            .or_insert_with(|| AttributionRow { currency: row.currency, ..AttributionRow::default() });
        sum.credit.add(&row.credit);
    }
    AttributionResponse { totals: totals.into_values().collect(), rows, other: other.into_values().collect() }
}

pub(super) fn paths(events: &[Event], query: &PathsQuery) -> PathsResponse {
    type Path = (Vec<(String, String)>, bool, Option<String>);
    let mut paths: BTreeMap<Path, (f64, Vec<i64>)> = BTreeMap::new();
    for conversion in conversions(events, query.range, &query.conversions) {
        let label = |touch: &Rc<Session<'_>>| {
            [SessionColumn::Source, SessionColumn::Medium]
                .map(|column| touch.value(column).unwrap_or_default())
        };
        let labels = conversion.touches.iter().map(label).map(|[source, medium]| (source, medium));
        let mut path: Vec<(String, String)> = labels.collect();
        let is_cut = path.len() > PathsQuery::MAX_TOUCHES;
        if is_cut {
            path.drain(..path.len() - PathsQuery::MAX_TOUCHES);
        }
        let first = conversion.touches[0].first().timestamp;
        let (value, durations) = paths.entry((path, is_cut, conversion.currency)).or_default();
        *value += conversion.value;
        durations.push(conversion.event.timestamp.millis() - first.millis());
    }
    let row = |((path, cut, currency), (value, mut durations)): (Path, (f64, Vec<i64>))| {
        durations.sort_unstable();
        let middle = |index: usize| durations[index] as f64;
        let count = durations.len();
        let median_millis = f64::midpoint(middle((count - 1) / 2), middle(count / 2));
        PathsRow { path, cut, currency, conversions: count as u64, value, median_millis }
    };
    let mut rows: Vec<PathsRow> = paths.into_iter().map(row).collect();
    rows.sort_by_key(|row| Reverse(row.conversions));
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    PathsResponse { rows, truncated, other: 0 }
}

pub(super) fn touches_of(events: &[Event], query: &TouchesQuery) -> TouchesResponse {
    let read = before(query.range, query.lookback.millis());
    let found = chosen(events, read, &[])
        .into_iter()
        .find(|event| event.event_id == query.event_id && query.range.contains(event.timestamp));
    let Some(event) = found else { return TouchesResponse::default() };
    let touches = touches(&event, &sessions_of(events, read), query.lookback.millis());
    let shares = Model::ALL.map(|model| weights(&touches, model));
    let own = event.session.first().event_id.clone();
    let session = touches.iter().position(|touch| touch.first().event_id == own);
    let row = |(index, touch): (usize, &Rc<Session<'_>>)| {
        let text = |column| touch.value(column).unwrap_or_default();
        TouchRow {
            at: touch.first().timestamp,
            first_event_id: touch.first().event_id.clone(),
            source: text(SessionColumn::Source),
            medium: text(SessionColumn::Medium),
            campaign: touch.value(SessionColumn::Campaign),
            confidence: text(SessionColumn::Confidence),
            rule_id: text(SessionColumn::RuleId),
            weights: std::array::from_fn(|model| shares[model][index]),
        }
    };
    TouchesResponse {
        touches: touches.iter().enumerate().map(row).collect(),
        session: session.unwrap_or_default(),
    }
}
