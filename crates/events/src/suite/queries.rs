//! Generates random queries of every kind over the values of `sample`, with ranges, filters, groups and
//! buckets that match some of the events.

mod changes;
mod filters;

use chrono_tz::Tz;
use millimetric_core::attribution::Model;
use millimetric_core::classify::{ProjectRules, RuleSettings};
use millimetric_core::goal::{Goal, GoalFilters, GoalTarget};
use millimetric_core::query::{
    Aggregate, AnyQuery, Attribution, AttributionQuery, Buckets, Conversions, Cycle, CyclicBuckets,
    Dimension, EventQuery, EventSelector, EventsQuery, FunnelQuery, FunnelSteps, GroupAt, Interval,
    JourneyDirection, JourneyStart, JourneySteps, JourneysQuery, Limit, Lookback, Metric, NamesQuery,
    NewVisitors, NumericTextsQuery, PagesQuery, PagesSort, PathsQuery, PropertyName, RetentionQuery,
    RowLimit, RuleChangesQuery, SessionColumn, SessionsQuery, SourcesQuery, StatsBuckets, StatsQuery,
    StepOrder, StepSelector, TouchesQuery, ValueProperty,
};
use millimetric_core::time::TimeRange;
use proptest::prelude::*;

use self::filters::filters;
use super::sample::{NAMES, at, ever};

pub(super) fn queries() -> impl Strategy<Value = Vec<AnyQuery>> {
    let query = prop_oneof![
        2 => events().prop_map(AnyQuery::Events),
        1 => one_event().prop_map(AnyQuery::Event),
        6 => stats().prop_map(AnyQuery::Stats),
        2 => sources().prop_map(AnyQuery::Sources),
        2 => (ranges(), filters(), limits())
            .prop_map(|(range, filters, limit)| AnyQuery::Names(NamesQuery { range, filters, limit })),
        5 => funnels().prop_map(AnyQuery::Funnel),
        3 => retentions().prop_map(AnyQuery::Retention),
        2 => pages().prop_map(AnyQuery::Pages),
        3 => sessions().prop_map(AnyQuery::Sessions),
        4 => journeys().prop_map(AnyQuery::Journeys),
        3 => attributions().prop_map(AnyQuery::Attribution),
        1 => paths().prop_map(AnyQuery::Paths),
        1 => touches().prop_map(AnyQuery::Touches),
        1 => (ranges(), limits())
            .prop_map(|(range, limit)| AnyQuery::NumericTexts(NumericTextsQuery { range, limit })),
        3 => changes::changes().prop_map(AnyQuery::Changes),
        1 => ranges().prop_map(|range| AnyQuery::RuleChanges(RuleChangesQuery { range, rules: rules() })),
    ];
    proptest::collection::vec(query, 20)
}

/// Rules of a project that match some of the events.
pub(super) fn rules() -> ProjectRules {
    let settings = r#"{"rules":[{"slug":"acme","source":"acme","medium":"partner","campaign":"All year",
        "when":[{"field":"query.ref","op":"is","value":"acme"}]}],
        "ignored_referrers":["pay.example"],"meta_clicks":"social"}"#;
    let settings: RuleSettings = serde_json::from_str(settings).expect("JSON");
    ProjectRules::new(settings).expect("these are rules")
}

fn ranges() -> impl Strategy<Value = TimeRange> {
    prop_oneof![Just(ever()), some_ranges()]
}

/// At most 120 days long.
fn some_ranges() -> impl Strategy<Value = TimeRange> {
    let days = (-60..250_i64, 0..120_i64, 0..86_400_000_i64);
    days.prop_map(|(start, length, odd)| {
        let from = at("2026-03-15").plus_millis(start * 86_400_000 + odd);
        TimeRange::new(from, from.plus_millis(length * 86_400_000 + 1)).expect("a millisecond is a range")
    })
}

fn limits() -> impl Strategy<Value = RowLimit> {
    prop_oneof![Just(1000), 1..8_u64].prop_map(|rows| RowLimit::new(rows).expect("within bounds"))
}

fn series_limits() -> impl Strategy<Value = Limit> {
    prop_oneof![2 => limits().prop_map(Limit::Rows), 1 => Just(Limit::Series)]
}

/// Everything, events of a name, and goals of each kind.
fn selectors() -> impl Strategy<Value = EventSelector> {
    let named =
        proptest::sample::select(NAMES.to_vec()).prop_map(|name| EventSelector::Named(name.to_owned()));
    prop_oneof![2 => Just(EventSelector::Any), 1 => named, 3 => goals().prop_map(|goal| goal.selector())]
}

/// Patterns that match some of the paths of the sample.
const PAGES: [&str; 11] =
    ["/", "/pricing", "/nothing", "*", "/*", "*/", "/*/b", "/p*i*g", "*pric*", "/a/b*", "/x*"];

