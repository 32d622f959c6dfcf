//! Floods of distinct names from untrusted senders: the size of a response stays bounded. The most frequent
//! groups are counted exactly, all others as one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use millimetric_core::event::Event;
use millimetric_core::query::{
    Attribution, Column, Dimension, EventSelector, Filter, FunnelQuery, FunnelSteps, FunnelWindow, GroupAt,
    JourneyDirection, JourneySteps, JourneysQuery, JourneysRow, Metric, NamesQuery, Number, PagesQuery,
    PagesSort, SourcesQuery, StatsQuery, StepOrder, Test,
};
use tempfile::TempDir;

use crate::tests::{Clock, options_at};
use crate::{EmbeddedStore, Options};
use millimetric_events::suite::sample::{at, event, ever, limit, scope};
use millimetric_events::{EventStore, EventStoreExt as _, QueryLimit, StoreError};

/// The option `query_groups` of these stores.
const GROUPS: usize = 64;
const FLOOD: usize = 3000;

/// A store in which five pages, names and sources have forty events each, and three thousand have one each.
/// Half of the events are in a segment.
async fn flooded(directory: &TempDir) -> EmbeddedStore {
    let options = Options { query_groups: GROUPS, ..options_at(&Clock::at("2026-05-16T12:01:00Z")) };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let frequent = (0..200).map(|number| (number, format!("known-{}", number % 5)));
    let rare = (200..200 + FLOOD).map(|number| (number, format!("flood-{number}")));
    let mut events: Vec<Event> = frequent.chain(rare).map(|(number, name)| named(number, &name)).collect();
    // The flood arrives between the frequent events.
    events.sort_by_key(|event| event.event_id.bytes().rev().collect::<Vec<_>>());
    let later = events.split_off(events.len() / 2);
    store.append(scope(1), events).await.unwrap();
    store.flush_now().await.unwrap();
    store.append(scope(1), later).await.unwrap();
    store
}

