//! The behaviours of erasures, retention and deleted scopes.

use millimetric_core::event::Event;
use millimetric_core::ids::ErasureId;
use millimetric_core::query::{Metric, Number, PAGE_VIEW, PagesQuery, PagesSort, StatsResponse};
use uuid::Uuid;

use super::requests::{all_exported, counting, forget};
use super::sample::{at, by, event, ever, limit, scope};
use super::{Engine, UnderTest};
use crate::{Appended, Subject};

pub async fn a_forgotten_user_is_hidden_at_once_and_stays_away<E: Engine>(mut engine: UnderTest<E>) {
    let theirs = |id: &str, time: &str| by(id, time, "v1", Some("anna"));
    let batch = vec![theirs("a", "2026-05-01T00:00:00Z"), by("b", "2026-05-01T00:00:00Z", "v1", Some("ben"))];
    engine.append(scope(1), batch).await;
    engine.settle().await;
    engine.append(scope(1), vec![theirs("c", "2026-05-02T00:00:00Z")]).await;
    let anna = Subject::User { user_id: "anna".to_owned(), include_linked: false };
    let request = forget(7, anna, "2026-05-03T00:00:00Z");
    engine.erase(scope(1), request.clone()).await;
    assert_eq!(engine.ids(scope(1)).await, ["b"]);
    let late = vec![theirs("late", "2026-05-02T12:00:00Z"), theirs("new", "2026-05-03T00:00:00Z")];
    let stored = engine.append(scope(1), late.clone()).await;
    assert_eq!(stored, Appended { stored: 1, duplicates: 0 });
    assert_eq!(engine.ids(scope(1)).await, ["new", "b"]);
    assert_eq!(engine.until_done(scope(1), request.id).await, 2);
    engine = engine.restart().await;
    let stored = engine.append(scope(1), late).await;
    assert_eq!(stored, Appended { stored: 0, duplicates: 1 });
    assert_eq!(engine.ids(scope(1)).await, ["new", "b"]);
    assert_eq!(engine.until_done(scope(1), request.id).await, 2);
}

pub async fn forgetting_a_user_takes_linked_visitors_along<E: Engine>(engine: UnderTest<E>) {
    let identify = |id: &str, visitor: &str| Event {
        event_name: "$identify".to_owned(),
        ..by(id, "2026-05-01T00:00:00Z", visitor, Some("anna"))
    };
    let batch = vec![by("a", "2026-04-01T00:00:00Z", "phone", None), identify("b", "phone")];
    engine.append(scope(1), batch).await;
    engine.settle().await;
    let batch = vec![
        identify("c", "laptop"),
        by("d", "2026-04-01T00:00:00Z", "laptop", None),
        by("e", "2026-04-01T00:00:00Z", "other", None),
        by("f", "2026-05-02T00:00:00Z", "cafe", Some("anna")),
        by("g", "2026-05-02T00:00:00Z", "cafe", None),
    ];
    engine.append(scope(1), batch).await;
    let anna = Subject::User { user_id: "anna".to_owned(), include_linked: true };
    let request = forget(8, anna, "2026-05-03T00:00:00Z");
    engine.erase(scope(1), request.clone()).await;
    assert_eq!(engine.ids(scope(1)).await, ["g", "e"]);
    assert_eq!(engine.until_done(scope(1), request.id).await, 5);
    assert_eq!(engine.ids(scope(1)).await, ["g", "e"]);
}

pub async fn a_placeholder_id_links_nobody<E: Engine>(engine: UnderTest<E>) {
    let identify = |id: &str, visitor: &str, user: &str| Event {
        event_name: "$identify".to_owned(),
        ..by(id, "2026-05-01T00:00:00Z", visitor, Some(user))
    };
    let batch = vec![
        identify("a", "undefined", "anna"),
        identify("b", "phone", "anna"),
        identify("c", "undefined", "ben"),
        identify("d", "laptop", "NULL"),
        by("e", "2026-05-01T00:00:00Z", "undefined", None),
        by("f", "2026-05-01T00:00:00Z", "phone", None),
        by("g", "2026-05-01T00:00:00Z", "laptop", None),
    ];
    engine.append(scope(1), batch).await;
    engine.settle().await;
    for (number, user, deleted, left) in
        [(20, "anna", 3, &["g", "e", "d", "c"][..]), (21, "NULL", 1, &["g", "e", "c"][..])]
    {
        let subject = Subject::User { user_id: user.to_owned(), include_linked: true };
        let request = forget(number, subject, "2026-05-03T00:00:00Z");
        engine.erase(scope(1), request.clone()).await;
        assert_eq!(engine.until_done(scope(1), request.id).await, deleted, "{user}");
        assert_eq!(engine.ids(scope(1)).await, left, "{user}");
    }
    // Who asks for the events of a placeholder itself gets them erased.
    let request =
        forget(22, Subject::Visitor { anonymous_id: "undefined".to_owned() }, "2026-05-03T00:00:00Z");
    engine.erase(scope(1), request.clone()).await;
    assert_eq!(engine.until_done(scope(1), request.id).await, 2);
    assert_eq!(engine.ids(scope(1)).await, ["g"]);
}

