//! A reference implementation of the queries that scans all events. It is slow and simple, and shares no code
//! with any engine.

mod attribution;
mod changes;
mod filters;
mod journeys;
mod numeric_texts;
mod rule_changes;
mod sessions;
mod stats;
mod timelines;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::rc::Rc;

use chrono::{Datelike as _, Days, NaiveTime, TimeDelta, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use millimetric_core::event::Event;
use millimetric_core::query::{
    AnyQuery, AnyResponse, Buckets, EventQuery, EventSelector, EventsQuery, EventsResponse, Filter, Interval,
    Limit, NamesQuery, NamesResponse, NamesRow, PropertySeen, SourcesQuery, SourcesResponse, SourcesRow,
};
use millimetric_core::time::{TimeRange, Timestamp};
use serde_json::{Map, Value};

use self::filters::{key, passes};
use self::sessions::Session;

/// An event, with the columns of its session.
#[derive(Clone)]
struct Chosen<'a> {
    event: &'a Event,
    session: Rc<Session<'a>>,
}

impl Deref for Chosen<'_> {
    type Target = Event;

    fn deref(&self) -> &Event {
        self.event
    }
}

/// The events of the range that pass the filters.
fn chosen<'a>(events: &'a [Event], range: TimeRange, filters: &[Filter]) -> Vec<Chosen<'a>> {
    let in_sessions = sessions::of_events(events, range);
    in_sessions
        .into_iter()
        .filter(|event| range.contains(event.timestamp) && passes(event, filters))
        .collect()
}

/// The events of the range that are selected and pass the filters.
fn selected<'a>(
    events: &'a [Event],
    range: TimeRange,
    selector: &EventSelector,
    filters: &[Filter],
) -> Vec<Chosen<'a>> {
    let mut chosen = chosen(events, range, filters);
    chosen.retain(|event| is_selected(event, selector));
    chosen
}

fn is_selected(event: &Chosen<'_>, selector: &EventSelector) -> bool {
    match selector {
        EventSelector::Any => true,
        EventSelector::Named(name) => event.event_name == *name,
        EventSelector::Goal { conditions, .. } => passes(event, conditions),
    }
}

fn properties(event: &Event) -> Map<String, Value> {
    serde_json::from_str(&event.properties).expect("the sample's properties are JSON")
}

fn bucket(buckets: Buckets, at: Timestamp) -> Timestamp {
    let zone = buckets.timezone;
    let time = at.to_utc().with_timezone(&zone);
    let date = time.date_naive();
    let start = match buckets.interval {
        Interval::Hour => return hour(zone, at),
        Interval::Day => date,
        Interval::Week => date - Days::new(u64::from(date.weekday().num_days_from_monday())),
        Interval::Month => date.with_day(1).expect("every month has a first"),
    };
    let mut local = start.and_time(NaiveTime::MIN);
    loop {
        if let Some(time) = zone.from_local_datetime(&local).earliest() {
            return Timestamp::from_millis(time.timestamp_millis()).expect("in range");
        }
        local += TimeDelta::minutes(1);
    }
}

/// Keeps what the limit allows, of rows in the order of the response; `key` returns the bucket and the group of a
/// row, `first` the groups in the order in which they come without buckets. Returns whether rows were left out.
fn cut<R, B>(
    rows: &mut Vec<R>,
    limit: Limit,
    key: impl Fn(&R) -> (B, Vec<Option<String>>),
    first: impl FnOnce() -> Vec<Vec<Option<String>>>,
) -> bool {
    let before = rows.len();
    match limit {
        Limit::Rows(limit) => rows.truncate(limit.get()),
        Limit::Series => {
            let (mut kept, mut left) = (BTreeSet::new(), Limit::MOST_ROWS);
            for group in first().into_iter().take(Limit::MOST_SERIES) {
                let of_group = rows.iter().filter(|row| key(row).1 == group).count();
                if of_group > left && !kept.is_empty() {
                    break;
                }
                left = left.saturating_sub(of_group);
                kept.insert(group);
            }
            rows.retain(|row| kept.contains(&key(row).1));
            rows.truncate(Limit::MOST_ROWS);
        }
    }
    rows.len() < before
}

/// The first instant of the hour: where clocks change within it, the first one behind the change.
fn hour(zone: Tz, at: Timestamp) -> Timestamp {
    let by_the_clock = |at: Timestamp| {
        let time = at.to_utc().with_timezone(&zone);
        let seconds = i64::from(time.num_seconds_from_midnight() % 3600);
        at.plus_millis(-1000 * seconds - i64::from(time.timestamp_subsec_millis()))
    };
    let hour = by_the_clock(at);
    let mut first = hour;
    while by_the_clock(first) != hour {
        first = first.plus_millis(1000);
    }
    first
}

pub(super) use self::rule_changes::reclassified;

