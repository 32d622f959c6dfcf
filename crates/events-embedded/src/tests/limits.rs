//! The limits of the engine: what it refuses, and how long or up to which number a guarantee holds.

use std::fs;

use millimetric_core::event::Event;
use millimetric_core::query::{
    Column, EventSelector, Filter, Metric, Number, PagesQuery, PagesRow, PagesSort, StatsQuery,
    StatsResponse, StatsRow,
};
use tempfile::TempDir;

use crate::tests::{Clock, open, options_at};
use crate::wal::manifest::Manifest;
use crate::wal::stored::LogRow;
use crate::{EmbeddedStore, OpenError, Options};
use millimetric_events::suite::ids;
use millimetric_events::suite::sample::{event, ever, limit, scope};
use millimetric_events::{Appended, EventStore, EventStoreExt as _, LocalError, StoreError};

#[tokio::test]
async fn a_directory_has_one_owner() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let error = EmbeddedStore::open(directory.path(), Options::default()).await.err().unwrap();
    let shown = error.to_string();
    assert!(matches!(error, OpenError::InUse { owner: Some(pid), .. } if pid == std::process::id()));
    assert!(shown.contains(&*directory.path().to_string_lossy()) && shown.contains("in use"), "{shown}");
    store.close().await;
    open(directory.path()).await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("data");
    let error = EmbeddedStore::open(&below, Options::default()).await.err().unwrap();
    assert!(matches!(error, OpenError::Unwritable { .. }));
    assert!(error.to_string().contains(&*below.to_string_lossy()), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("events.db"), vec![b'x'; 4096]).unwrap();
    let error = EmbeddedStore::open(directory.path(), Options::default()).await.err().unwrap();
    assert!(matches!(error, OpenError::Database { .. }), "{error}");
    assert!(error.to_string().contains("events.db"), "{error}");
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_stores_nothing() {
    let directory = TempDir::new().unwrap();
    let options = Options { queue_bytes: 10_000, ..Options::default() };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let many = (0..1000).map(|n| event(&n.to_string())).collect();
    assert!(matches!(store.append(scope(1), many).await, Err(StoreError::Overloaded)));
    assert_eq!(ids(&store, scope(1)).await, Vec::<String>::new());
    assert_eq!(store.append(scope(1), vec![event("1")]).await.unwrap().stored, 1);
}

#[tokio::test]
async fn a_closed_store_takes_no_events() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    store.close().await;
    assert!(matches!(store.append(scope(1), vec![event("a")]).await, Err(StoreError::Closing)));
    store.close().await;
}

#[tokio::test]
async fn a_duplicate_is_known_for_the_window_and_no_longer() {
    let directory = TempDir::new().unwrap();
    let days = [("2026-05-23T12:00:00Z", 0), ("2026-05-30T12:00:00Z", 1)];
    let store = open(directory.path()).await;
    store.append(scope(1), vec![event("a")]).await.unwrap();
    store.flush_now().await.unwrap();
    drop(store);
    for (day, stored) in days {
        let clock = Clock::at(day);
        let store = EmbeddedStore::open(directory.path(), options_at(&clock)).await.unwrap();
        crate::tests::until(
            &store,
            "dedup_filter_bytes",
            if stored == 0 { crate::tests::gauge(&store, "dedup_filter_bytes") } else { 0.0 },
        )
        .await;
        let again = store.append(scope(1), vec![event("a")]).await.unwrap();
        assert_eq!(again, Appended { stored, duplicates: 1 - stored }, "{day}");
    }
}

#[test]
fn what_a_full_disk_refused_is_gone_and_what_it_took_stays() {
    let directory = TempDir::new().unwrap();
    let row = |seq, bytes| LogRow { seq, scope: scope(1), rows: 1, frames: vec![7; bytes], columns: 19 };
    let mut acknowledged = Vec::new();
    let (mut manifest, _) = Manifest::open(directory.path(), [0; 16]).unwrap();
    manifest.connection.execute_batch("pragma max_page_count = 40").unwrap();
    for seq in 1..200 {
        // Two rows each: of a refused pair neither is stored.
        let pair = [row(2 * seq, 100), row(2 * seq + 1, if seq % 3 == 0 { 20_000 } else { 100 })];
        match manifest.append(&pair) {
            Ok(()) => acknowledged.extend([2 * seq, 2 * seq + 1]),
            Err(error) => assert!(matches!(error, StoreError::Local(LocalError::DiskFull)), "{error}"),
        }
    }
    assert!(acknowledged.len() > 10 && acknowledged.len() < 300, "{}", acknowledged.len());
    manifest.connection.execute_batch("pragma max_page_count = 100000").unwrap();
    manifest.append(&[row(1000, 100)]).unwrap();
    acknowledged.push(1000);
    // The connection is dropped without closing: only the content of the disk counts.
    drop(manifest);
    let (mut manifest, _) = Manifest::open(directory.path(), [0; 16]).unwrap();
    let mut stored = Vec::new();
    manifest.hot_log(|row| stored.push(row.unwrap().seq)).unwrap();
    assert_eq!(stored, acknowledged);
}