pub async fn a_forgotten_visitor_may_come_back_later<E: Engine>(engine: UnderTest<E>) {
    let batch =
        vec![by("a", "2026-05-01T00:00:00Z", "v1", None), by("b", "2026-05-01T00:00:00Z", "v2", None)];
    engine.append(scope(1), batch).await;
    let request = forget(9, Subject::Visitor { anonymous_id: "v1".to_owned() }, "2026-05-02T00:00:00Z");
    engine.erase(scope(1), request.clone()).await;
    let later = by("c", "2026-05-02T00:00:00Z", "v1", None);
    engine.append(scope(1), vec![later]).await;
    assert_eq!(engine.until_done(scope(1), request.id).await, 1);
    assert_eq!(engine.ids(scope(1)).await, ["c", "b"]);
}

pub async fn what_was_counted_before_shows_nobody_who_is_forgotten<E: Engine>(engine: UnderTest<E>) {
    let view = |id: &str, visitor: &str| Event {
        event_name: PAGE_VIEW.to_owned(),
        session_id: format!("session of {visitor}"),
        ..by(id, "2026-05-01T00:00:00Z", visitor, None)
    };
    let batch = vec![view("a", "v1"), view("b", "v1"), view("c", "v2")];
    engine.append(scope(1), batch).await;
    engine.settle().await;
    let counted = async || {
        let whole = |response: StatsResponse| response.rows[0].value;
        let events = engine.query(scope(1), counting(Metric::Count)).await;
        let visitors = engine.query(scope(1), counting(Metric::Uniques)).await;
        let (range, filters, limit) = (ever(), Vec::new(), limit(1));
        let pages = PagesQuery { range, filters, sort: PagesSort::Views, limit };
        let pages = engine.query(scope(1), pages).await;
        (whole(events), whole(visitors), pages.sessions, pages.rows[0].views)
    };
    let of =
        |events, visitors| (Some(Number::Integer(events)), Some(Number::Integer(visitors)), visitors, events);
    for _ in 0..2 {
        assert_eq!(counted().await, of(3, 2));
    }
    let request = forget(12, Subject::Visitor { anonymous_id: "v1".to_owned() }, "2026-05-02T00:00:00Z");
    engine.erase(scope(1), request.clone()).await;
    assert_eq!(counted().await, of(1, 1), "at once");
    assert_eq!(engine.until_done(scope(1), request.id).await, 2);
    for _ in 0..2 {
        assert_eq!(counted().await, of(1, 1), "once it is done");
    }
}

pub async fn an_unknown_erasure_has_no_report<E: Engine>(engine: UnderTest<E>) {
    let request = forget(10, Subject::Visitor { anonymous_id: "v1".to_owned() }, "2026-05-02T00:00:00Z");
    engine.erase(scope(1), request.clone()).await;
    assert_eq!(engine.erasure(scope(2), request.id).await, None);
    let other = ErasureId::new(Uuid::from_u128(11));
    assert_eq!(engine.erasure(scope(1), other).await, None);
    let report = engine.erasure(scope(1), request.id).await.expect("known");
    assert_eq!((report.requested_at, report.events_deleted), (request.at, 0));
}

pub async fn expired_events_are_hidden_at_once<E: Engine>(mut engine: UnderTest<E>) {
    let days = ["2026-03-30", "2026-04-01", "2026-04-02", "2026-05-01"];
    let batch: Vec<Event> = days.iter().map(|day| Event { timestamp: at(day), ..event(day) }).collect();
    engine.append(scope(1), batch[..3].to_vec()).await;
    engine.settle().await;
    engine.append(scope(1), batch[3..].to_vec()).await;
    engine.expire(scope(1), at("2026-04-02")).await;
    for _ in 0..3 {
        assert_eq!(engine.ids(scope(1)).await, ["2026-05-01", "2026-04-02"]);
        assert_eq!(engine.exported(scope(1), all_exported()).await, [batch[2].clone(), batch[3].clone()]);
        engine.settle().await;
        engine = engine.restart().await;
    }
}

pub async fn a_dropped_scope_is_empty<E: Engine>(mut engine: UnderTest<E>) {
    let last = Event { timestamp: at("2099-12-31T23:59:59.999Z"), ..event("b") };
    engine.append(scope(1), vec![event("a"), last]).await;
    engine.append(scope(2), vec![event("a")]).await;
    assert_eq!(engine.ids(scope(1)).await, ["b", "a"]);
    engine.drop_scope(scope(1)).await;
    for _ in 0..2 {
        assert_eq!(engine.ids(scope(1)).await, Vec::<String>::new());
        assert_eq!(engine.ids(scope(2)).await, ["a"]);
        engine = engine.restart().await;
    }
}
