//! The property test: random events, random questions, wherever the engine has put the events
//! meanwhile; its answers equal a naive recount.

use millimetric_core::event::Event;
use millimetric_core::query::{EventsAnswer, EventsQuestion};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::ask::{Question, questions};
use super::{Engine, naive, sample};
use crate::EventStore;

/// Batches, each followed by a settling or not.
type Batches = Vec<(Vec<Event>, bool)>;

pub(crate) async fn answers_equal_a_naive_recount<E: Engine>() {
    let config = Config {
        cases: 16,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x6d6d),
        ..Config::default()
    };
    let runtime = tokio::runtime::Handle::current();
    let ran = tokio::task::spawn_blocking(move || {
        let cases = (batches(), questions());
        TestRunner::new(config).run(&cases, |(batches, questions)| {
            runtime.block_on(one_case::<E>(batches, questions));
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

async fn one_case<E: Engine>(batches: Batches, questions: Vec<Question>) {
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
    for question in questions {
        // What was counted for the first answer may be kept for the second.
        for _ in 0..2 {
            check(engine.store(), &events, question.clone()).await;
        }
    }
}

async fn check(store: &dyn EventStore, events: &[Event], question: Question) {
    let scope = sample::scope(1);
    let shown = format!("{question:?}");
    match question {
        Question::Events(question) => {
            let expected =
                naive::events(events, &EventsQuestion { limit: sample::limit(1000), ..question.clone() });
            let rows = all_pages(store, question).await;
            assert_eq!(rows, expected.rows, "{shown}");
        }
        Question::Stats(question) => {
            let expected = naive::stats(events, &question);
            assert_eq!(store.stats(scope, question).await.expect("answered"), expected, "{shown}");
        }
        Question::Sources(question) => {
            let expected = naive::sources(events, &question);
            assert_eq!(store.sources(scope, question).await.expect("answered"), expected, "{shown}");
        }
        Question::Funnel(question) => {
            let expected = naive::funnel(events, &question);
            assert_eq!(store.funnel(scope, question).await.expect("answered"), expected, "{shown}");
        }
        Question::Retention(question) => {
            let expected = naive::retention(events, &question);
            assert_eq!(store.retention(scope, question).await.expect("answered"), expected, "{shown}");
        }
        Question::Pages(question) => {
            let expected = naive::pages(events, &question);
            assert_eq!(store.pages(scope, question).await.expect("answered"), expected, "{shown}");
        }
        Question::Sessions(question) => {
            let expected = naive::sessions(events, &question);
            assert_eq!(store.sessions(scope, question).await.expect("answered"), expected, "{shown}");
        }
        Question::Names(question) => {
            let expected = naive::names(events, &question);
            assert_eq!(store.names(scope, question).await.expect("answered"), expected, "{shown}");
        }
    }
}

async fn all_pages(store: &dyn EventStore, mut question: EventsQuestion) -> Vec<Event> {
    let mut rows = Vec::new();
    loop {
        let EventsAnswer { rows: page, next } =
            store.events(sample::scope(1), question.clone()).await.expect("answered");
        assert!(page.len() <= question.limit.get());
        rows.extend(page);
        if next.is_none() {
            return rows;
        }
        question.after = next;
    }
}
