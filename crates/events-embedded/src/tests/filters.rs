//! Filters: what of them is cached, and that no regular expression holds a thread for long.

use std::time::Duration;

use millimetric_core::event::Event;
use millimetric_core::query::{EventSelector, Filter, FilterList, Metric, Number, StatsQuery};
use tempfile::TempDir;

use crate::tests::{gauge, open, until};
use crate::{EmbeddedStore, Options};
use millimetric_events::suite::sample::{event, ever, limit, scope};
use millimetric_events::{EventStore, EventStoreExt as _, QueryLimit, StoreError};

async fn count(store: &EmbeddedStore, filters: &str) -> Result<u64, StoreError> {
    let filters: Vec<Filter> = filters.parse::<FilterList>().unwrap().into_vec();
    let query = StatsQuery {
        range: ever(),
        events: EventSelector::Any,
        filters,
        metric: Metric::Count,
        group_by: Vec::new(),
        buckets: None,
        labels: false,
        limit: limit(1).into(),
    };
    match store.query(scope(1), query).await?.rows[0].value {
        Some(Number::Integer(count)) => Ok(count),
        value => panic!("no count: {value:?}"),
    }
}

fn on_path(id: &str, path: &str) -> Event {
    Event { path: Some(path.to_owned()), ..event(id) }
}

#[tokio::test]
async fn which_rows_pass_is_computed_once_for_each_chunk() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path()).await;
    let paths = ["/blog/a", "/blog/b", "/pricing"];
    let events = |from: usize| (0..3).map(move |n| on_path(&format!("e{}", from + n), paths[n])).collect();
    store.append(scope(1), events(0)).await.unwrap();
    store.flush_now().await.unwrap();
    store.append(scope(1), events(3)).await.unwrap();
    for filters in [
        r#"[["contains","path",["blog"]]]"#,
        r#"[["matches","path",["^/b.*[ab]$"]]]"#,
        r#"[["not",["or",[["is","path",["/pricing"]],["missing","hostname"]]]]]"#,
    ] {
        assert_eq!(count(&store, filters).await.unwrap(), 4, "{filters}");
        let cached = gauge(&store, "cache_bytes");
        assert_eq!(count(&store, filters).await.unwrap(), 4, "{filters}");
        assert!((gauge(&store, "cache_bytes") - cached).abs() < 0.5, "{filters}");
    }
}

#[tokio::test]
async fn any_number_of_different_filters_fits_the_cache() {
    let directory = TempDir::new().unwrap();
    let options = Options { cache_bytes: 100_000, ..Options::default() };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    store.append(scope(1), vec![on_path("a", "/blog/7")]).await.unwrap();
    store.flush_now().await.unwrap();
    let long = "x".repeat(2000);
    for number in 0..200 {
        let filters = format!(r#"[["contains","path",["{long}{number}","/{number}"]]]"#);
        assert_eq!(count(&store, &filters).await.unwrap(), u64::from(number == 7));
        assert!(gauge(&store, "cache_bytes") <= 100_000.0);
    }
}

/// The expression needs a deterministic automaton of 2^40 states, so it is simulated, which takes time in
/// proportion to its length and that of the text.
#[tokio::test]
async fn a_query_with_an_expensive_expression_ends_at_its_deadline() {
    let directory = TempDir::new().unwrap();
    let options = Options { query_timeout: Duration::from_millis(100), ..Options::default() };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let path = |number: usize| -> String {
        let letters = (0..2000).map(|at| if (at * at + number * at) % 7 < 3 { 'a' } else { 'b' });
        "/".chars().chain(letters).chain(number.to_string().chars()).collect()
    };
    let events = (0..5000).map(|number| on_path(&number.to_string(), &path(number))).collect();
    store.append(scope(1), events).await.unwrap();
    let error = count(&store, r#"[["matches","path",["a[ab]{40}c"]]]"#).await.unwrap_err();
    assert!(matches!(error, StoreError::QueryTooLarge(QueryLimit::Time)), "{error}");
    until(&store, "query_threads", 0.0).await;
}
