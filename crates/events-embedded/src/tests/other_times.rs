//! What queries take from events outside their range: earlier first events, and when a name was seen.

use millimetric_core::event::Event;
use millimetric_core::query::{
    Buckets, Cohort, Column, EventSelector, Filter, Interval, NamesQuery, NewVisitors, RetentionQuery,
};
use millimetric_core::time::Timestamp;
use tempfile::TempDir;

use crate::tests::open;
use crate::{EmbeddedStore, Options};
use millimetric_events::suite::forget;
use millimetric_events::suite::sample::{at, by, limit, range, scope};
use millimetric_events::{EventStore as _, EventStoreExt as _, Subject};

fn retention(events: EventSelector, new: NewVisitors, filters: Vec<Filter>) -> RetentionQuery {
    let periods = Buckets { interval: Interval::Month, timezone: "UTC".parse().unwrap() };
    RetentionQuery {
        range: range("2026-05-01", "2026-06-01"),
        events,
        new,
        filters,
        return_event: None,
        periods,
    }
}

/// The number of visitors of the only cohort.
async fn cohort(store: &EmbeddedStore, query: RetentionQuery) -> u64 {
    let cohorts = store.query(scope(1), query).await.unwrap().cohorts;
    let [Cohort { visitors, returned, .. }] = &cohorts[..] else { panic!("{cohorts:?}") };
    assert_eq!(returned, &[*visitors]);
    *visitors
}

/// 1000 visitors come in April, 500 of them and 2000 others in May; one in ten pays.
#[tokio::test]
async fn new_visitors_are_told_from_others_however_many_there_are() {
    for exact_visitors in [10, 1000, 1_000_000] {
        let directory = TempDir::new().unwrap();
        let options = Options { exact_visitors, ..Options::default() };
        let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
        let visit = |month: &str, visitor: u32| Event {
            medium: if visitor.is_multiple_of(10) { "paid".into() } else { "organic".into() },
            ..by(&format!("{month}-{visitor}"), &format!("2026-{month}-10"), &format!("v{visitor}"), None)
        };
        for batch in [0..600, 600..1000] {
            store.append(scope(1), batch.map(|visitor| visit("04", visitor)).collect()).await.unwrap();
            store.flush_now().await.unwrap();
        }
        store.append(scope(1), (500..2000).map(|visitor| visit("05", visitor)).collect()).await.unwrap();
        store.flush_now().await.unwrap();
        store.append(scope(1), (2000..3000).map(|visitor| visit("05", visitor)).collect()).await.unwrap();
        let paid = || vec![Filter::new(Column::Medium, "paid")];
        let named = || EventSelector::Named("$pageview".to_owned());
        for _ in 0..2 {
            for (events, filters, ever, within) in [
                (EventSelector::Any, Vec::new(), 2000, 2500),
                (named(), Vec::new(), 2000, 2500),
                (EventSelector::Any, paid(), 200, 250),
                (named(), paid(), 200, 250),
            ] {
                let query = |new| retention(events.clone(), new, filters.clone());
                let label = format!("{exact_visitors} {events:?} {filters:?}");
                assert_eq!(cohort(&store, query(NewVisitors::Ever)).await, ever, "{label}");
                assert_eq!(cohort(&store, query(NewVisitors::Range)).await, within, "{label}");
            }
        }
        // Who came in April is not known any more.
        store.expire(scope(1), at("2026-05-01")).await.unwrap();
        let query = retention(EventSelector::Any, NewVisitors::Ever, Vec::new());
        assert_eq!(cohort(&store, query).await, 2500, "{exact_visitors}");
    }
}

/// First and last time of each name that occurs in May, by name.
async fn seen(store: &EmbeddedStore, filters: Vec<Filter>) -> Vec<(String, u64, Timestamp, Timestamp)> {
    let query = NamesQuery { range: range("2026-05-01", "2026-06-01"), filters, limit: limit(10) };
    let rows = store.query(scope(1), query).await.unwrap().rows;
    let mut seen: Vec<_> =
        rows.into_iter().map(|row| (row.event_name, row.count, row.first_seen, row.last_seen)).collect();
    seen.sort();
    seen
}

#[tokio::test]
async fn when_a_name_was_seen_is_of_all_that_is_stored() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let named = |name: &str, time: &str, visitor: &str| Event {
        event_name: name.to_owned(),
        ..by(&format!("{name}-{time}-{visitor}"), time, visitor, None)
    };
    for batch in [
        vec![named("a", "2026-01-05", "v1"), named("a", "2026-02-05", "v2"), named("c", "2026-01-01", "v1")],
        vec![named("b", "2026-03-05", "v2"), named("a", "2026-03-06", "v2")],
        vec![named("a", "2026-05-05", "v2"), named("b", "2026-05-06", "v3")],
        vec![named("a", "2026-07-05", "v3")],
    ] {
        store.append(scope(1), batch).await.unwrap();
        store.flush_now().await.unwrap();
    }
    store.append(scope(1), vec![named("b", "2026-05-31", "v3")]).await.unwrap();
    let row = |name: &str, count, first: &str, last: &str| (name.to_owned(), count, at(first), at(last));
    let rows = [row("a", 1, "2026-01-05", "2026-07-05"), row("b", 2, "2026-03-05", "2026-05-31")];
    for _ in 0..2 {
        assert_eq!(seen(&store, Vec::new()).await, rows, "of c, nothing is in the range");
    }
    let by_v2 = || vec![Filter::new(Column::AnonymousId, "v2")];
    assert_eq!(seen(&store, by_v2()).await, [row("a", 1, "2026-02-05", "2026-05-05")]);
    let erased = Subject::Visitor { anonymous_id: "v1".to_owned() };
    store.erase(scope(1), forget(1, erased, "2026-08-01")).await.unwrap();
    let rows = [row("a", 1, "2026-02-05", "2026-07-05"), row("b", 2, "2026-03-05", "2026-05-31")];
    assert_eq!(seen(&store, Vec::new()).await, rows);
    store.expire(scope(1), at("2026-03-06")).await.unwrap();
    let rows = [row("a", 1, "2026-03-06", "2026-07-05"), row("b", 2, "2026-05-06", "2026-05-31")];
    assert_eq!(seen(&store, Vec::new()).await, rows);
}
