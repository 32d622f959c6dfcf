//! What queries return where ClickHouse by itself would decide otherwise, or could not be asked.

use chrono_tz::Tz;
use millimetric_core::event::Event;
use millimetric_core::query::{
    Cycle, CyclicBuckets, EventSelector, Limit, Metric, NamesQuery, Number, PropertySeen, RowLimit,
    StatsBuckets, StatsQuery,
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
