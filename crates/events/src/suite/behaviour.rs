//! The behaviours of the suite, one function each. Each starts an engine of its own.

use chrono_tz::Tz;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::ErasureId;
use millimetric_core::key::Env;
use millimetric_core::query::{
    Buckets, EventQuery, EventsQuery, EventsResponse, Interval, Metric, NamesQuery, NamesResponse, Number,
    PAGE_VIEW, PagesQuery, PagesSort, SourcesQuery, SourcesResponse, StatsQuery, StatsResponse, StatsRow,
};
use millimetric_core::time::{TimeRange, Timestamp};
use uuid::Uuid;

use super::Engine;
use super::sample::{at, event, ever, limit, range, scope};
use crate::{Appended, Erasure, ErasureStatus, EventStore, EventStoreExt as _, Subject};

pub fn all_events(range: TimeRange) -> EventsQuery {
    EventsQuery { range, filters: Vec::new(), limit: limit(1000), after: None }
}

fn counting(metric: Metric) -> StatsQuery {
    let (range, filters, group_by) = (ever(), Vec::new(), Vec::new());
    StatsQuery { range, filters, metric, group_by, buckets: None, limit: limit(1000) }
}

/// The ids of all events of a scope, newest first.
pub async fn ids(store: &dyn EventStore, scope: EventScope) -> Vec<String> {
    let response = store.query(scope, all_events(ever())).await.expect("answered");
    response.rows.into_iter().map(|row| row.event_id).collect()
}

/// Waits until the erasure is done and returns the number of events it deleted.
pub async fn until_done(store: &dyn EventStore, scope: EventScope, id: ErasureId) -> u64 {
    loop {
        let report = store.erasure(scope, id).await.expect("answered").expect("known");
        if report.status == ErasureStatus::Done {
            assert!(report.finished_at.is_some());
            return report.events_deleted;
        }
        tokio::task::yield_now().await;
    }
}

/// A request to erase a subject, made at this time.
pub fn forget(number: u128, subject: Subject, time: &str) -> Erasure {
    Erasure { id: ErasureId::new(Uuid::from_u128(number)), subject, at: at(time) }
}

fn by(id: &str, time: &str, visitor: &str, user: Option<&str>) -> Event {
    Event {
        timestamp: at(time),
        anonymous_id: visitor.to_owned(),
        user_id: user.map(str::to_owned),
        ..event(id)
    }
}

pub async fn an_event_is_read_back_as_it_was_stored<E: Engine>() {
    let mut engine = E::start().await;
    let full = Event {
        user_id: Some("u1".to_owned()),
        campaign: Some("Spring Sale".to_owned()),
        properties: r#"{"plan":"pro","quote":"\"é\""}"#.to_owned(),
        ..event("a")
    };
    let bare = Event { referrer: None, url: None, path: None, ..event("b") };
    let stored = engine.store().append(scope(1), vec![full.clone(), bare.clone()]).await.expect("stored");
    assert_eq!(stored, Appended { stored: 2, duplicates: 0 });
    for step in 0..3 {
        let response = engine.store().query(scope(1), all_events(ever())).await.expect("answered");
        assert_eq!(
            response,
            EventsResponse { rows: vec![bare.clone(), full.clone()], next: None },
            "step {step}"
        );
        if step == 0 {
            engine.settle().await;
        } else {
            engine = engine.restart().await;
        }
    }
}

pub async fn an_event_is_found_by_its_id_wherever_it_is_by_now<E: Engine>() {
    let mut engine = E::start().await;
    let ours = "evt_0190f3c0-a1b2-7c4d-8e9f-a0b1c2d3e4f5";
    let sent = vec![event("a"), event(ours), event("z")];
    engine.store().append(scope(1), sent).await.expect("stored");
    engine.store().append(scope(2), vec![event("b")]).await.expect("stored");
    for step in 0..3 {
        let find = async |range, id: &str| {
            let found = engine.store().query(scope(1), EventQuery { range, event_id: id.to_owned() }).await;
            found.expect("answered").map(|event| event.event_id)
        };
        for id in ["a", ours, "z"] {
            assert_eq!(find(ever(), id).await.as_deref(), Some(id), "step {step}");
        }
        assert_eq!(find(ever(), "b").await, None, "of another scope, step {step}");
        assert_eq!(
            find(range("2026-05-17", "2026-05-18"), "a").await,
            None,
            "outside the range, step {step}"
        );
        if step == 0 {
            engine.settle().await;
        } else {
            engine = engine.restart().await;
        }
    }
}

