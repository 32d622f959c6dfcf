//! What queries return where ClickHouse by itself would decide otherwise, or could not be asked.

use chrono_tz::Tz;
use millimetric_core::column::Column;
use millimetric_core::event::Event;
use millimetric_core::query::{
    Condition, Cycle, CyclicBuckets, Dimension, EventSelector, Filter, Limit, Metric, NamesQuery, Number,
    PropertyName, PropertySeen, RowLimit, StatsBuckets, StatsQuery, Test, TextOperator, TextTest,
};
use millimetric_events::suite::sample::{by, event, ever, range, scope};
use millimetric_events::{EventStore as _, EventStoreExt as _};

use super::engine::OnClickHouse;

#[tokio::test]
async fn properties_are_counted_beside_numbers_beyond_64_bits() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let with = |id: &str, properties: &str| Event { properties: properties.to_owned(), ..event(id) };
    let batch = vec![
        with("a", r#"{"order":123456789012345678901234567890,"plan":"x","plan":"y"}"#),
        with("b", r#"{"plan":1e999}"#),
        with("c", r#"{"\u0070lan":1}"#),
        with("d", "{}"),
    ];
    engine.store.append(scope(1), batch).await.unwrap();
    let query = NamesQuery { range: ever(), filters: Vec::new(), limit: RowLimit::MOST };
    let response = engine.store.query(scope(1), query).await.unwrap();
    let seen = |name: &str, count| PropertySeen { name: name.to_owned(), count };
    assert_eq!(response.rows[0].count, 4);
    assert_eq!(response.rows[0].properties, [seen("plan", 3), seen("order", 1)]);
}

#[tokio::test]
async fn a_property_is_grouped_by_its_value_in_whatever_form_it_was_sent() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let with = |id: &str, properties: &str| Event { properties: properties.to_owned(), ..event(id) };
    let plain = [
        r#"{"plan":"x"}"#,
        r#"{"plan":"ü","other":"plan"}"#,
        r#"{"plan":""}"#,
        r#"{"plan":null}"#,
        r#"{"a":{"plan":"z"}}"#,
        "{}",
    ];
    let others = [
        r#"{"order":123456789012345678901234567890,"plan":"x"}"#,
        r#"{"plan":"y","plan":"x"}"#,
        r#"{"\u0070lan":"x"}"#,
        r#"{"plan":1.50}"#,
    ];
    let events = |texts: &[&str], first: char| {
        texts.iter().zip(first..).map(|(text, id)| with(&id.to_string(), text)).collect()
    };
    let query = StatsQuery {
        range: ever(),
        events: EventSelector::Any,
        filters: Vec::new(),
        metric: Metric::Count,
        group_by: vec![Dimension::Property(PropertyName::new("plan").unwrap())],
        buckets: None,
        labels: false,
        limit: Limit::Rows(RowLimit::MOST),
    };
    let row = |text: Option<&str>, count| (vec![text.map(str::to_owned)], Some(Number::Integer(count)));
    let expected_of_plain = vec![row(None, 3), row(Some(""), 1), row(Some("x"), 1), row(Some("ü"), 1)];
    let expected_of_all =
        vec![row(Some("x"), 4), row(None, 3), row(Some(""), 1), row(Some("1.50"), 1), row(Some("ü"), 1)];
    for (texts, first, expected) in
        [(&plain[..], 'a', expected_of_plain), (&others[..], 'k', expected_of_all)]
    {
        engine.store.append(scope(1), events(texts, first)).await.unwrap();
        let response = engine.store.query(scope(1), query.clone()).await.unwrap();
        let rows: Vec<_> = response.rows.into_iter().map(|row| (row.keys, row.value)).collect();
        assert_eq!(rows, expected);
    }
}

#[tokio::test]
async fn the_hours_of_a_year_fit_into_a_request() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let batch = vec![
        by("a", "2025-06-01T10:10:00Z", "anna", None),
        by("b", "2025-06-02T10:10:00Z", "anna", None),
        by("c", "2026-02-01T11:10:00Z", "ben", None),
    ];
    engine.store.append(scope(1), batch).await.unwrap();
    let buckets = CyclicBuckets { cycle: Cycle::HourOfDay, timezone: Tz::Europe__Berlin };
    let query = StatsQuery {
        range: range("2025-01-15", "2026-03-01"),
        events: EventSelector::Any,
        filters: Vec::new(),
        metric: Metric::Uniques,
        group_by: Vec::new(),
        buckets: Some(StatsBuckets::Cyclic(buckets)),
        labels: false,
        limit: Limit::Rows(RowLimit::MOST),
    };
    let response = engine.store.query(scope(1), query).await.unwrap();
    let noon = response.rows[12].clone();
    assert_eq!(response.rows.len(), 24);
    assert_eq!((noon.value, noon.phase.and_then(|phase| phase.sum)), (Some(Number::Integer(2)), Some(3.0)));
}

#[tokio::test]
async fn a_regular_expression_means_the_same_in_either_engine() {
    let Some(engine) = OnClickHouse::started().await else { return };
    let paths =
        ["/", "/pricing", "/pric1", "/a\nb", "/ä/x", "/a.png", "/a-png", "/blog/12/", "/blog/12x", "a+b]"];
    let on_path = |(number, path): (usize, &&str)| Event {
        path: Some((*path).to_owned()),
        ..event(&number.to_string())
    };
    let events: Vec<Event> = paths.iter().enumerate().map(on_path).collect();
    engine.store.append(scope(1), events).await.unwrap();
    for expression in [
        "^/pric[a-z]+$",
        "^/a.b$",
        "^/a.*",
        "^/./x$",
        r"\.png$",
        "[^a-z]$",
        "^/blog/[0-9]+(/|$)",
        r"[+\]]$",
        "a|^/$",
        r"a\+b",
        "^/[a-z0-9-]+g?$",
        "",
        r"^/blog/\d+",
    ] {
        let test = TextTest::new(TextOperator::Matches, vec![expression.to_owned()], true).unwrap();
        let expected = paths.iter().filter(|path| test.passes(path)).count() as u64;
        let (column, negated) = (Dimension::Column(Column::Path), false);
        let query = StatsQuery {
            range: ever(),
            events: EventSelector::Any,
            filters: vec![Filter::Condition(Condition { column, negated, test: Test::Text(Box::new(test)) })],
            metric: Metric::Count,
            group_by: Vec::new(),
            buckets: None,
            labels: false,
            limit: Limit::Rows(RowLimit::MOST),
        };
        let response = engine.store.query(scope(1), query).await.unwrap();
        assert_eq!(response.rows[0].value, Some(Number::Integer(expected)), "{expression}");
    }
}
