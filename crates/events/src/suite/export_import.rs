//! The behaviours of export and import.

use futures_util::{StreamExt as _, TryStreamExt as _};
use millimetric_core::event::{Event, EventScope};
use millimetric_core::query::{Column, ExportQuery, Filter};

use super::sample::{at, event, ever, range, scope};
use super::{Engine, forget};
use crate::{Appended, EventStore, Subject};

/// The events in the first batches of an export, in order of time and id.
pub async fn exported(
    store: &dyn EventStore,
    scope: EventScope,
    query: ExportQuery,
    batches: usize,
) -> Vec<Event> {
    let batches: Vec<Vec<Event>> =
        store.export(scope, query).take(batches).try_collect().await.expect("exported");
    let mut events = batches.concat();
    events.sort_by(|a, b| (a.timestamp, &a.event_id).cmp(&(b.timestamp, &b.event_id)));
    events
}

fn all() -> ExportQuery {
    ExportQuery { range: ever(), filters: Vec::new() }
}

fn by(id: &str, user: Option<&str>) -> Event {
    Event { user_id: user.map(str::to_owned), ..event(id) }
}

pub async fn an_export_gives_every_event_of_the_query_once<E: Engine>() {
    let engine = E::start().await;
    let old = Event { timestamp: at("2020-01-01"), source: "bing".into(), ..event("old") };
    let flushed = vec![by("a", Some("anna")), by("b", None), old.clone()];
    engine.store().append(scope(1), flushed).await.expect("stored");
    engine.settle().await;
    engine.store().append(scope(1), vec![event("c"), by("d", Some("anna"))]).await.expect("stored");
    engine.store().append(scope(2), vec![event("other")]).await.expect("stored");
    let everything = exported(engine.store(), scope(1), all(), 100).await;
    assert_eq!(
        everything,
        [old.clone(), by("a", Some("anna")), event("b"), event("c"), by("d", Some("anna"))]
    );
    let bing = Filter { column: Column::Source, value: "bing".to_owned() };
    let filtered = ExportQuery { filters: vec![bing], ..all() };
    assert_eq!(exported(engine.store(), scope(1), filtered, 100).await, [old]);
    let may = ExportQuery { range: range("2026-05-16T12:00:00Z", "2026-06-01"), ..all() };
    assert_eq!(exported(engine.store(), scope(1), may, 100).await.len(), 4);
    let before = ExportQuery { range: range("2020-01-02", "2026-05-16T12:00:00Z"), ..all() };
    assert_eq!(exported(engine.store(), scope(1), before, 100).await, []);
    let anna = Subject::User { user_id: "anna".to_owned(), include_linked: false };
    engine.store().erase(scope(1), forget(1, anna, "2026-06-01")).await.expect("queued");
    let left = exported(engine.store(), scope(1), all(), 100).await;
    assert_eq!(left.len(), 3, "who is forgotten is in no export: {left:?}");
}

pub async fn an_import_stores_nothing_twice_and_brings_nobody_back<E: Engine>() {
    let engine = E::start().await;
    let events = vec![by("a", Some("anna")), by("b", None), event("c")];
    engine.store().append(scope(1), events[..2].to_vec()).await.expect("stored");
    engine.settle().await;
    let appended = engine.store().import(scope(1), events.clone()).await.expect("imported");
    assert_eq!(appended, Appended { stored: 1, duplicates: 2 });
    let again = engine.store().import(scope(1), events.clone()).await.expect("imported");
    assert_eq!(again, Appended { stored: 0, duplicates: 3 });
    assert_eq!(exported(engine.store(), scope(1), all(), 100).await, events);
    let anna = Subject::User { user_id: "anna".to_owned(), include_linked: false };
    engine.store().erase(scope(2), forget(1, anna, "2026-06-01")).await.expect("queued");
    let elsewhere = engine.store().import(scope(2), events).await.expect("imported");
    assert_eq!(elsewhere, Appended { stored: 2, duplicates: 0 });
    assert_eq!(exported(engine.store(), scope(2), all(), 100).await, [event("b"), event("c")]);
}