pub async fn an_event_is_stored_once_however_often_it_is_sent<E: Engine>() {
    let mut engine = E::start().await;
    let batch = || vec![event("a"), event("b"), event("a")];
    let first = engine.store().append(scope(1), batch()).await.expect("stored");
    assert_eq!(first, Appended { stored: 2, duplicates: 1 });
    for step in 0..4 {
        let again = engine.store().append(scope(1), batch()).await.expect("stored");
        assert_eq!(again, Appended { stored: 0, duplicates: 3 }, "step {step}");
        assert_eq!(ids(engine.store(), scope(1)).await, ["b", "a"], "step {step}");
        if step % 2 == 0 {
            engine = engine.restart().await;
        } else {
            engine.settle().await;
        }
    }
    let mixed = engine.store().append(scope(1), vec![event("b"), event("c")]).await.expect("stored");
    assert_eq!(mixed, Appended { stored: 1, duplicates: 1 });
}

pub async fn a_scope_never_sees_another<E: Engine>() {
    let engine = E::start().await;
    let test_side = EventScope { env: Env::Test, ..scope(1) };
    for (scope, id) in [(scope(1), "same"), (scope(2), "same"), (test_side, "same"), (scope(2), "two")] {
        let stored = engine.store().append(scope, vec![event(id)]).await.expect("stored");
        assert_eq!(stored.stored, 1);
    }
    for _ in 0..2 {
        assert_eq!(ids(engine.store(), scope(1)).await, ["same"]);
        assert_eq!(ids(engine.store(), scope(2)).await, ["two", "same"]);
        assert_eq!(ids(engine.store(), test_side).await, ["same"]);
        engine.settle().await;
    }
}

