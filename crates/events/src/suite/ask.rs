//! Random questions over the values of `sample`: of every kind, with ranges, filters, groups and
//! buckets that hit some of them and miss others. Asks nothing itself.

use chrono_tz::Tz;
use millimetric_core::query::{
    Buckets, Column, Dimension, EventsQuestion, Filter, Interval, Metric, NamesQuestion, PropertyName,
    RowLimit, SourcesQuestion, StatsQuestion,
};
use millimetric_core::time::TimeRange;
use proptest::prelude::*;

use super::sample::{NAMES, PATHS, SOURCES, at, ever};

/// Any question.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Events(EventsQuestion),
    Stats(StatsQuestion),
    Sources(SourcesQuestion),
    Names(NamesQuestion),
}

pub(super) fn questions() -> impl Strategy<Value = Vec<Question>> {
    let question = prop_oneof![
        2 => events().prop_map(Question::Events),
        6 => stats().prop_map(Question::Stats),
        2 => sources().prop_map(Question::Sources),
        1 => (ranges(), limits()).prop_map(|(range, limit)| Question::Names(NamesQuestion { range, limit })),
    ];
    proptest::collection::vec(question, 12)
}

fn ranges() -> impl Strategy<Value = TimeRange> {
    let days = (-60..250_i64, 0..120_i64, 0..86_400_000_i64);
    let some = days.prop_map(|(start, length, odd)| {
        let from = at("2026-03-15").plus_millis(start * 86_400_000 + odd);
        TimeRange::new(from, from.plus_millis(length * 86_400_000 + 1)).expect("a millisecond is a range")
    });
    prop_oneof![Just(ever()), some]
}

fn limits() -> impl Strategy<Value = RowLimit> {
    prop_oneof![Just(1000), 1..8_u64].prop_map(|rows| RowLimit::new(rows).expect("within bounds"))
}

fn filters() -> impl Strategy<Value = Vec<Filter>> {
    let filter = |column, value: &str| Filter { column, value: value.to_owned() };
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
        ])
        .collect();
    proptest::collection::vec(proptest::sample::select(values), 0..3)
}

fn events() -> impl Strategy<Value = EventsQuestion> {
    (ranges(), filters(), limits()).prop_map(|(range, filters, limit)| EventsQuestion {
        range,
        filters,
        limit,
        after: None,
    })
}

fn sources() -> impl Strategy<Value = SourcesQuestion> {
    (ranges(), filters(), any::<bool>(), limits())
        .prop_map(|(range, filters, by_medium, limit)| SourcesQuestion { range, filters, by_medium, limit })
}

fn stats() -> impl Strategy<Value = StatsQuestion> {
    let property = |name: &str| PropertyName::new(name).expect("a name");
    let dimensions: Vec<Dimension> = Dimension::ALLOWED
        .iter()
        .filter(|name| !name.starts_with("properties."))
        .chain(&["properties.plan", "properties.price"])
        .map(|name| name.parse().expect("allowed"))
        .collect();
    let group_by = proptest::sample::subsequence(dimensions, 0..=StatsQuestion::MAX_DIMENSIONS);
    let metric = proptest::sample::select(vec![
        Metric::Count,
        Metric::Uniques,
        Metric::Uniques,
        Metric::Sum(property("price")),
        Metric::Avg(property("price")),
    ]);
    (ranges(), filters(), metric, group_by.prop_shuffle(), buckets(), limits()).prop_map(
        |(range, filters, metric, group_by, buckets, limit)| StatsQuestion {
            range,
            filters,
            metric,
            group_by,
            buckets,
            limit,
        },
    )
}

fn buckets() -> impl Strategy<Value = Option<Buckets>> {
    let intervals = vec![Interval::Hour, Interval::Day, Interval::Week, Interval::Month];
    let zones = vec![
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::America__Sao_Paulo,
        Tz::Asia__Kolkata,
        Tz::Australia__Lord_Howe,
    ];
    let some = (proptest::sample::select(intervals), proptest::sample::select(zones))
        .prop_map(|(interval, timezone)| Some(Buckets { interval, timezone }));
    prop_oneof![Just(None), some]
}
