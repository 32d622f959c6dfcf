//! The behaviours of stores whose content is moved.

use millimetric_core::event::Event;
use millimetric_core::ids::ErasureId;
use millimetric_core::time::Timestamp;
use uuid::Uuid;

use super::requests::{all_exported, forget};
use super::sample::{at, event, scope};
use super::{Engine, UnderTest};
use crate::{Deletions, ErasedPerson, ErasureStatus, Subject, Watermark};

fn by_anna(id: &str) -> Event {
    Event { user_id: Some("anna".to_owned()), ..event(id) }
}

fn anna() -> Subject {
    Subject::User { user_id: "anna".to_owned(), include_linked: false }
}

pub async fn loaded_events_are_stored_without_looking_up_their_ids<E: Engine>(engine: UnderTest<E>) {
    engine.append(scope(1), vec![event("a")]).await;
    let again = Event { timestamp: at("2026-05-20"), ..event("a") };
    assert_eq!(engine.load(scope(1), vec![again.clone(), event("b")]).await, 2);
    assert_eq!(engine.load(scope(1), Vec::new()).await, 0);
    engine.erase(scope(1), forget(1, anna(), "2026-06-01")).await;
    assert_eq!(engine.load(scope(1), vec![by_anna("c"), event("d")]).await, 1, "she was erased");
    engine.settle().await;
    let expected = [event("a"), event("b"), event("d"), again];
    assert_eq!(engine.exported(scope(1), all_exported()).await, expected);
    let engine = engine.restart().await;
    assert_eq!(engine.exported(scope(1), all_exported()).await, expected);
}

pub async fn periods_contain_all_events<E: Engine>(engine: UnderTest<E>) {
    assert_eq!(engine.periods(scope(1)).await, []);
    let times = ["2020-01-01", "2026-04-30", "2026-05-01"].map(at);
    let event_at =
        |(index, time): (usize, &Timestamp)| Event { timestamp: *time, ..event(&index.to_string()) };
    engine.append(scope(1), times[..2].iter().enumerate().map(event_at).collect()).await;
    engine.settle().await;
    engine.append(scope(1), vec![event_at((2, &times[2]))]).await;
    let periods = engine.periods(scope(1)).await;
    for time in times {
        assert!(periods.iter().any(|(first, last)| *first <= time && time <= *last), "{time}: {periods:?}");
    }
    assert_eq!(engine.periods(scope(2)).await, []);
}

pub async fn what_was_deleted_is_taken_over<E: Engine>(engine: UnderTest<E>) {
    engine.append(scope(1), vec![by_anna("a")]).await;
    engine.erase(scope(1), forget(1, anna(), "2026-06-01")).await;
    assert_eq!(engine.until_done(scope(1), ErasureId::new(Uuid::from_u128(1))).await, 1);
    engine.expire(scope(1), at("2026-01-01")).await;
    engine.drop_scope(scope(4)).await;
    let known = engine.deletions().await;
    let mut watermarks = known.watermarks.clone();
    watermarks.sort_unstable_by_key(|watermark| watermark.scope);
    let expired = Watermark { scope: scope(1), before: Some(at("2026-01-01")) };
    assert_eq!(watermarks, [expired, Watermark { scope: scope(4), before: None }]);

    // As if they came from another store: of a scope with events of hers, and of one without any event.
    engine.append(scope(2), vec![by_anna("b"), event("c")]).await;
    let person = known.erasures[0].clone();
    let of_scope = |number: u128| ErasedPerson {
        id: ErasureId::new(Uuid::from_u128(number)),
        scope: scope(number),
        ..person.clone()
    };
    let watermark = Watermark { scope: scope(2), before: Some(at("2026-05-01")) };
    let other =
        Deletions { erasures: vec![of_scope(2), of_scope(3)], watermarks: vec![watermark], ..known.clone() };
    engine.take_deletions(&other).await;
    assert_eq!(engine.exported(scope(2), all_exported()).await, [event("c")], "she is hidden at once");
    let [second, third] = [2, 3].map(|number| ErasureId::new(Uuid::from_u128(number)));
    engine.until_done(scope(2), second).await;
    let done = engine.erasure(scope(3), third).await.unwrap();
    assert_eq!((done.status, done.events_deleted), (ErasureStatus::Done, 1), "nothing is left to delete");
    engine.append(scope(3), vec![by_anna("d"), event("e")]).await;
    let early = Event { timestamp: at("2026-04-01"), ..event("f") };
    engine.append(scope(2), vec![early]).await;
    assert_eq!(engine.exported(scope(3), all_exported()).await, [event("e")]);
    assert_eq!(engine.exported(scope(2), all_exported()).await, [event("c")]);

    // What is known already is left as it is.
    engine.take_deletions(&other).await;
    engine.take_deletions(&known).await;
    assert_eq!(engine.deletions().await.erasures.len(), 3);
}
