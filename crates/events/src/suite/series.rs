//! Behaviours of `/v1/stats`: aggregates, hours of the day, and whole time series.

use chrono_tz::Tz;
use millimetric_core::event::Event;
use millimetric_core::query::{
    Aggregate, Buckets, Column, Cycle, CyclicBuckets, Dimension, Interval, Limit, Metric, Number,
    PropertyName, Skipped, StatsBuckets, StatsQuery, StatsResponse,
};

use super::requests::counting;
use super::sample::{by, limit, range, scope};
use super::{Engine, UnderTest};

fn of(aggregate: Aggregate) -> StatsQuery {
    counting(Metric::Of(aggregate, PropertyName::new("price").expect("a name")))
}

fn with(id: &str, properties: &str) -> Event {
    Event { properties: properties.to_owned(), ..by(id, "2026-05-16T12:00:00Z", "v", None) }
}

/// The keys and the value of each row.
fn rows(response: &StatsResponse) -> Vec<(Vec<Option<&str>>, Option<f64>)> {
    let value = |value| match value {
        Number::Integer(count) => count as f64,
        Number::Float(number) => number,
    };
    let row = |row: &millimetric_core::query::StatsRow| row.value.map(value);
    response.rows.iter().map(|of| (of.keys.iter().map(Option::as_deref).collect(), row(of))).collect()
}