#[tokio::test]
async fn visitors_beyond_the_bound_are_estimated_and_the_answer_says_so() {
    let directory = TempDir::new().unwrap();
    let options = Options { exact_visitors: 2000, ..Options::default() };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let visit = |visitor: u32| Event {
        anonymous_id: format!("visitor-{visitor}"),
        medium: if visitor.is_multiple_of(2) { "paid".into() } else { "organic".into() },
        ..event(&visitor.to_string())
    };
    store.append(scope(1), (0..1000).map(visit).collect()).await.unwrap();
    store.flush_now().await.unwrap();
    let query = StatsQuery {
        range: ever(),
        events: EventSelector::Any,
        filters: Vec::new(),
        metric: Metric::Uniques,
        group_by: vec!["medium".parse().unwrap()],
        buckets: None,
        labels: false,
        limit: limit(10).into(),
    };
    let query = || store.query(scope(1), query.clone());
    let uniques = |response: &StatsResponse| -> Vec<u64> {
        let number = |row: &StatsRow| match row.value {
            Some(Number::Integer(number)) => number,
            _ => panic!("no count: {row:?}"),
        };
        response.rows.iter().map(number).collect()
    };
    let exact = query().await.unwrap();
    assert_eq!((uniques(&exact), exact.approximate), (vec![500, 500], false));
    store.append(scope(1), (1000..6000).map(visit).collect()).await.unwrap();
    let estimated = query().await.unwrap();
    assert!(estimated.approximate);
    for uniques in uniques(&estimated) {
        // Six standard errors, because the hash key of the store is random.
        assert!(uniques.abs_diff(3000) < 150, "{uniques}");
    }
}

#[tokio::test]
async fn few_visitors_in_many_rows_are_counted_exactly() {
    let directory = TempDir::new().unwrap();
    let options = Options { exact_visitors: 1000, ..Options::default() };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let visit = |number: u32, visitors: u32, name: &str| Event {
        anonymous_id: format!("{name}-{}", number % visitors),
        event_name: name.to_owned(),
        ..event(&format!("{name}-{number}"))
    };
    store.append(scope(1), (0..3000).map(|number| visit(number, 500, "often")).collect()).await.unwrap();
    store.flush_now().await.unwrap();
    let often = Filter::new(Column::EventName, "often");
    let query = |filters: Vec<Filter>| {
        let query = StatsQuery {
            range: ever(),
            events: EventSelector::Any,
            filters,
            metric: Metric::Uniques,
            group_by: Vec::new(),
            buckets: None,
            labels: false,
            limit: limit(1).into(),
        };
        store.query(scope(1), query)
    };
    let count = |response: StatsResponse| (response.rows[0].value, response.approximate);
    assert_eq!(count(query(Vec::new()).await.unwrap()), (Some(Number::Integer(500)), false));
    store.append(scope(1), (0..3000).map(|number| visit(number, 3000, "once")).collect()).await.unwrap();
    assert_eq!(count(query(vec![often]).await.unwrap()), (Some(Number::Integer(500)), false));
    assert!(query(Vec::new()).await.unwrap().approximate);
    let rate = |event: &str| {
        let query = StatsQuery {
            range: ever(),
            events: EventSelector::Named(event.to_owned()),
            filters: Vec::new(),
            metric: Metric::ConversionRate,
            group_by: Vec::new(),
            buckets: None,
            labels: false,
            limit: limit(1).into(),
        };
        store.query(scope(1), query)
    };
    for (event, expected) in [("often", 500.0 / 3500.0), ("once", 3000.0 / 3500.0), ("never", 0.0)] {
        let response = rate(event).await.unwrap();
        let Some(Number::Float(value)) = response.rows[0].value else { panic!("{response:?}") };
        assert!((value - expected).abs() < 0.03 && response.approximate, "{event}: {value}");
    }
}

#[tokio::test]
async fn visitors_beyond_the_bound_are_still_followed_one_by_one() {
    let directory = TempDir::new().unwrap();
    let options = Options { exact_visitors: 1000, ..Options::default() };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let visit = |number: u32| Event {
        anonymous_id: format!("visitor-{}", number % 5000),
        ..event(&number.to_string())
    };
    store.append(scope(1), (0..5000).map(visit).collect()).await.unwrap();
    store.flush_now().await.unwrap();
    store.append(scope(1), (5000..7000).map(visit).collect()).await.unwrap();
    let query = PagesQuery { range: ever(), filters: Vec::new(), sort: PagesSort::Views, limit: limit(10) };
    let pages = store.query(scope(1), query).await.unwrap();
    let expected = PagesRow {
        path: Some("/pricing".to_owned()),
        views: 7000,
        uniques: 5000,
        entries: 5000,
        exits: 5000,
        bounces: 3000,
    };
    assert_eq!((pages.rows, pages.sessions), (vec![expected], 5000));
}

#[tokio::test]
async fn visitors_of_all_scopes_together_have_a_bound_too() {
    let directory = TempDir::new().unwrap();
    let options = Options { exact_visitors: 10, ..options_at(&Clock::at("2026-05-16T12:01:00Z")) };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let uniques = || StatsQuery {
        range: ever(),
        events: EventSelector::Any,
        filters: Vec::new(),
        metric: Metric::Uniques,
        group_by: Vec::new(),
        buckets: None,
        labels: false,
        limit: limit(1).into(),
    };
    for number in 1..=5 {
        let visitor = |id: i32| Event { anonymous_id: format!("v{id}"), ..event(&format!("e{id}")) };
        store.append(scope(number), (0..8).map(visitor).collect()).await.unwrap();
    }
    // Twice, so that tables that were reset are rebuilt.
    for number in (1..=5).chain(1..=5) {
        let response = store.query(scope(number), uniques()).await.unwrap();
        assert_eq!(response.rows[0].value, Some(Number::Integer(8)), "scope {number}");
        let tables = store.state.scopes.all();
        let numbered: usize = tables.iter().map(|scope| scope.visitors(usize::MAX).len()).sum();
        // The visitors of the scope that was queried last may exceed the limit.
        assert!(numbered <= 2 * 10 + 8, "{numbered}");
    }
}
