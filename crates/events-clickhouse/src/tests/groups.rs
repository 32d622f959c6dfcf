//! Groups of batches that are stored at the same time. The server is stopped while they begin, so that none of them
//! is done before the next one.

use millimetric_core::event::Event;
use millimetric_events::suite::ids;
use millimetric_events::suite::sample::{event, scope};
use millimetric_events::{Appended, EventStore as _, StoreError};

use super::engine::OnClickHouse;
use crate::sql::Sql;
use crate::{ClickHouseStore, Options};

/// So many events do not wait for the group before them.
const MANY: u64 = 2_500;

/// `VIOLATED_CONSTRAINT`
const REFUSED: &str = "event store: ClickHouse exception 469";

/// [`MANY`] events.
fn many() -> Vec<Event> {
    (0..MANY).map(|number| event(&format!("{number:04}"))).collect()
}

/// Lets all other tasks run. The tests have one thread, so this needs no time.
async fn others_run() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// An event that the table refuses from now on.
fn refused(engine: &OnClickHouse, id: &str) -> Event {
    let database = &engine.url.database;
    let statement =
        format!("ALTER TABLE {database}.events ADD CONSTRAINT name CHECK event_name != 'refused'");
    engine.node.lock().query(&statement).unwrap();
    Event { event_name: "refused".to_owned(), ..event(id) }
}

/// Sends both batches while the server is stopped, the second when the first is being stored.
async fn both(
    engine: &OnClickHouse,
    first: Vec<Event>,
    second: Vec<Event>,
) -> [Result<Appended, StoreError>; 2] {
    engine.node.lock().pause();
    let second = async {
        others_run().await;
        let sent = async {
            others_run().await;
            engine.node.lock().resume();
        };
        tokio::join!(engine.store.append(scope(1), second), sent).0
    };
    <[_; 2]>::from(tokio::join!(engine.store.append(scope(1), first), second))
}

#[tokio::test]
async fn an_id_of_any_characters_is_found_again() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let texts =
        ["?", "??", "'", "\\", "\"]", "a\r\nb", "\r\n--", "\t", "\0", "ü", "{ids:String}", "NULL", "\\N"];
    let count = texts.len() as u64;
    let batch = || texts.map(event).to_vec();
    let first = engine.store.append(scope(1), batch()).await.unwrap();
    assert_eq!((first.stored, first.duplicates), (count, 0));
    let second = engine.store.append(scope(1), batch()).await.unwrap();
    assert_eq!((second.stored, second.duplicates), (0, count));
}

#[tokio::test]
async fn an_id_of_two_groups_is_stored_once_and_counted() {
    let Some(engine) = OnClickHouse::started_alone().await else { return };
    let [first, second] = both(&engine, vec![event("0000"), event("a")], many()).await;
    assert_eq!(first.unwrap(), Appended { stored: 2, duplicates: 0 });
    assert_eq!(second.unwrap(), Appended { stored: MANY - 1, duplicates: 1 });
    assert_eq!(engine.number(&Sql::new("SELECT count() FROM events")).await, MANY + 1);
}

#[tokio::test]
async fn a_batch_that_repeats_an_event_of_a_group_that_fails_fails_too() {
    let Some(engine) = OnClickHouse::started_alone().await else { return };
    let refused = refused(&engine, "0000");
    let [first, second] = both(&engine, vec![refused], many()).await;
    assert_eq!(first.unwrap_err().to_string(), REFUSED);
    assert_eq!(second.unwrap_err().to_string(), REFUSED);
    assert!(ids(&engine.store, scope(1)).await.is_empty());
    let again = engine.store.append(scope(1), many()).await.unwrap();
    assert_eq!(again, Appended { stored: MANY, duplicates: 0 });
}

#[tokio::test]
async fn groups_without_a_common_id_do_not_depend_on_each_other() {
    let Some(engine) = OnClickHouse::started_alone().await else { return };
    let refused = refused(&engine, "a");
    let [first, second] = both(&engine, vec![refused], many()).await;
    assert_eq!(first.unwrap_err().to_string(), REFUSED);
    assert_eq!(second.unwrap(), Appended { stored: MANY, duplicates: 0 });
}

#[tokio::test]
async fn closing_waits_for_every_group() {
    let Some(engine) = OnClickHouse::started_alone().await else { return };
    engine.node.lock().pause();
    let close = async {
        others_run().await;
        let close = async {
            engine.store.close().await;
            engine.number(&Sql::new("SELECT count() FROM events")).await
        };
        let resume = async {
            others_run().await;
            engine.node.lock().resume();
        };
        tokio::join!(close, resume).0
    };
    let few = engine.store.append(scope(1), vec![event("a")]);
    let (few, many, stored) = tokio::join!(few, engine.store.append(scope(2), many()), close);
    assert_eq!((few.unwrap().stored, many.unwrap().stored), (1, MANY));
    assert_eq!(stored, MANY + 1);
}

#[tokio::test]
async fn a_batch_belongs_to_the_queue_until_it_is_stored() {
    let Some(engine) = OnClickHouse::started_alone().await else { return };
    let store = ClickHouseStore::open(&engine.url, Options { queue_bytes: 1, ..Options::default() });
    let store = store.await.unwrap();
    let queued = || store.gauges().iter().find(|(name, _)| *name == "queue_bytes").map(|(_, bytes)| *bytes);
    engine.node.lock().pause();
    let second = async {
        others_run().await;
        let refused = store.append(scope(1), vec![event("b")]).await;
        engine.node.lock().resume();
        refused
    };
    let (first, second) = tokio::join!(store.append(scope(1), vec![event("a")]), second);
    assert_eq!(first.unwrap().stored, 1);
    assert!(matches!(second, Err(StoreError::Overloaded)), "{second:?}");
    assert_eq!(queued(), Some(0.0));
    assert_eq!(store.append(scope(1), vec![event("b")]).await.unwrap().stored, 1);
}