fn goals() -> impl Strategy<Value = Goal> {
    let events = NAMES.into_iter().chain(["nothing"]);
    let events = events.map(|name| GoalTarget::Event(name.parse().expect("a name")));
    let pages = PAGES.into_iter().map(|path| GoalTarget::Page(path.parse().expect("a pattern")));
    let target = prop_oneof![
        proptest::sample::select(events.collect::<Vec<_>>()),
        proptest::sample::select(pages.collect::<Vec<_>>()),
    ];
    (target, prop_oneof![Just(GoalFilters::default()), filters::lists()]).prop_map(|(target, filters)| Goal {
        slug: "goal".parse().expect("a slug"),
        target,
        filters,
        value: None,
    })
}

fn events() -> impl Strategy<Value = EventsQuery> {
    (ranges(), selectors(), filters(), limits()).prop_map(|(range, events, filters, limit)| EventsQuery {
        range,
        events,
        filters,
        limit,
        after: None,
    })
}

/// Some of the ids of `sample::events`, and some that no event has.
fn one_event() -> impl Strategy<Value = EventQuery> {
    let id = (0..3_u8, 0..60_u8).prop_map(|(kind, index)| format!("e{kind}-{index}"));
    (ranges(), id).prop_map(|(range, event_id)| EventQuery { range, event_id })
}

fn sources() -> impl Strategy<Value = SourcesQuery> {
    let attribution = proptest::sample::select(vec![Attribution::Event, Attribution::Session]);
    (ranges(), selectors(), filters(), any::<bool>(), attribution, limits()).prop_map(
        |(range, events, filters, by_medium, attribution, limit)| SourcesQuery {
            range,
            events,
            filters,
            by_medium,
            attribution,
            limit,
        },
    )
}

fn groups(most: usize) -> impl Strategy<Value = Vec<Dimension>> {
    proptest::sample::subsequence(columns(), 0..=most).prop_shuffle()
}

/// What events can be grouped by.
fn columns() -> Vec<Dimension> {
    Dimension::allowed()
        .filter(|name| !name.starts_with("properties."))
        .chain(["properties.plan", "properties.price"])
        .map(|name| name.parse().expect("allowed"))
        .collect()
}

fn funnels() -> impl Strategy<Value = FunnelQuery> {
    let names: Vec<String> = NAMES.into_iter().chain(["nothing"]).map(str::to_owned).collect();
    let named = proptest::collection::vec(proptest::sample::select(names), 2..=5)
        .prop_map(|names| FunnelSteps::new(names).expect("two to five names"));
    let selected =
        (selectors(), filters()).prop_map(|(events, filters)| StepSelector::goal("any", events, filters));
    let page = (proptest::sample::select(PAGES.to_vec()), filters())
        .prop_map(|(path, filters)| StepSelector::page(path, &path.parse().expect("a pattern"), filters));
    let step = prop_oneof![3 => selected, 1 => page];
    let selected = proptest::collection::vec(step, 2..=4)
        .prop_map(|steps| FunnelSteps::of(steps).expect("two to four steps"));
    let steps = prop_oneof![named, selected];
    let windows = vec!["1s", "1h", "2d", "366d"];
    let window = proptest::sample::select(windows).prop_map(|window| window.parse().expect("a window"));
    let order = proptest::sample::select(vec![StepOrder::Strict, StepOrder::Any]);
    let group_at = proptest::sample::select(vec![GroupAt::First, GroupAt::Attempt]);
    (ranges(), filters(), steps, window, order, groups(2), group_at, limits()).prop_map(
        |(range, filters, steps, window, order, group_by, group_at, limit)| FunnelQuery {
            range,
            filters,
            steps,
            window,
            order,
            group_by,
            group_at,
            limit,
        },
    )
}

fn retentions() -> impl Strategy<Value = RetentionQuery> {
    let name = proptest::option::of(proptest::sample::select(NAMES.to_vec()).prop_map(str::to_owned));
    let periods = buckets().prop_map(|buckets| match buckets {
        Some(buckets) if buckets.interval != Interval::Hour => buckets,
        _ => Buckets { interval: Interval::Day, timezone: Tz::UTC },
    });
    let new = proptest::sample::select(vec![NewVisitors::Ever, NewVisitors::Range]);
    (some_ranges(), selectors(), new, filters(), name, periods).prop_map(
        |(range, events, new, filters, return_event, periods)| RetentionQuery {
            range,
            events,
            new,
            filters,
            return_event,
            periods,
        },
    )
}

fn pages() -> impl Strategy<Value = PagesQuery> {
    let sort = proptest::sample::select(vec![PagesSort::Views, PagesSort::Entries, PagesSort::Exits]);
    (ranges(), filters(), sort, limits()).prop_map(|(range, filters, sort, limit)| PagesQuery {
        range,
        filters,
        sort,
        limit,
    })
}

fn sessions() -> impl Strategy<Value = SessionsQuery> {
    let group_by = proptest::sample::subsequence(SessionsQuery::allowed().collect::<Vec<_>>(), 0..=2);
    (ranges(), filters(), group_by.prop_shuffle(), buckets(), series_limits()).prop_map(
        |(range, filters, group_by, buckets, limit)| SessionsQuery {
            range,
            filters,
            group_by,
            buckets,
            labels: false,
            limit,
        },
    )
}

