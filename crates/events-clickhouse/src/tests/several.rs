//! Two stores over one database, as two processes have, and hosts that do not respond.

use millimetric_events::suite::sample::{at, by, event, scope};
use millimetric_events::suite::{forget, ids, until_done};
use millimetric_events::{Appended, EventStore as _, Subject};

use super::engine::{OnClickHouse, dead_host, with_url};
use crate::sql::Sql;
use crate::{ClickHouseStore, Options};

/// Two stores of one database; nothing if there is no server.
async fn two() -> Option<(OnClickHouse, ClickHouseStore)> {
    let first = OnClickHouse::started().await?;
    let second = ClickHouseStore::open(&first.url, Options::default()).await.unwrap();
    Some((first, second))
}

#[tokio::test]
async fn an_event_is_stored_once_whichever_process_it_is_sent_to() {
    let Some((first, second)) = two().await else { return };
    let batch = || vec![event("a"), event("b")];
    assert_eq!(first.store.append(scope(1), batch()).await.unwrap(), Appended { stored: 2, duplicates: 0 });
    assert_eq!(second.append(scope(1), batch()).await.unwrap(), Appended { stored: 0, duplicates: 2 });
    assert_eq!(ids(&second, scope(1)).await, ["b", "a"]);
}

#[tokio::test]
async fn copies_that_race_are_in_responses_once() {
    let Some((first, second)) = two().await else { return };
    let batch = || (0..100).map(|number| event(&format!("{number:03}"))).collect::<Vec<_>>();
    let both = tokio::join!(first.store.append(scope(1), batch()), second.append(scope(1), batch()));
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    assert_eq!(ids(&second, scope(1)).await.len(), 100);
}

#[tokio::test]
async fn a_person_erased_by_one_process_is_hidden_by_the_other_at_once() {
    let Some((first, second)) = two().await else { return };
    let theirs = |id: &str| by(id, "2026-05-01T00:00:00Z", "v1", Some("anna"));
    first.store.append(scope(1), vec![theirs("a"), event("b")]).await.unwrap();
    assert_eq!(ids(&second, scope(1)).await.len(), 2, "before, so that it remembers what is hidden");
    let anna = Subject::User { user_id: "anna".to_owned(), include_linked: false };
    let request = forget(1, anna, "2026-06-01");
    first.store.erase(scope(1), request.clone()).await.unwrap();
    assert_eq!(ids(&second, scope(1)).await, ["b"]);
    let late = second.append(scope(1), vec![theirs("c")]).await.unwrap();
    assert_eq!(late, Appended::default());
    assert_eq!(until_done(&second, scope(1), request.id).await, 1);
}

#[tokio::test]
async fn no_table_of_the_server_contains_the_id_of_an_erased_person() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let theirs = by("a", "2026-05-01T00:00:00Z", "visitor-of-anna", Some("anna@example.com"));
    engine.store.append(scope(1), vec![theirs]).await.unwrap();
    let anna = Subject::User { user_id: "anna@example.com".to_owned(), include_linked: true };
    let request = forget(1, anna, "2026-06-01");
    engine.store.erase(scope(1), request.clone()).await.unwrap();
    until_done(&engine.store, scope(1), request.id).await;
    for table in ["events", "requests", "settings", "system.mutations"] {
        let text = format!("SELECT count() FROM {table} WHERE toString(tuple(*)) LIKE '%anna%'");
        assert_eq!(engine.number(&Sql::new(text)).await, 0, "{table}");
    }
}

#[tokio::test]
async fn an_expired_event_is_deleted_from_disk() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let old = by("old", "2026-05-01T00:00:00Z", "v1", None);
    engine.store.append(scope(1), vec![old.clone(), event("new")]).await.unwrap();
    engine.store.append(scope(2), vec![old]).await.unwrap();
    engine.store.expire(scope(1), at("2026-05-02")).await.unwrap();
    engine.store.maintain_now().await.unwrap();
    assert_eq!(engine.number(&Sql::new("SELECT count() FROM events")).await, 2);
}

#[tokio::test]
async fn a_host_that_does_not_respond_is_passed_over() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let url = with_url(&engine.url, |url| url.hosts.insert(0, dead_host()));
    let store = ClickHouseStore::open(&url, Options::default()).await.unwrap();
    store.append(scope(1), vec![event("a")]).await.unwrap();
    assert_eq!(ids(&store, scope(1)).await, ["a"]);
    store.close().await;
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_reported_without_its_password() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let url = with_url(&engine.url, |url| {
        url.hosts = vec![dead_host()];
        url.password = "secret".to_owned();
    });
    let error = ClickHouseStore::open(&url, Options::default()).await.err().unwrap();
    assert_eq!(error.to_string(), "the event store does not respond: no connection to ClickHouse");
}

#[tokio::test]
async fn a_database_without_tables_is_refused_with_what_to_do() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let url = with_url(&engine.url, |url| url.database = "default".to_owned());
    let error = ClickHouseStore::open(&url, Options::default()).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "the database `default` has no tables of millimetric: run `millimetric schema apply`"
    );
}

#[tokio::test]
async fn applying_the_schema_again_changes_nothing() {
    let Some(engine) = OnClickHouse::started().await else { return };
    engine.store.append(scope(1), vec![event("a")]).await.unwrap();
    crate::schema::apply(&engine.url).await.unwrap();
    assert_eq!(engine.number(&Sql::new("SELECT count() FROM settings")).await, 2);
    assert_eq!(ids(&engine.store, scope(1)).await, ["a"]);
}
