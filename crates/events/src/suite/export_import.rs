//! The behaviours of export and import.

use millimetric_core::event::Event;
use millimetric_core::query::{Column, ExportQuery, Filter};

use super::requests::{all_exported, forget};
use super::sample::{at, event, range, scope};
use super::{Engine, UnderTest};
use crate::{Appended, Subject};

fn by(id: &str, user: Option<&str>) -> Event {
    Event { user_id: user.map(str::to_owned), ..event(id) }
}

pub async fn an_export_gives_every_event_of_the_query_once<E: Engine>(engine: UnderTest<E>) {
    let old = Event { timestamp: at("2020-01-01"), source: "bing".into(), ..event("old") };
    let first = vec![by("a", Some("anna")), by("b", None), old.clone()];
    engine.append(scope(1), first).await;
    engine.settle().await;
    engine.append(scope(1), vec![event("c"), by("d", Some("anna"))]).await;
    engine.append(scope(2), vec![event("other")]).await;
    let everything = engine.exported(scope(1), all_exported()).await;
    assert_eq!(
        everything,
        [old.clone(), by("a", Some("anna")), event("b"), event("c"), by("d", Some("anna"))]
    );
    let bing = Filter::new(Column::Source, "bing");
    let filtered = ExportQuery { filters: vec![bing], ..all_exported() };
    assert_eq!(engine.exported(scope(1), filtered).await, everything[..1]);
    let may = ExportQuery { range: range("2026-05-16T12:00:00Z", "2026-06-01"), ..all_exported() };
    assert_eq!(engine.exported(scope(1), may).await, everything[1..]);
    let before = ExportQuery { range: range("2020-01-02", "2026-05-16T12:00:00Z"), ..all_exported() };
    assert_eq!(engine.exported(scope(1), before).await, []);
    let anna = Subject::User { user_id: "anna".to_owned(), include_linked: false };
    engine.erase(scope(1), forget(1, anna, "2026-06-01")).await;
    let others = [old, event("b"), event("c")];
    assert_eq!(engine.exported(scope(1), all_exported()).await, others, "who is forgotten is in no export");
}

pub async fn an_import_stores_nothing_twice_and_brings_nobody_back<E: Engine>(engine: UnderTest<E>) {
    let events = vec![by("a", Some("anna")), by("b", None), event("c")];
    engine.append(scope(1), events[..2].to_vec()).await;
    engine.settle().await;
    let appended = engine.import(scope(1), events.clone()).await;
    assert_eq!(appended, Appended { stored: 1, duplicates: 2 });
    let again = engine.import(scope(1), events.clone()).await;
    assert_eq!(again, Appended { stored: 0, duplicates: 3 });
    assert_eq!(engine.exported(scope(1), all_exported()).await, events);
    let anna = Subject::User { user_id: "anna".to_owned(), include_linked: false };
    engine.erase(scope(2), forget(1, anna, "2026-06-01")).await;
    let elsewhere = engine.import(scope(2), events).await;
    assert_eq!(elsewhere, Appended { stored: 2, duplicates: 0 });
    assert_eq!(engine.exported(scope(2), all_exported()).await, [event("b"), event("c")]);
}

pub async fn an_import_recognises_events_however_long_ago_they_were_stored<E: Engine>(
    mut engine: UnderTest<E>,
) {
    let long_ago =
        |id: &str| Event { timestamp: at("2020-01-01"), received_at: at("2020-01-01"), ..event(id) };
    let events = vec![long_ago("a"), long_ago("evt_016f5e66-e800-7c4d-8e9f-a0b1c2d3e4f5")];
    engine.append(scope(1), events.clone()).await;
    for step in 0..3 {
        let appended = engine.import(scope(1), events.clone()).await;
        assert_eq!(appended, Appended { stored: 0, duplicates: 2 }, "step {step}");
        if step == 0 {
            engine.settle().await;
        } else {
            engine = engine.restart().await;
        }
    }
    assert_eq!(engine.exported(scope(1), all_exported()).await, events);
}