/// The response to a query; `None` if there is no reference implementation of it.
pub(super) fn response(events: &[Event], query: &AnyQuery) -> Option<AnyResponse> {
    Some(match query {
        AnyQuery::Events(query) => self::events(events, query).into(),
        AnyQuery::Event(query) => event(events, query).map(Box::new).into(),
        AnyQuery::Stats(query) => stats::stats(events, query).into(),
        AnyQuery::Sources(query) => sources(events, query).into(),
        AnyQuery::Names(query) => names(events, query).into(),
        AnyQuery::Funnel(query) => timelines::funnel(events, query).into(),
        AnyQuery::Retention(query) => timelines::retention(events, query).into(),
        AnyQuery::Pages(query) => sessions::pages(events, query).into(),
        AnyQuery::Sessions(query) => sessions::sessions(events, query).into(),
        AnyQuery::Journeys(query) => journeys::journeys(events, query).into(),
        AnyQuery::Attribution(query) => attribution::attribution(events, query).into(),
        AnyQuery::Paths(query) => attribution::paths(events, query).into(),
        AnyQuery::Touches(query) => attribution::touches_of(events, query).into(),
        AnyQuery::NumericTexts(query) => numeric_texts::numeric_texts(events, query).into(),
        AnyQuery::Changes(query) => changes::changes(events, query).into(),
        AnyQuery::RuleChanges(query) => rule_changes::rule_changes(events, query).into(),
        #[allow(unreachable_patterns, reason = "a new query may have no reference implementation yet")]
        _ => return None,
    })
}

fn event(events: &[Event], query: &EventQuery) -> Option<Event> {
    let matches = |event: &&Event| event.event_id == query.event_id && query.range.contains(event.timestamp);
    events.iter().find(matches).cloned()
}

pub(super) fn events(events: &[Event], query: &EventsQuery) -> EventsResponse {
    let chosen = selected(events, query.range, &query.events, &query.filters);
    let mut rows: Vec<Event> = chosen.into_iter().map(|event| event.event.clone()).collect();
    rows.sort_by_key(|event| Reverse((event.timestamp, event.event_id.clone())));
    rows.truncate(query.limit.get());
    EventsResponse { rows, next: None }
}

fn visitors<'c, 'a: 'c>(events: impl IntoIterator<Item = &'c Chosen<'a>>) -> u64 {
    events.into_iter().map(|event| &event.event.anonymous_id).collect::<BTreeSet<_>>().len() as u64
}

fn sources(events: &[Event], query: &SourcesQuery) -> SourcesResponse {
    let mut groups: BTreeMap<(String, Option<String>), Vec<Chosen<'_>>> = BTreeMap::new();
    let [source_column, medium_column] = query.attribution.columns();
    for event in selected(events, query.range, &query.events, &query.filters) {
        let medium = query.by_medium.then(|| key(&event, &medium_column).unwrap_or_default());
        let source = key(&event, &source_column).unwrap_or_default();
        groups.entry((source, medium)).or_default().push(event);
    }
    let mut rows: Vec<SourcesRow> = groups
        .into_iter()
        .map(|((source, medium), events)| {
            let is_paid = |event: &&Chosen<'_>| key(event, &medium_column).as_deref() == Some("paid");
            let paid = events.iter().filter(is_paid).count();
            let paid_share = paid as f64 / events.len() as f64;
            SourcesRow { source, medium, events: events.len() as u64, uniques: visitors(&events), paid_share }
        })
        .collect();
    rows.sort_by_key(|row| Reverse(row.events));
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    SourcesResponse { rows, truncated, other: 0, approximate: false }
}

fn names(events: &[Event], query: &NamesQuery) -> NamesResponse {
    let mut groups: BTreeMap<String, Vec<Chosen<'_>>> = BTreeMap::new();
    for event in chosen(events, query.range, &query.filters) {
        groups.entry(event.event_name.clone()).or_default().push(event);
    }
    let ever = TimeRange::new(Timestamp::MIN, Timestamp::MAX).expect("all times are a range");
    let of_all_times = chosen(events, ever, &query.filters);
    let row = |(event_name, events): (String, Vec<Chosen<'_>>)| {
        let times = || {
            let others = of_all_times.iter().filter(|event| event.event_name == event_name);
            events.iter().chain(others).map(|event| event.timestamp)
        };
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for name in events.iter().flat_map(|event| properties(event).into_iter().map(|(name, _)| name)) {
            *seen.entry(name).or_default() += 1;
        }
        let mut properties: Vec<_> =
            seen.into_iter().map(|(name, count)| PropertySeen { name, count }).collect();
        properties.sort_by_key(|property| Reverse(property.count));
        NamesRow {
            event_name: event_name.clone(),
            count: events.len() as u64,
            uniques: visitors(&events),
            first_seen: times().min().expect("a group has events"),
            last_seen: times().max().expect("a group has events"),
            properties,
            other_properties: 0,
        }
    };
    let mut rows: Vec<NamesRow> = groups.into_iter().map(row).collect();
    rows.sort_by_key(|row| Reverse(row.count));
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    NamesResponse { rows, truncated, other: 0, approximate: false }
}
