//! A property test: for random events and queries, wherever the engine stores the events, its responses equal
//! those of the reference implementation `naive`.

use millimetric_core::event::Event;
use millimetric_core::query::{AnyQuery, EventsQuery, EventsResponse};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::queries::queries;
use super::{Engine, naive, sample};
use crate::{EventStore, EventStoreExt as _};

/// Batches, and whether each is followed by [`Engine::settle`].
type Batches = Vec<(Vec<Event>, bool)>;

pub async fn answers_equal_a_naive_recount<E: Engine>() {
    let config = Config {
        cases: 16,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x6d6d),
        ..Config::default()
    };
    let runtime = tokio::runtime::Handle::current();
    let ran = tokio::task::spawn_blocking(move || {
        let cases = (batches(), queries());
        TestRunner::new(config).run(&cases, |(batches, queries)| {
            runtime.block_on(one_case::<E>(batches, queries));
            Ok(())
        })
    });
    ran.await.expect("the cases ran to their end").expect("every answer is equal");
}

fn batches() -> impl Strategy<Value = Batches> {
    (sample::events(400), 1..80_usize, any::<u16>()).prop_map(|(events, size, settle)| {
        let batch = |(place, events): (usize, &[Event])| (events.to_vec(), settle >> (place % 16) & 1 == 1);
        events.chunks(size).enumerate().map(batch).collect()
    })
}

async fn one_case<E: Engine>(batches: Batches, queries: Vec<AnyQuery>) {
    let engine = E::start().await;
    let mut events = Vec::new();
    for (batch, settle) in batches {
        let stored = engine.store().append(sample::scope(1), batch.clone()).await.expect("stored");
        assert_eq!((stored.stored, stored.duplicates), (batch.len() as u64, 0));
        events.extend(batch);
        if settle {
            engine.settle().await;
        }
    }
    for query in queries {
        // The second run may use results that the first one has cached.
        for _ in 0..2 {
            check(engine.store(), &events, query.clone()).await;
        }
    }
}

async fn check(store: &dyn EventStore, events: &[Event], query: AnyQuery) {
    if let AnyQuery::Events(query) = &query {
        let expected = naive::events(events, &EventsQuery { limit: sample::limit(1000), ..query.clone() });
        assert_eq!(all_pages(store, query.clone()).await, expected.rows, "{query:?}");
        return;
    }
    let response = store.query_any(sample::scope(1), query.clone()).await.expect("answered");
    assert_eq!(Some(response), naive::response(events, &query), "{query:?}");
}

async fn all_pages(store: &dyn EventStore, mut query: EventsQuery) -> Vec<Event> {
    let mut rows = Vec::new();
    loop {
        let EventsResponse { rows: page, next } =
            store.query(sample::scope(1), query.clone()).await.expect("answered");
        assert!(page.len() <= query.limit.get());
        rows.extend(page);
        if next.is_none() {
            return rows;
        }
        query.after = next;
    }
}