pub async fn pages_are_newest_first_and_follow_the_cursor<E: Engine>() {
    let engine = E::start().await;
    let times = ["2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z", "2026-04-30T00:00:00Z"];
    for (round, time) in times.into_iter().enumerate() {
        let batch = (0..5).map(|n| by(&format!("{round}{n}"), time, "v", None)).collect();
        engine.store().append(scope(1), batch).await.expect("stored");
        if round == 0 {
            engine.settle().await;
        }
    }
    let mut query = EventsQuery { limit: limit(4), ..all_events(ever()) };
    let mut pages = Vec::new();
    loop {
        let response = engine.store().query(scope(1), query.clone()).await.expect("answered");
        pages.push(response.rows.into_iter().map(|row| row.event_id).collect::<Vec<_>>().join(" "));
        query.after = response.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(pages, ["14 13 12 11", "10 04 03 02", "01 00 24 23", "22 21 20"]);
}

pub async fn a_page_is_stable_while_events_arrive<E: Engine>() {
    let engine = E::start().await;
    let batch = (0..6).map(|n| by(&format!("old{n}"), "2026-05-01T00:00:00Z", "v", None)).collect();
    engine.store().append(scope(1), batch).await.expect("stored");
    let query = EventsQuery { limit: limit(3), ..all_events(ever()) };
    let first = engine.store().query(scope(1), query.clone()).await.expect("answered");
    let newer = by("new", "2026-05-02T00:00:00Z", "v", None);
    engine.store().append(scope(1), vec![newer]).await.expect("stored");
    engine.settle().await;
    let second = EventsQuery { after: first.next, ..query };
    let second = engine.store().query(scope(1), second).await.expect("answered");
    assert_eq!(
        second.rows.iter().map(|row| row.event_id.as_str()).collect::<Vec<_>>(),
        ["old2", "old1", "old0"]
    );
    assert_eq!(second.next, None);
}

pub async fn a_scope_without_events_answers_nothing<E: Engine>() {
    let engine = E::start().await;
    let store = engine.store();
    assert_eq!(store.query(scope(9), all_events(ever())).await.expect("answered"), EventsResponse::default());
    let price = || millimetric_core::query::PropertyName::new("price").expect("a name");
    let cases = [
        (Metric::Count, Some(Number::Integer(0))),
        (Metric::Uniques, Some(Number::Integer(0))),
        (Metric::Sum(price()), Some(Number::Float(0.0))),
        (Metric::Avg(price()), None),
    ];
    for (metric, value) in cases {
        let response = store.query(scope(9), counting(metric)).await.expect("answered");
        assert_eq!(response.rows, [StatsRow { bucket: None, keys: Vec::new(), value }]);
    }
    let sources = SourcesQuery { range: ever(), filters: Vec::new(), by_medium: true, limit: limit(10) };
    assert_eq!(store.query(scope(9), sources).await.expect("answered"), SourcesResponse::default());
    let names = NamesQuery { range: ever(), limit: limit(10) };
    assert_eq!(store.query(scope(9), names).await.expect("answered"), NamesResponse::default());
    assert!(store.ready().await.is_ok());
}

pub async fn a_forgotten_user_is_hidden_at_once_and_stays_away<E: Engine>() {
    let mut engine = E::start().await;
    let theirs = |id: &str, time: &str| by(id, time, "v1", Some("anna"));
    let batch = vec![theirs("a", "2026-05-01T00:00:00Z"), by("b", "2026-05-01T00:00:00Z", "v1", Some("ben"))];
    engine.store().append(scope(1), batch).await.expect("stored");
    engine.settle().await;
    engine.store().append(scope(1), vec![theirs("c", "2026-05-02T00:00:00Z")]).await.expect("stored");
    let anna = Subject::User { user_id: "anna".to_owned(), include_linked: false };
    let request = forget(7, anna, "2026-05-03T00:00:00Z");
    engine.store().erase(scope(1), request.clone()).await.expect("queued");
    assert_eq!(ids(engine.store(), scope(1)).await, ["b"]);
    let late = vec![theirs("late", "2026-05-02T12:00:00Z"), theirs("new", "2026-05-03T00:00:00Z")];
    let stored = engine.store().append(scope(1), late.clone()).await.expect("stored");
    assert_eq!(stored, Appended { stored: 1, duplicates: 0 });
    assert_eq!(ids(engine.store(), scope(1)).await, ["new", "b"]);
    assert_eq!(until_done(engine.store(), scope(1), request.id).await, 2);
    engine = engine.restart().await;
    let stored = engine.store().append(scope(1), late).await.expect("stored");
    assert_eq!(stored, Appended { stored: 0, duplicates: 1 });
    assert_eq!(ids(engine.store(), scope(1)).await, ["new", "b"]);
    assert_eq!(until_done(engine.store(), scope(1), request.id).await, 2);
}

pub async fn forgetting_a_user_takes_linked_visitors_along<E: Engine>() {
    let engine = E::start().await;
    let identify = |id: &str, visitor: &str| Event {
        event_name: "$identify".to_owned(),
        ..by(id, "2026-05-01T00:00:00Z", visitor, Some("anna"))
    };
    let batch = vec![by("a", "2026-04-01T00:00:00Z", "phone", None), identify("b", "phone")];
    engine.store().append(scope(1), batch).await.expect("stored");
    engine.settle().await;
    let batch = vec![
        identify("c", "laptop"),
        by("d", "2026-04-01T00:00:00Z", "laptop", None),
        by("e", "2026-04-01T00:00:00Z", "other", None),
        by("f", "2026-05-02T00:00:00Z", "cafe", Some("anna")),
        by("g", "2026-05-02T00:00:00Z", "cafe", None),
    ];
    engine.store().append(scope(1), batch).await.expect("stored");
    let anna = Subject::User { user_id: "anna".to_owned(), include_linked: true };
    let request = forget(8, anna, "2026-05-03T00:00:00Z");
    engine.store().erase(scope(1), request.clone()).await.expect("queued");
    assert_eq!(ids(engine.store(), scope(1)).await, ["g", "e"]);
    assert_eq!(until_done(engine.store(), scope(1), request.id).await, 5);
    assert_eq!(ids(engine.store(), scope(1)).await, ["g", "e"]);
}

pub async fn a_forgotten_visitor_may_come_back_later<E: Engine>() {
    let engine = E::start().await;
    let batch =
        vec![by("a", "2026-05-01T00:00:00Z", "v1", None), by("b", "2026-05-01T00:00:00Z", "v2", None)];
    engine.store().append(scope(1), batch).await.expect("stored");
    let request = forget(9, Subject::Visitor { anonymous_id: "v1".to_owned() }, "2026-05-02T00:00:00Z");
    engine.store().erase(scope(1), request.clone()).await.expect("queued");
    let later = by("c", "2026-05-02T00:00:00Z", "v1", None);
    engine.store().append(scope(1), vec![later]).await.expect("stored");
    assert_eq!(until_done(engine.store(), scope(1), request.id).await, 1);
    assert_eq!(ids(engine.store(), scope(1)).await, ["c", "b"]);
}

pub async fn what_was_counted_before_shows_nobody_who_is_forgotten<E: Engine>() {
    let engine = E::start().await;
    let view = |id: &str, visitor: &str| Event {
        event_name: PAGE_VIEW.to_owned(),
        session_id: format!("session of {visitor}"),
        ..by(id, "2026-05-01T00:00:00Z", visitor, None)
    };
    let batch = vec![view("a", "v1"), view("b", "v1"), view("c", "v2")];
    engine.store().append(scope(1), batch).await.expect("stored");
    engine.settle().await;
    let counted = async || {
        let whole = |response: StatsResponse| response.rows[0].value;
        let store = engine.store();
        let events = store.query(scope(1), counting(Metric::Count)).await.expect("answered");
        let visitors = store.query(scope(1), counting(Metric::Uniques)).await.expect("answered");
        let (range, filters, limit) = (ever(), Vec::new(), limit(1));
        let pages = PagesQuery { range, filters, sort: PagesSort::Views, limit };
        let pages = store.query(scope(1), pages).await.expect("answered");
        (whole(events), whole(visitors), pages.sessions, pages.rows[0].views)
    };
    let of =
        |events, visitors| (Some(Number::Integer(events)), Some(Number::Integer(visitors)), visitors, events);
    for _ in 0..2 {
        assert_eq!(counted().await, of(3, 2));
    }
    let request = forget(12, Subject::Visitor { anonymous_id: "v1".to_owned() }, "2026-05-02T00:00:00Z");
    engine.store().erase(scope(1), request.clone()).await.expect("queued");
    assert_eq!(counted().await, of(1, 1), "at once");
    assert_eq!(until_done(engine.store(), scope(1), request.id).await, 2);
    for _ in 0..2 {
        assert_eq!(counted().await, of(1, 1), "once it is done");
    }
}

pub async fn an_unknown_erasure_has_no_report<E: Engine>() {
    let engine = E::start().await;
    let request = forget(10, Subject::Visitor { anonymous_id: "v1".to_owned() }, "2026-05-02T00:00:00Z");
    engine.store().erase(scope(1), request.clone()).await.expect("queued");
    assert_eq!(engine.store().erasure(scope(2), request.id).await.expect("answered"), None);
    let other = ErasureId::new(Uuid::from_u128(11));
    assert_eq!(engine.store().erasure(scope(1), other).await.expect("answered"), None);
    let report = engine.store().erasure(scope(1), request.id).await.expect("answered").expect("known");
    assert_eq!(report.requested_at, request.at);
}

pub async fn expired_events_are_hidden_at_once<E: Engine>() {
    let mut engine = E::start().await;
    let days = ["2026-03-30", "2026-04-01", "2026-04-02", "2026-05-01"];
    let batch: Vec<Event> = days.iter().map(|day| Event { timestamp: at(day), ..event(day) }).collect();
    engine.store().append(scope(1), batch[..3].to_vec()).await.expect("stored");
    engine.settle().await;
    engine.store().append(scope(1), batch[3..].to_vec()).await.expect("stored");
    engine.store().expire(scope(1), at("2026-04-02")).await.expect("expired");
    for _ in 0..3 {
        assert_eq!(ids(engine.store(), scope(1)).await, ["2026-05-01", "2026-04-02"]);
        engine.settle().await;
        engine = engine.restart().await;
    }
}

pub async fn a_dropped_scope_is_empty<E: Engine>() {
    let mut engine = E::start().await;
    let last = Event { timestamp: Timestamp::MAX, ..event("b") };
    engine.store().append(scope(1), vec![event("a"), last]).await.expect("stored");
    engine.store().append(scope(2), vec![event("a")]).await.expect("stored");
    engine.store().drop_scope(scope(1)).await.expect("dropped");
    for _ in 0..2 {
        assert_eq!(ids(engine.store(), scope(1)).await, Vec::<String>::new());
        assert_eq!(ids(engine.store(), scope(2)).await, ["a"]);
        engine = engine.restart().await;
    }
}

pub async fn buckets_follow_the_zones_own_calendar<E: Engine>() {
    let engine = E::start().await;
    // Berlin set its clocks back at 01:00 UTC on 2026-10-25, so that day has 25 hours.
    let times =
        ["2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"];
    let batch = times.iter().map(|time| by(time, time, "v", None)).collect();
    engine.store().append(scope(1), batch).await.expect("stored");
    let cases: [(Interval, &[(&str, u64)]); 4] = [
        (Interval::Day, &[("2026-10-23T22:00:00Z", 1), ("2026-10-24T22:00:00Z", 3)]),
        (
            Interval::Hour,
            &[
                ("2026-10-24T21:00:00Z", 1),
                ("2026-10-24T22:00:00Z", 1),
                ("2026-10-25T00:00:00Z", 1),
                ("2026-10-25T01:00:00Z", 1),
            ],
        ),
        (Interval::Week, &[("2026-10-18T22:00:00Z", 4)]),
        (Interval::Month, &[("2026-09-30T22:00:00Z", 4)]),
    ];
    for (interval, expected) in cases {
        let query = StatsQuery {
            range: range("2026-10-24", "2026-10-26"),
            buckets: Some(Buckets { interval, timezone: Tz::Europe__Berlin }),
            ..counting(Metric::Count)
        };
        let response = engine.store().query(scope(1), query).await.expect("answered");
        let rows: Vec<_> =
            response.rows.iter().map(|row| (row.bucket.expect("asked for"), row.value)).collect();
        let expected: Vec<_> =
            expected.iter().map(|(start, count)| (at(start), Some(Number::Integer(*count)))).collect();
        assert_eq!(rows, expected, "{interval:?}");
    }
}
