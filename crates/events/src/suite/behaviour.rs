//! The behaviours of storing and reading, one function each. Each has an engine of its own.

use chrono_tz::Tz;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::key::Env;
use millimetric_core::query::{
    Aggregate, Attribution, Buckets, EventQuery, EventSelector, EventsQuery, EventsResponse, Interval,
    Metric, NamesQuery, NamesResponse, Number, PropertyName, Skipped, SourcesQuery, SourcesResponse,
    StatsQuery, StatsResponse, StatsRow,
};

use super::requests::{all_events, all_exported, counting};
use super::sample::{at, by, event, ever, limit, range, scope};
use super::{Engine, UnderTest};
use crate::Appended;

pub async fn an_event_is_read_back_as_it_was_stored<E: Engine>(mut engine: UnderTest<E>) {
    let full = Event {
        user_id: Some("u1".to_owned()),
        campaign: Some("Spring Sale".to_owned()),
        properties: r#"{"plan":"pro","quote":"\"é\""}"#.to_owned(),
        ..event("a")
    };
    let bare = Event { referrer: None, url: None, path: None, ..event("b") };
    let stored = engine.append(scope(1), vec![full.clone(), bare.clone()]).await;
    assert_eq!(stored, Appended { stored: 2, duplicates: 0 });
    for step in 0..3 {
        let response = engine.query(scope(1), all_events(ever())).await;
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

pub async fn an_event_is_found_by_its_id_wherever_it_is_by_now<E: Engine>(mut engine: UnderTest<E>) {
    let ours = "evt_0190f3c0-a1b2-7c4d-8e9f-a0b1c2d3e4f5";
    let sent = vec![event("a"), event(ours), event("z")];
    engine.append(scope(1), sent).await;
    engine.append(scope(2), vec![event("b")]).await;
    for step in 0..3 {
        let find = async |range, id: &str| {
            let found = engine.query(scope(1), EventQuery { range, event_id: id.to_owned() }).await;
            found.map(|event| event.event_id)
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

pub async fn an_event_is_stored_once_however_often_it_is_sent<E: Engine>(mut engine: UnderTest<E>) {
    let batch = || vec![event("a"), event("b"), event("a")];
    let first = engine.append(scope(1), batch()).await;
    assert_eq!(first, Appended { stored: 2, duplicates: 1 });
    for step in 0..4 {
        let again = engine.append(scope(1), batch()).await;
        assert_eq!(again, Appended { stored: 0, duplicates: 3 }, "step {step}");
        assert_eq!(engine.ids(scope(1)).await, ["b", "a"], "step {step}");
        if step % 2 == 0 {
            engine = engine.restart().await;
        } else {
            engine.settle().await;
        }
    }
    assert_eq!(engine.append(scope(1), Vec::new()).await, Appended::default());
    let mixed = engine.append(scope(1), vec![event("b"), event("c")]).await;
    assert_eq!(mixed, Appended { stored: 1, duplicates: 1 });
}

pub async fn a_scope_never_sees_another<E: Engine>(engine: UnderTest<E>) {
    let test_side = EventScope { env: Env::Test, ..scope(1) };
    for (scope, id) in [(scope(1), "same"), (scope(2), "same"), (test_side, "same"), (scope(2), "two")] {
        let stored = engine.append(scope, vec![event(id)]).await;
        assert_eq!(stored, Appended { stored: 1, duplicates: 0 });
    }
    for _ in 0..2 {
        assert_eq!(engine.ids(scope(1)).await, ["same"]);
        assert_eq!(engine.ids(scope(2)).await, ["two", "same"]);
        assert_eq!(engine.ids(test_side).await, ["same"]);
        engine.settle().await;
    }
}

pub async fn pages_are_newest_first_and_follow_the_cursor<E: Engine>(engine: UnderTest<E>) {
    let times = ["2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z", "2026-04-30T00:00:00Z"];
    for (round, time) in times.into_iter().enumerate() {
        let batch = (0..5).map(|n| by(&format!("{round}{n}"), time, "v", None)).collect();
        engine.append(scope(1), batch).await;
        if round == 0 {
            engine.settle().await;
        }
    }
    let mut query = EventsQuery { limit: limit(4), ..all_events(ever()) };
    let mut pages = Vec::new();
    loop {
        let response = engine.query(scope(1), query.clone()).await;
        pages.push(response.rows.into_iter().map(|row| row.event_id).collect::<Vec<_>>().join(" "));
        query.after = response.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(pages, ["14 13 12 11", "10 04 03 02", "01 00 24 23", "22 21 20"]);
}

pub async fn a_page_is_stable_while_events_arrive<E: Engine>(engine: UnderTest<E>) {
    let batch = (0..6).map(|n| by(&format!("old{n}"), "2026-05-01T00:00:00Z", "v", None)).collect();
    engine.append(scope(1), batch).await;
    let query = EventsQuery { limit: limit(3), ..all_events(ever()) };
    let first = engine.query(scope(1), query.clone()).await;
    let newer = by("new", "2026-05-02T00:00:00Z", "v", None);
    engine.append(scope(1), vec![newer]).await;
    engine.settle().await;
    let second = EventsQuery { after: first.next, ..query };
    let second = engine.query(scope(1), second).await;
    assert_eq!(
        second.rows.iter().map(|row| row.event_id.as_str()).collect::<Vec<_>>(),
        ["old2", "old1", "old0"]
    );
    assert_eq!(second.next, None);
}

pub async fn a_scope_without_events_answers_nothing<E: Engine>(engine: UnderTest<E>) {
    engine.ready().await;
    assert_eq!(engine.query(scope(9), all_events(ever())).await, EventsResponse::default());
    let one = EventQuery { range: ever(), event_id: "a".to_owned() };
    assert_eq!(engine.query(scope(9), one).await, None);
    let price = || PropertyName::new("price").expect("a name");
    let cases = [
        (Metric::Count, Some(Number::Integer(0))),
        (Metric::Uniques, Some(Number::Integer(0))),
        (Metric::Of(Aggregate::Sum, price()), Some(Number::Float(0.0))),
        (Metric::Of(Aggregate::Avg, price()), None),
        (Metric::Of(Aggregate::Min, price()), None),
        (Metric::Of(Aggregate::P95, price()), None),
    ];
    for (metric, value) in cases {
        let skipped = metric.property().map(|_| Skipped::default());
        let response = engine.query(scope(9), counting(metric)).await;
        let rows = vec![StatsRow { value, ..StatsRow::default() }];
        assert_eq!(response, StatsResponse { rows, skipped, ..StatsResponse::default() });
    }
    let sources = SourcesQuery {
        range: ever(),
        events: EventSelector::Any,
        filters: Vec::new(),
        by_medium: true,
        attribution: Attribution::Event,
        limit: limit(10),
    };
    assert_eq!(engine.query(scope(9), sources).await, SourcesResponse::default());
    let names = NamesQuery { range: ever(), filters: Vec::new(), limit: limit(10) };
    assert_eq!(engine.query(scope(9), names).await, NamesResponse::default());
    assert_eq!(engine.exported(scope(9), all_exported()).await, []);
}

pub async fn buckets_follow_the_zones_own_calendar<E: Engine>(engine: UnderTest<E>) {
    // Berlin set its clocks back at 01:00 UTC on 2026-10-25, so that day has 25 hours.
    let times =
        ["2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"];
    let batch = times.iter().map(|time| by(time, time, "v", None)).collect();
    engine.append(scope(1), batch).await;
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
            buckets: Some(Buckets { interval, timezone: Tz::Europe__Berlin }.into()),
            ..counting(Metric::Count)
        };
        let response = engine.query(scope(1), query).await;
        let rows: Vec<_> =
            response.rows.iter().map(|row| (row.bucket.expect("asked for"), row.value)).collect();
        let expected: Vec<_> =
            expected.iter().map(|(start, count)| (at(start), Some(Number::Integer(*count)))).collect();
        assert_eq!(rows, expected, "{interval:?}");
    }
}

pub async fn hours_follow_clocks_that_change_by_half_an_hour<E: Engine>(engine: UnderTest<E>) {
    // Clocks of Lord Howe went back from 02:00 to 01:30 at 15:00 UTC.
    let times = ["14:59:59.999", "15:00:00", "15:29:59.999", "15:30:00", "16:29:59.999", "16:30:00"];
    let times = times.map(|time| format!("2026-04-04T{time}Z"));
    let batch = times.iter().map(|time| by(time, time, "v", None)).collect();
    engine.append(scope(1), batch).await;
    let query = StatsQuery {
        buckets: Some(Buckets { interval: Interval::Hour, timezone: Tz::Australia__Lord_Howe }.into()),
        ..counting(Metric::Count)
    };
    for _ in 0..2 {
        let response = engine.query(scope(1), query.clone()).await;
        let rows: Vec<_> = response.rows.iter().map(|row| (row.bucket, row.value)).collect();
        let expected = [("14:00", 1), ("15:00", 2), ("15:30", 2), ("16:30", 1)].map(|(start, count)| {
            (Some(at(&format!("2026-04-04T{start}:00Z"))), Some(Number::Integer(count)))
        });
        assert_eq!(rows, expected);
        engine.settle().await;
    }
}