pub async fn numbers_are_aggregated_and_what_is_none_is_skipped<E: Engine>(engine: UnderTest<E>) {
    let prices = ["3", "1", "2", "10", r#""12""#, "true", "null", "[4]", r#"{"a":1}"#];
    let mut batch: Vec<Event> = (0..)
        .zip(prices)
        .map(|(n, price)| with(&format!("e{n}"), &format!(r#"{{"price":{price}}}"#)))
        .collect();
    // A currency without an amount splits nothing.
    batch.push(with("other", r#"{"currency":"EUR"}"#));
    engine.append(scope(1), batch).await;
    for _ in 0..2 {
        for (aggregate, expected) in [
            (Aggregate::Sum, 16.0),
            (Aggregate::Avg, 4.0),
            (Aggregate::Min, 1.0),
            (Aggregate::Max, 10.0),
            (Aggregate::Median, 2.5),
            (Aggregate::P95, 3.0 + 7.0 * 0.85),
        ] {
            let response = engine.query(scope(1), of(aggregate)).await;
            let [(keys, Some(value))] = &rows(&response)[..] else { panic!("{response:?}") };
            assert!(keys.is_empty() && (value - expected).abs() < 1e-9, "{aggregate:?}: {response:?}");
            assert_eq!(response.skipped, Some(Skipped { missing: 2, not_numeric: 4 }));
            assert!(!response.by_currency);
        }
        engine.settle().await;
    }
}

pub async fn numbers_are_split_by_currency_if_one_has_one<E: Engine>(engine: UnderTest<E>) {
    let batch = vec![
        with("a", r#"{"price":5,"currency":"EUR"}"#),
        with("b", r#"{"price":7,"currency":" eur"}"#),
        with("c", r#"{"price":1,"currency":"USD"}"#),
        with("d", r#"{"price":2,"currency":"Taler"}"#),
        with("e", r#"{"currency":"CHF"}"#),
        with("f", r#"{"price":"9","currency":"CHF"}"#),
        with("g", "{}"),
    ];
    engine.append(scope(1), batch).await;
    for _ in 0..2 {
        let response = engine.query(scope(1), of(Aggregate::Sum)).await;
        let expected =
            [(vec![Some("EUR")], Some(12.0)), (vec![None], Some(2.0)), (vec![Some("USD")], Some(1.0))];
        assert_eq!(rows(&response), expected);
        assert_eq!(response.skipped, Some(Skipped { missing: 2, not_numeric: 1 }));
        assert!(response.by_currency);
        // Beside as many columns as a query takes.
        let columns = [Column::Path, Column::Source, Column::Medium, Column::Country];
        let group_by: Vec<Dimension> = columns.map(Dimension::Column).into();
        let response = engine.query(scope(1), StatsQuery { group_by, ..of(Aggregate::Max) }).await;
        let keys = |currency| vec![Some("/pricing"), Some("google"), Some("organic"), Some("DE"), currency];
        let expected =
            [(keys(Some("EUR")), Some(7.0)), (keys(None), Some(2.0)), (keys(Some("USD")), Some(1.0))];
        assert_eq!(rows(&response), expected);
        // A query that names a currency has its own.
        let group_by = vec![Dimension::Currency(Some("CHF"))];
        let response = engine.query(scope(1), StatsQuery { group_by, ..of(Aggregate::Sum) }).await;
        let expected =
            [(vec![Some("EUR")], Some(12.0)), (vec![Some("CHF")], Some(2.0)), (vec![Some("USD")], Some(1.0))];
        assert_eq!(rows(&response), expected);
        assert!(!response.by_currency);
        engine.settle().await;
    }
}

pub async fn hours_of_the_day_are_those_of_the_zones_clocks<E: Engine>(engine: UnderTest<E>) {
    // Berlin set its clocks back at 01:00 UTC on 2026-10-25: the hour from 02:00 came twice.
    let visits = [
        ("2026-10-24T00:30:00Z", "anna"),
        ("2026-10-25T00:30:00Z", "anna"),
        ("2026-10-25T00:40:00Z", "anna"),
        ("2026-10-25T01:30:00Z", "anna"),
        ("2026-10-25T01:40:00Z", "ben"),
        ("2026-10-25T02:30:00Z", "ben"),
    ];
    let batch = visits.map(|(time, visitor)| by(time, time, visitor, None)).into();
    engine.append(scope(1), batch).await;
    let timezone = Tz::Europe__Berlin;
    let by_cycle = |cycle, metric| StatsQuery {
        range: range("2026-10-23T22:00:00Z", "2026-10-25T23:00:00Z"),
        buckets: Some(StatsBuckets::Cyclic(CyclicBuckets { cycle, timezone })),
        ..counting(metric)
    };
    for _ in 0..2 {
        for (metric, at_two, at_three) in
            [(Metric::Count, (5.0, 5.0), (1.0, 1.0)), (Metric::Uniques, (2.0, 4.0), (1.0, 1.0))]
        {
            let response = engine.query(scope(1), by_cycle(Cycle::HourOfDay, metric)).await;
            let values = rows(&response);
            let phases: Vec<_> = response.rows.iter().map(|row| row.phase.expect("asked for")).collect();
            assert_eq!(
                phases.iter().map(|phase| phase.number).collect::<Vec<_>>(),
                (0..24).collect::<Vec<_>>()
            );
            for (hour, (phase, (_, value))) in phases.iter().zip(values).enumerate() {
                let (expected, sum) = match hour {
                    2 => at_two,
                    3 => at_three,
                    _ => (0.0, 0.0),
                };
                assert_eq!((value, phase.sum), (Some(expected), Some(sum)), "{hour}");
            }
        }
        let response = engine.query(scope(1), by_cycle(Cycle::DayOfWeek, Metric::Uniques)).await;
        let days: Vec<_> = response.rows.iter().map(|row| row.phase.expect("asked for")).collect();
        assert_eq!(
            days.iter().map(|day| (day.number, day.sum)).collect::<Vec<_>>(),
            [(6, Some(1.0)), (7, Some(2.0))]
        );
        let price = Metric::Of(Aggregate::Median, PropertyName::new("price").expect("a name"));
        let response = engine.query(scope(1), by_cycle(Cycle::DayOfWeek, price)).await;
        assert!(response.rows.len() == 2 && response.rows.iter().all(|row| row.value.is_none()));
        assert!(response.rows.iter().all(|row| row.phase.expect("asked for").sum.is_none()));
        engine.settle().await;
    }
}

pub async fn series_are_returned_whole_unless_rows_are_limited<E: Engine>(engine: UnderTest<E>) {
    let visit = |page: usize, day: usize| Event {
        path: Some(format!("/{page:03}")),
        ..by(&format!("{page}-{day}"), &format!("2026-05-{day:02}T12:00:00Z"), "v", None)
    };
    // Pages with higher numbers have more views.
    let pages = (0..120).flat_map(|page| (1..=3 + page / 60).map(move |day| visit(page, day)));
    engine.append(scope(1), pages.collect()).await;
    let query = |limit| StatsQuery {
        group_by: vec![Column::Path.into()],
        buckets: Some(Buckets { interval: Interval::Day, timezone: Tz::UTC }.into()),
        limit,
        ..counting(Metric::Count)
    };
    for _ in 0..2 {
        let response = engine.query(scope(1), query(Limit::Series)).await;
        assert!(response.truncated);
        // The sixty with four views, and of those with three the first forty.
        assert_eq!(response.rows.len(), 60 * 4 + 40 * 3);
        let last =
            response.rows.iter().filter_map(|row| row.keys[0].as_deref()).filter(|path| *path < "/060");
        assert_eq!(last.max(), Some("/039"));
        let cut = engine.query(scope(1), query(limit(7).into())).await;
        assert_eq!((cut.rows.len(), cut.truncated), (7, true));
        engine.settle().await;
    }
}