fn named(number: usize, name: &str) -> Event {
    Event {
        event_name: format!("event-{name}"),
        anonymous_id: format!("visitor-{}", number % 40),
        session_id: format!("session-{number}"),
        source: name.to_owned().into(),
        path: Some(format!("/{name}")),
        properties: format!(r#"{{"{name}":1,"always":2}}"#),
        ..event(&format!("id-{number}"))
    }
}

fn known(prefix: &str) -> Vec<String> {
    (0..5).map(|number| format!("{prefix}known-{number}")).collect()
}

#[tokio::test]
async fn the_most_frequent_groups_are_counted_exactly_and_the_others_together() {
    let directory = TempDir::new().unwrap();
    let store = flooded(&directory).await;
    for (column, prefix) in [(Column::Path, "/"), (Column::EventName, "event-"), (Column::Source, "")] {
        for (metric, value) in [(Metric::Count, 40), (Metric::Uniques, 8)] {
            let query = StatsQuery {
                range: ever(),
                events: EventSelector::Any,
                filters: Vec::new(),
                metric,
                group_by: vec![Dimension::Column(column)],
                buckets: None,
                labels: false,
                limit: limit(5).into(),
            };
            let response = store.query(scope(1), query).await.unwrap();
            let rows: BTreeMap<_, _> =
                response.rows.into_iter().map(|row| (row.keys[0].clone().unwrap(), row.value)).collect();
            let expected = known(prefix).into_iter().map(|name| (name, Some(Number::Integer(value))));
            assert_eq!(rows, expected.collect(), "{column}");
            assert!(response.truncated, "{column}");
            assert!(
                (FLOOD as u64 - GROUPS as u64..=FLOOD as u64).contains(&response.other),
                "{}",
                response.other
            );
        }
    }
}

/// Two of the eight visitors of each frequent page reach the goal, on pages and names of every frequency.
#[tokio::test]
async fn the_rates_of_the_most_frequent_groups_are_exact() {
    let directory = TempDir::new().unwrap();
    let store = flooded(&directory).await;
    let visitors: Vec<String> = (0..10).map(|number| format!("visitor-{number}")).collect();
    let conditions = vec![Filter::of(Column::AnonymousId, Test::OneOf(visitors))];
    let query = StatsQuery {
        range: ever(),
        events: EventSelector::Goal { slug: "first".parse().unwrap(), conditions },
        filters: Vec::new(),
        metric: Metric::ConversionRate,
        group_by: vec![Column::Path.into()],
        buckets: None,
        labels: false,
        limit: limit(1000).into(),
    };
    let response = store.query(scope(1), query).await.unwrap();
    assert!(response.truncated && response.other > 0 && response.rows.len() <= GROUPS);
    let mut rates: Vec<_> =
        response.rows.into_iter().map(|row| (row.keys[0].clone().unwrap(), row.value)).collect();
    rates.retain(|(path, _)| path.starts_with("/known"));
    let expected = known("/").into_iter().map(|path| (path, Some(Number::Float(0.25))));
    assert_eq!(rates, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn sources_pages_and_funnels_hold_the_most_frequent_too() {
    let directory = TempDir::new().unwrap();
    let store = flooded(&directory).await;
    for by_medium in [false, true] {
        let query = SourcesQuery {
            range: ever(),
            events: EventSelector::Any,
            filters: Vec::new(),
            by_medium,
            attribution: Attribution::Event,
            limit: limit(5),
        };
        let response = store.query(scope(1), query).await.unwrap();
        let mut rows: Vec<_> =
            response.rows.into_iter().map(|row| (row.source, row.events, row.uniques)).collect();
        rows.sort();
        assert_eq!(rows, known("").into_iter().map(|name| (name, 40, 8)).collect::<Vec<_>>());
        assert!(response.other > 0 && response.truncated);
    }
    let query = FunnelQuery {
        range: ever(),
        filters: Vec::new(),
        steps: FunnelSteps::new(vec!["event-known-1".to_owned(), "event-flood-300".to_owned()]).unwrap(),
        window: FunnelWindow::WEEK,
        order: StepOrder::Any,
        group_by: vec![Dimension::Column(Column::Path)],
        group_at: GroupAt::First,
        limit: limit(5),
    };
    let response = store.query(scope(1), query).await.unwrap();
    let groups: Vec<_> = response
        .groups
        .into_iter()
        .map(|group| (group.keys[0].clone().unwrap(), group.steps[0].visitors))
        .collect();
    assert_eq!((groups, response.other), (vec![("/known-1".to_owned(), 8)], 1));
}

#[tokio::test]
async fn pages_of_a_flood_are_one_and_every_session_counts() {
    let directory = TempDir::new().unwrap();
    let store = flooded(&directory).await;
    let views = (0..200).chain(200..1500).map(|number| {
        let name = if number < 200 { format!("known-{}", number % 5) } else { format!("flood-{number}") };
        let event_name = "$pageview".to_owned();
        Event { event_name, event_id: format!("view-{number}"), ..named(number, &name) }
    });
    store.append(scope(1), views.collect()).await.unwrap();
    for sort in [PagesSort::Views, PagesSort::Entries, PagesSort::Exits] {
        let query = PagesQuery { range: ever(), filters: Vec::new(), sort, limit: limit(5) };
        let response = store.query(scope(1), query).await.unwrap();
        let numbers =
            response.rows.iter().map(|row| (row.path.clone().unwrap(), row.views, row.entries, row.exits));
        let expected = known("/").into_iter().map(|path| (path, 40, 40, 40)).collect::<Vec<_>>();
        assert_eq!(numbers.collect::<Vec<_>>(), expected);
        // Every session has another event of the flood.
        assert_eq!((response.sessions, response.bounces, response.truncated), (1500, 0, true));
        assert!((1300 - GROUPS as u64..=1300).contains(&response.other), "{}", response.other);
    }
}

/// Each session signs up and sees one page; all of it is in one segment, or the pages are in another chunk.
#[tokio::test]
async fn the_most_frequent_journeys_are_counted_exactly() {
    for is_divided in [false, true] {
        let directory = TempDir::new().unwrap();
        let options = Options { query_groups: GROUPS, ..options_at(&Clock::at("2026-05-16T12:01:00Z")) };
        let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
        let name = |number: usize| match number {
            0..200 => format!("known-{}", number % 5),
            _ => format!("flood-{number}"),
        };
        let signup = |number| Event { event_name: "signup".to_owned(), ..named(number, &name(number)) };
        let page = |number| Event {
            event_name: "$pageview".to_owned(),
            event_id: format!("view-{number}"),
            timestamp: at("2026-05-16T12:00:30Z"),
            ..named(number, &name(number))
        };
        store.append(scope(1), (0..200 + FLOOD).map(signup).collect()).await.unwrap();
        if is_divided {
            store.flush_now().await.unwrap();
        }
        store.append(scope(1), (0..200 + FLOOD).map(page).collect()).await.unwrap();
        if !is_divided {
            store.flush_now().await.unwrap();
        }
        for direction in [JourneyDirection::Forwards, JourneyDirection::Backwards] {
            let query = JourneysQuery {
                range: ever(),
                start: if direction == JourneyDirection::Forwards { "signup" } else { "$pageview" }
                    .parse()
                    .unwrap(),
                filters: Vec::new(),
                direction,
                steps: JourneySteps::default(),
                page_views: true,
                limit: limit(5),
            };
            let response = store.query(scope(1), query).await.unwrap();
            let row = |path| JourneysRow { path: vec!["signup".to_owned(), path], sessions: 40, visitors: 8 };
            assert_eq!(response.rows, known("/").into_iter().map(row).collect::<Vec<_>>());
            assert_eq!((response.sessions, response.other), (200 + FLOOD as u64, FLOOD as u64));
        }
    }
}

#[tokio::test]
async fn a_flood_of_property_names_leaves_the_frequent_ones_and_their_exact_counts() {
    let directory = TempDir::new().unwrap();
    let options = options_at(&Clock::at("2026-05-16T12:01:00Z"));
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let long = "x".repeat(200);
    let with_new_names = |number: usize| {
        let mut names = String::new();
        for name in 0..100 {
            write!(names, r#","n{number}-{name}":1"#).unwrap();
        }
        let properties = format!(r#"{{"plan":"pro","{long}":1{names}}}"#);
        Event { event_name: "signup".to_owned(), properties, ..event(&format!("id-{number}")) }
    };
    for part in 0..2 {
        store.append(scope(1), (part * 100..part * 100 + 100).map(with_new_names).collect()).await.unwrap();
        if part == 0 {
            store.flush_now().await.unwrap();
        }
    }
    // Without and with cached results.
    for _ in 0..2 {
        let response = store
            .query(scope(1), NamesQuery { range: ever(), filters: Vec::new(), limit: limit(10) })
            .await
            .unwrap();
        let row = &response.rows[0];
        let first = &row.properties[0];
        assert_eq!((row.count, first.name.as_str(), first.count), (200, "plan", 200));
        let listed: u64 = row.properties.iter().map(|property| property.count).sum();
        assert_eq!(listed + row.other_properties, 200 * 102, "every property of every event is counted");
        assert!(row.properties.iter().all(|property| property.name != long));
    }
}

#[tokio::test]
async fn a_flood_of_event_names_leaves_the_properties_of_the_frequent_ones() {
    let directory = TempDir::new().unwrap();
    let options = options_at(&Clock::at("2026-05-16T12:01:00Z"));
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let named = |number: usize| {
        let known = number.is_multiple_of(10);
        let event_name = if known { "purchase".to_owned() } else { format!("flood-{number}") };
        let properties = format!(r#"{{"amount":5,"n{number}":1}}"#);
        Event { event_name, properties, ..event(&format!("id-{number}")) }
    };
    store.append(scope(1), (0..8000).map(named).collect()).await.unwrap();
    for _ in 0..2 {
        let response = store
            .query(scope(1), NamesQuery { range: ever(), filters: Vec::new(), limit: limit(1) })
            .await
            .unwrap();
        let row = &response.rows[0];
        assert_eq!((row.event_name.as_str(), row.count), ("purchase", 800));
        assert_eq!((row.properties[0].name.as_str(), row.properties[0].count), ("amount", 800));
        let listed: u64 = row.properties.iter().map(|property| property.count).sum();
        assert_eq!(listed + row.other_properties, 1600);
        store.flush_now().await.unwrap();
    }
}

#[tokio::test]
async fn a_query_beyond_its_time_or_memory_is_refused_as_that() {
    let directory = TempDir::new().unwrap();
    let clock = Clock::at("2026-05-16T12:01:00Z");
    let options = Options { query_timeout: std::time::Duration::ZERO, ..options_at(&clock) };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    store.append(scope(1), vec![event("1")]).await.unwrap();
    let query = || NamesQuery { range: ever(), filters: Vec::new(), limit: limit(10) };
    let late = store.query(scope(1), query()).await.unwrap_err();
    assert!(matches!(late, StoreError::QueryTooLarge(QueryLimit::Time)), "{late}");
    store.close().await;
    drop(store);
    let options = Options { query_bytes: 100, ..options_at(&clock) };
    let store = EmbeddedStore::open(directory.path(), options).await.unwrap();
    let large = store.query(scope(1), query()).await.unwrap_err();
    assert!(matches!(large, StoreError::QueryTooLarge(QueryLimit::Memory)), "{large}");
}
