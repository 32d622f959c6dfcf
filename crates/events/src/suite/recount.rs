//! A property test: for random events and queries, and whether or not the engine has done its background work
//! after each batch, its responses equal those of the reference implementation `naive`.

use std::sync::atomic::{AtomicU32, Ordering};

use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::{ErasureId, ReclassificationId};
use millimetric_core::query::{AnyQuery, AnyResponse, EventsQuery, EventsResponse, ExportQuery, Number};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use uuid::Uuid;

use super::queries::{queries, rules};
use super::{Engine, UnderTest, naive, sample};
use crate::{Appended, Erasure, Reclassify, Subject};

/// Batches, whether each is imported instead of appended, and whether it is followed by [`Engine::settle`].
type Batches = Vec<(Vec<Event>, bool, bool)>;

pub async fn answers_equal_a_naive_recount<E: Engine>(engine: UnderTest<E>) {
    let config = Config {
        cases: E::RECOUNT_CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x6d6d),
        max_shrink_time: 60_000,
        ..Config::default()
    };
    let runtime = tokio::runtime::Handle::current();
    let ran = tokio::task::spawn_blocking(move || {
        let case_number = AtomicU32::new(0);
        TestRunner::new(config).run(&(batches(), queries()), |(batches, queries)| {
            let scope = sample::scope(case_number.fetch_add(1, Ordering::Relaxed).into());
            runtime.block_on(Case { engine: &engine, scope }.run(batches, queries));
            Ok(())
        })
    });
    ran.await.expect("the cases ran to their end").expect("every response is equal");
}

fn batches() -> impl Strategy<Value = Batches> {
    (sample::events(400), 1..80_usize, any::<u16>(), any::<u16>()).prop_map(
        |(events, size, import, settle)| {
            let bit = |bits: u16, index: usize| bits >> (index % 16) & 1 == 1;
            let batch = |(index, events): (usize, &[Event])| {
                (events.to_vec(), bit(import, index), bit(settle, index))
            };
            events.chunks(size).enumerate().map(batch).collect()
        },
    )
}

/// Each case has a scope of its own.
struct Case<'a, E> {
    engine: &'a UnderTest<E>,
    scope: EventScope,
}

impl<E: Engine> Case<'_, E> {
    async fn run(&self, batches: Batches, queries: Vec<AnyQuery>) {
        self.check_all(&[], &queries, 1).await;
        let mut events = Vec::new();
        for (batch, import, settle) in batches {
            let stored = if import {
                self.engine.import(self.scope, batch.clone()).await
            } else {
                self.engine.append(self.scope, batch.clone()).await
            };
            assert_eq!(stored, Appended { stored: batch.len() as u64, duplicates: 0 });
            events.extend(batch);
            if settle {
                self.engine.settle().await;
            }
        }
        // The second run may use results that the first one has cached.
        self.check_all(&events, &queries, 2).await;
        let events = self.check_erased(events, &queries).await;
        self.check_reclassified(events, &queries).await;
    }

    /// Erases a visitor and a user up to a time between the events, and compares again, before and after the
    /// events have left the disk.
    async fn check_erased(&self, mut events: Vec<Event>, queries: &[AnyQuery]) -> Vec<Event> {
        let at = sample::at("2026-06-01");
        let visitor = Subject::Visitor { anonymous_id: "visitor-3".to_owned() };
        let user = Subject::User { user_id: "user-1".to_owned(), include_linked: false };
        let requests = [visitor, user].map(|subject| {
            let id = ErasureId::new(Uuid::now_v7());
            Erasure { id, subject, at }
        });
        for request in &requests {
            self.engine.erase(self.scope, request.clone()).await;
        }
        let is_theirs =
            |event: &Event| event.anonymous_id == "visitor-3" || event.user_id.as_deref() == Some("user-1");
        events.retain(|event| event.timestamp >= at || !is_theirs(event));
        self.check_all(&events, queries, 1).await;
        for request in requests {
            self.engine.until_done(self.scope, request.id).await;
        }
        self.check_all(&events, queries, 1).await;
        events
    }

    /// Classifies all events again, and compares once more.
    async fn check_reclassified(&self, mut events: Vec<Event>, queries: &[AnyQuery]) {
        let request = Reclassify { id: ReclassificationId::new(Uuid::now_v7()), range: None, rules: rules() };
        self.engine.reclassify(self.scope, request.clone()).await;
        self.engine.until_reclassified(self.scope, request.id).await;
        for event in &mut events {
            *event = naive::reclassified(event, &request.rules);
        }
        self.check_all(&events, queries, 1).await;
    }

    /// Runs each query as often as given, and compares each response with the expected one.
    async fn check_all(&self, events: &[Event], queries: &[AnyQuery], times: usize) {
        for query in queries {
            if let AnyQuery::Events(query) = query {
                self.check_pages(events, query, times).await;
                continue;
            }
            let expected = naive::response(events, query);
            for _ in 0..times {
                let response = self.engine.query_any(self.scope, query.clone()).await;
                assert_eq!(Some(rounded(response)), expected.clone().map(rounded), "{query:?}");
            }
        }
    }

    /// Compares every page of the query, and the export of the same events.
    async fn check_pages(&self, events: &[Event], query: &EventsQuery, times: usize) {
        let EventsQuery { range, events: selected, filters, limit, .. } = query.clone();
        let all = EventsQuery { limit: sample::limit(1000), ..query.clone() };
        let mut expected = naive::events(events, &all).rows;
        let mut pages = expected.chunks(limit.get()).collect::<Vec<_>>();
        if pages.is_empty() {
            pages.push(&[]);
        }
        for _ in 0..times {
            assert_eq!(self.pages(query.clone()).await, pages, "{query:?}");
        }
        expected.reverse();
        let export = ExportQuery { range, events: selected, filters };
        assert_eq!(self.engine.exported(self.scope, export.clone()).await, expected, "{export:?}");
    }

    /// The pages of a query, to the last one.
    async fn pages(&self, mut query: EventsQuery) -> Vec<Vec<Event>> {
        let mut pages = Vec::new();
        loop {
            let EventsResponse { rows, next } = self.engine.query(self.scope, query.clone()).await;
            pages.push(rows);
            if next.is_none() {
                return pages;
            }
            query.after = next;
        }
    }
}

/// Credits and numbers between two others are sums of fractions, so they are compared after rounding.
fn rounded(mut response: AnyResponse) -> AnyResponse {
    // Not at a border that a sum could be near to on both sides, like half of a unit.
    let round = |number: &mut f64| *number = (*number * 1e5 + 0.123).round();
    match &mut response {
        AnyResponse::Attribution(response) => {
            for row in response.rows.iter_mut().chain(&mut response.other) {
                row.credit.conversions.iter_mut().chain(&mut row.credit.value).for_each(round);
            }
        }
        AnyResponse::Stats(response) => {
            for row in &mut response.rows {
                if let Some(Number::Float(number)) = &mut row.value {
                    round(number);
                }
                row.phase.iter_mut().flat_map(|phase| &mut phase.sum).for_each(round);
            }
        }
        AnyResponse::Touches(response) => {
            response.touches.iter_mut().flat_map(|touch| &mut touch.weights).for_each(round);
        }
        _ => {}
    }
    response
}