fn journeys() -> impl Strategy<Value = JourneysQuery> {
    let events = NAMES.into_iter().chain(["nothing"]).map(|name| JourneyStart::Event(name.to_owned()));
    let pages =
        ["/pricing", "/*", "*", "/nothing"].map(|path| JourneyStart::Page(path.parse().expect("a pattern")));
    let start = proptest::sample::select(events.chain(pages).collect::<Vec<_>>());
    let filters = prop_oneof![Just(Vec::new()), filters()];
    let direction = proptest::sample::select(vec![JourneyDirection::Forwards, JourneyDirection::Backwards]);
    let steps = (2..=5_u64).prop_map(|steps| JourneySteps::new(steps).expect("within bounds"));
    (ranges(), start, filters, direction, steps, any::<bool>(), limits()).prop_map(
        |(range, start, filters, direction, steps, page_views, limit)| JourneysQuery {
            range,
            start,
            filters,
            direction,
            steps,
            page_views,
            limit,
        },
    )
}

fn lookbacks() -> impl Strategy<Value = Lookback> {
    proptest::sample::select(vec!["1d", "7d", "30d", "366d"])
        .prop_map(|text| text.parse().expect("a lookback"))
}

fn conversions() -> impl Strategy<Value = Conversions> {
    let currency = proptest::sample::select(vec![None, Some("EUR")]);
    let value = currency.prop_map(|currency| ValueProperty {
        property: PropertyName::new("price").expect("a name"),
        currency,
    });
    (selectors(), filters(), lookbacks(), any::<bool>(), proptest::option::of(value)).prop_map(
        |(events, filters, lookback, once, value)| Conversions { events, filters, lookback, once, value },
    )
}

fn attributions() -> impl Strategy<Value = AttributionQuery> {
    let columns: Vec<Dimension> = SessionColumn::ALL.into_iter().map(Dimension::Session).collect();
    let group_by = proptest::sample::subsequence(columns, 1..=3).prop_shuffle();
    let models = proptest::sample::subsequence(Model::ALL.to_vec(), 1..=6);
    (ranges(), conversions(), group_by, models, limits()).prop_map(
        |(range, conversions, group_by, models, limit)| AttributionQuery {
            range,
            conversions,
            group_by,
            models,
            limit,
        },
    )
}

fn paths() -> impl Strategy<Value = PathsQuery> {
    (ranges(), conversions(), limits()).prop_map(|(range, conversions, limit)| PathsQuery {
        range,
        conversions,
        limit,
    })
}

fn touches() -> impl Strategy<Value = TouchesQuery> {
    (one_event(), lookbacks()).prop_map(|(EventQuery { range, event_id }, lookback)| TouchesQuery {
        range,
        event_id,
        lookback,
    })
}

fn stats() -> impl Strategy<Value = StatsQuery> {
    let price = || PropertyName::new("price").expect("a name");
    let metrics = [
        Metric::Count,
        Metric::Uniques,
        Metric::Uniques,
        Metric::Conversions,
        Metric::ConversionRate,
        Metric::ConversionRate,
    ];
    let aggregates = Aggregate::ALL.into_iter().map(|aggregate| Metric::Of(aggregate, price()));
    let metric = proptest::sample::select(metrics.into_iter().chain(aggregates).collect::<Vec<_>>());
    let currency = proptest::sample::select(vec![None, None, Some(None), Some(Some("CHF"))]);
    (
        ranges(),
        selectors(),
        filters(),
        metric,
        groups(StatsQuery::MAX_DIMENSIONS),
        stats_buckets(),
        series_limits(),
        currency,
    )
        .prop_map(|(range, events, filters, metric, mut group_by, buckets, limit, currency)| {
            if let Some(otherwise) = currency.filter(|_| group_by.len() < StatsQuery::MAX_DIMENSIONS) {
                group_by.push(Dimension::Currency(otherwise));
            }
            StatsQuery { range, events, filters, metric, group_by, buckets, labels: false, limit }
        })
}

fn stats_buckets() -> impl Strategy<Value = Option<StatsBuckets>> {
    let cyclic = (proptest::sample::select(Cycle::ALL.to_vec()), zones())
        .prop_map(|(cycle, timezone)| Some(StatsBuckets::Cyclic(CyclicBuckets { cycle, timezone })));
    prop_oneof![3 => buckets().prop_map(|buckets| buckets.map(StatsBuckets::Spans)), 2 => cyclic]
}

fn zones() -> impl Strategy<Value = Tz> {
    proptest::sample::select(vec![
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::America__Sao_Paulo,
        Tz::Asia__Kolkata,
        Tz::Australia__Lord_Howe,
    ])
}

fn buckets() -> impl Strategy<Value = Option<Buckets>> {
    let intervals = vec![Interval::Hour, Interval::Day, Interval::Week, Interval::Month];
    let some = (proptest::sample::select(intervals), zones())
        .prop_map(|(interval, timezone)| Some(Buckets { interval, timezone }));
    prop_oneof![Just(None), some]
}
