//! Time series with more groups than are counted separately, and what they need of memory.

use std::collections::BTreeMap;

use millimetric_core::event::Event;
use millimetric_core::query::{
    Aggregate, Buckets, Column, Cycle, CyclicBuckets, EventSelector, Interval, Limit, Metric, Number,
    PropertyName, SessionColumn, SessionsQuery, StatsBuckets, StatsQuery, StatsResponse,
};
use tempfile::TempDir;

use crate::tests::{Clock, options_at};
use crate::{EmbeddedStore, Options};
use millimetric_events::suite::sample::{at, event, ever, limit, scope};
use millimetric_events::{EventStore, EventStoreExt as _, QueryLimit, StoreError};

/// The option `query_groups` of these stores.
const GROUPS: usize = 64;
const HOUR: i64 = 3_600_000;

/// A page view of a visitor in an hour.
fn view(path: &str, hour: i64, visitor: &str) -> Event {
    Event {
        timestamp: at("2026-05-04").plus_millis(hour * HOUR + 1),
        event_id: format!("{path}-{hour}-{visitor}"),
        anonymous_id: visitor.to_owned(),
        session_id: format!("{path}-{hour}-{visitor}"),
        path: Some(path.to_owned()),
        properties: format!(r#"{{"price":{hour}}}"#),
        ..event("")
    }
}

/// A store with these events and two thousand pages of one view each, half of them in a segment.
async fn flooded(directory: &TempDir, views: Vec<Event>) -> EmbeddedStore {
    let options = Options { query_groups: GROUPS, ..options_at(&Clock::at("2026-05-16T12:01:00Z")) };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let flood = (0..2000).map(|number| view(&format!("/flood/{number}"), number % 50, "bot"));
    let (first, second): (Vec<_>, Vec<_>) =
        views.into_iter().chain(flood).enumerate().partition(|(index, _)| index % 2 == 0);
    let events = |part: Vec<(usize, Event)>| part.into_iter().map(|(_, event)| event).collect();
    store.append(scope(1), events(first)).await.unwrap();
    store.flush_now().await.unwrap();
    store.append(scope(1), events(second)).await.unwrap();
    store
}

fn hourly(metric: Metric) -> StatsQuery {
    StatsQuery {
        range: ever(),
        events: EventSelector::Any,
        filters: Vec::new(),
        metric,
        group_by: vec![Column::Path.into()],
        buckets: Some(Buckets { interval: Interval::Hour, timezone: "UTC".parse().unwrap() }.into()),
        labels: false,
        limit: Limit::Series,
    }
}

/// The number of rows and the sum of the values of each page.
fn by_page(response: &StatsResponse) -> BTreeMap<String, (usize, u64)> {
    let mut pages = BTreeMap::new();
    for row in &response.rows {
        let (rows, sum): &mut (usize, u64) = pages.entry(row.keys[0].clone().unwrap()).or_default();
        *rows += 1;
        *sum += match row.value {
            Some(Number::Integer(value)) => value,
            Some(Number::Float(value)) => value as u64,
            None => 0,
        };
    }
    pages
}

#[tokio::test]
async fn series_are_whole_if_there_are_more_groups_than_are_counted_separately() {
    let directory = TempDir::new().unwrap();
    // One visitor in each of nine hours, which are rare groups, and thirty in the tenth.
    let views = (1..=5).flat_map(|page| {
        let path = format!("/{page}");
        let rare = (0..9).map({
            let path = path.clone();
            move |hour| view(&path, hour, "v")
        });
        rare.chain((0..25 + page).map(move |visitor| view(&path, 9, &format!("v{visitor}"))))
    });
    let store = flooded(&directory, views.collect()).await;
    for metric in [Metric::Count, Metric::Uniques] {
        let response = store.query(scope(1), hourly(metric)).await.unwrap();
        let mut pages = by_page(&response);
        pages.retain(|path, _| !path.starts_with("/flood"));
        let expected = (1..=5_u64).map(|page| (format!("/{page}"), (10, 34 + page)));
        assert_eq!(pages, expected.collect());
        assert!(response.truncated && response.other > 0, "{response:?}");
    }
    let sessions = SessionsQuery {
        range: ever(),
        filters: Vec::new(),
        group_by: vec![SessionColumn::EntryPath.into()],
        buckets: Some(Buckets { interval: Interval::Hour, timezone: "UTC".parse().unwrap() }),
        labels: false,
        limit: Limit::Series,
    };
    let response = store.query(scope(1), sessions).await.unwrap();
    let of_first = response.rows.iter().filter(|row| row.keys[0].as_deref() == Some("/1"));
    let of_first: Vec<u64> = of_first.map(|row| row.sessions).collect();
    assert_eq!(of_first, [1, 1, 1, 1, 1, 1, 1, 1, 1, 26]);
    assert!(response.truncated && response.other > 0);
}

#[tokio::test]
async fn fewer_series_are_returned_if_their_buckets_are_too_many() {
    let directory = TempDir::new().unwrap();
    let views = (1..=3_i64).flat_map(|page| {
        let path = format!("/{page}");
        (0..40 + page).map(move |hour| view(&path, hour, "v"))
    });
    let store = flooded(&directory, views.collect()).await;
    let response = store.query(scope(1), hourly(Metric::Count)).await.unwrap();
    assert_eq!(by_page(&response), BTreeMap::from([("/3".to_owned(), (43, 43))]));
    assert!(response.truncated && response.other > 0);
}

#[tokio::test]
async fn the_mean_of_visitors_needs_no_group_for_each_day() {
    let directory = TempDir::new().unwrap();
    let options = Options { query_groups: GROUPS, ..options_at(&Clock::at("2026-05-16T12:01:00Z")) };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    // Two visitors of each of three pages on each of a hundred days.
    let views = (0..100).flat_map(|day| {
        (1..=3).flat_map(move |page| {
            ["anna", "ben"].map(|visitor| view(&format!("/{page}"), day * 24 + page, visitor))
        })
    });
    store.append(scope(1), views.collect()).await.unwrap();
    for _ in 0..2 {
        let buckets = CyclicBuckets { cycle: Cycle::DayOfWeek, timezone: "UTC".parse().unwrap() };
        let query = StatsQuery { buckets: Some(StatsBuckets::Cyclic(buckets)), ..hourly(Metric::Uniques) };
        let response = store.query(scope(1), query).await.unwrap();
        let rows: Vec<_> = response
            .rows
            .iter()
            .map(|row| (row.phase.unwrap().number, row.phase.unwrap().sum.unwrap(), row.value))
            .collect();
        // A hundred days from a Monday: fifteen Mondays and Tuesdays, fourteen of the others.
        let expected: Vec<_> = (1..=7_u8)
            .flat_map(|day| [(day, if day <= 2 { 30.0 } else { 28.0 }, Some(Number::Integer(2))); 3])
            .collect();
        assert_eq!(rows, expected);
        assert!(!response.truncated);
        store.flush_now().await.unwrap();
    }
}

#[tokio::test]
async fn a_median_of_too_many_numbers_is_refused_as_too_large() {
    let directory = TempDir::new().unwrap();
    let clock = Clock::at("2026-05-16T12:01:00Z");
    let options = Options { query_bytes: 20_000, ..options_at(&clock) };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    store.append(scope(1), (0..2000).map(|hour| view("/", hour, "v")).collect()).await.unwrap();
    let price = PropertyName::new("price").unwrap();
    let whole = |aggregate| StatsQuery {
        buckets: None,
        group_by: Vec::new(),
        limit: limit(1).into(),
        ..hourly(Metric::Of(aggregate, price.clone()))
    };
    let sum = store.query(scope(1), whole(Aggregate::Sum)).await.unwrap();
    assert_eq!(sum.rows[0].value, Some(Number::Float(1_999_000.0)));
    for aggregate in [Aggregate::Median, Aggregate::P95] {
        let large = store.query(scope(1), whole(aggregate)).await.unwrap_err();
        assert!(matches!(large, StoreError::QueryTooLarge(QueryLimit::Memory)), "{large}");
    }
}
